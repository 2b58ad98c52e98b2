//! `/api/v1`: what administrators do, as JSON over HTTP. A change is an `Act` that the command line and the pages carry out
//! too; a problem is a problem document (RFC 9457). What is described here for programs stands in `openapi.json`.

mod account;
mod call_center;
mod cdr;
mod desk;
mod extension;
mod lockout;
mod page;
mod permission;
mod setting;
mod strict;
mod token;
mod trail;
mod trunk;

use super::{app::App, routes::Route};
use crate::access::screen::Needs;
use axum::{
    http::{Method, header},
    response::IntoResponse,
    routing::{MethodRouter, delete, get, patch, post, put},
};
pub use desk::{Desk, Named};
pub use strict::Body;

pub const ROUTES: &[Route] = &[
    administer(Method::GET, "/api/v1/accounts", || get(account::list)),
    administer(Method::POST, "/api/v1/accounts", || post(account::add)),
    administer(Method::GET, "/api/v1/accounts/{login}", || get(account::get)),
    administer(Method::PATCH, "/api/v1/accounts/{login}", || patch(account::change)),
    administer(Method::DELETE, "/api/v1/accounts/{login}", || delete(account::remove)),
    administer(Method::PUT, "/api/v1/accounts/{login}/dial-id", || put(account::set_dial_id)),
    administer(Method::DELETE, "/api/v1/accounts/{login}/dial-id", || delete(account::clear_dial_id)),
    administer(Method::POST, "/api/v1/accounts/{login}/one-time-codes", || post(account::one_time)),
    administer(Method::PUT, "/api/v1/accounts/{login}/permissions/{resource}", || put(permission::grant)),
    administer(Method::DELETE, "/api/v1/accounts/{login}/permissions/{resource}", || delete(permission::revoke)),
    administer(Method::PUT, "/api/v1/accounts/{login}/denials/{resource}", || put(permission::deny)),
    administer(Method::GET, "/api/v1/audit", || get(trail::list)),
    administer(Method::GET, "/api/v1/audit/verification", || get(trail::verify)),
    administer(Method::GET, "/api/v1/call-centers", || get(call_center::list)),
    administer(Method::POST, "/api/v1/call-centers", || post(call_center::add)),
    administer(Method::GET, "/api/v1/call-centers/{name}", || get(call_center::get)),
    administer(Method::DELETE, "/api/v1/call-centers/{name}", || delete(call_center::remove)),
    administer(Method::PUT, "/api/v1/call-centers/{name}/agents/{login}", || put(call_center::assign)),
    administer(Method::DELETE, "/api/v1/call-centers/{name}/agents/{login}", || delete(call_center::unassign)),
    administer(Method::GET, "/api/v1/cdr", || get(cdr::list)),
    administer(Method::GET, "/api/v1/cdr.csv", || get(cdr::csv)),
    administer(Method::GET, "/api/v1/extensions", || get(extension::list)),
    administer(Method::POST, "/api/v1/extensions", || post(extension::add)),
    administer(Method::GET, "/api/v1/extensions/{number}", || get(extension::get)),
    administer(Method::PATCH, "/api/v1/extensions/{number}", || patch(extension::change)),
    administer(Method::DELETE, "/api/v1/extensions/{number}", || delete(extension::remove)),
    administer(Method::GET, "/api/v1/health", || get(super::health::health)),
    administer(Method::GET, "/api/v1/lockouts", || get(lockout::list)),
    administer(Method::DELETE, "/api/v1/lockouts/{login}", || delete(lockout::unlock)),
    Route { method: Method::GET, path: "/api/v1/openapi.json", needs: Needs::Nothing, handler: || get(document) },
    administer(Method::GET, "/api/v1/permissions", || get(permission::list)),
    administer(Method::GET, "/api/v1/settings", || get(setting::list)),
    administer(Method::GET, "/api/v1/settings/{key}", || get(setting::get)),
    administer(Method::PUT, "/api/v1/settings/{key}", || put(setting::put)),
    administer(Method::GET, "/api/v1/tokens", || get(token::list)),
    administer(Method::POST, "/api/v1/tokens", || post(token::make)),
    administer(Method::DELETE, "/api/v1/tokens/{id}", || delete(token::revoke)),
    administer(Method::GET, "/api/v1/trunks", || get(trunk::list)),
    administer(Method::POST, "/api/v1/trunks", || post(trunk::add)),
    administer(Method::GET, "/api/v1/trunks/{name}", || get(trunk::get)),
    administer(Method::PATCH, "/api/v1/trunks/{name}", || patch(trunk::change)),
    administer(Method::DELETE, "/api/v1/trunks/{name}", || delete(trunk::remove)),
];

/// What programs and people read to know all this (OpenAPI 3.1).
const DOCUMENT: &str = include_str!("openapi.json");

async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT)
}

const fn administer(method: Method, path: &'static str, handler: fn() -> MethodRouter<App>) -> Route {
    Route { method, path, needs: Needs::Administering, handler }
}
