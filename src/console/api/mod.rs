//! `/api/v1`: what administrators do, as JSON over HTTP. A change is an `Act` that the command line and the pages carry out
//! too; a problem is a problem document (RFC 9457). What is described here for programs stands in `openapi.json`.

mod call_center;
mod desk;
mod page;
mod setting;
mod strict;

use super::{app::App, routes::Route};
use crate::access::screen::Needs;
use axum::{
    http::Method,
    routing::{MethodRouter, delete, get, post, put},
};
pub use strict::Body;

pub const ROUTES: &[Route] = &[
    administer(Method::GET, "/api/v1/call-centers", || get(call_center::list)),
    administer(Method::POST, "/api/v1/call-centers", || post(call_center::add)),
    administer(Method::GET, "/api/v1/call-centers/{name}", || get(call_center::get)),
    administer(Method::DELETE, "/api/v1/call-centers/{name}", || delete(call_center::remove)),
    administer(Method::PUT, "/api/v1/call-centers/{name}/agents/{login}", || put(call_center::assign)),
    administer(Method::DELETE, "/api/v1/call-centers/{name}/agents/{login}", || delete(call_center::unassign)),
    administer(Method::GET, "/api/v1/settings", || get(setting::list)),
    administer(Method::GET, "/api/v1/settings/{key}", || get(setting::get)),
    administer(Method::PUT, "/api/v1/settings/{key}", || put(setting::put)),
];

const fn administer(method: Method, path: &'static str, handler: fn() -> MethodRouter<App>) -> Route {
    Route { method, path, needs: Needs::Administering, handler }
}
