use super::{
    administration, api, app::App, assets, guard, health, live, metrics, order, page, problem::Problem, redial, seat,
    set_up, sign_in,
};
use crate::access::screen::Needs;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{Method, StatusCode},
    middleware::{from_fn_with_state, map_response_with_state},
    routing::{MethodRouter, delete, get, post, put},
};

/// The longest body of a request.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

/// What is served at a path, and what it asks of whoever wants it.
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub needs: Needs,
    pub(super) handler: fn() -> MethodRouter<App>,
}

/// All of them, in one row: no handler is reached but by way of one.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().chain(api::ROUTES)
}

/// The pages, and what a supervisor's page asks for.
const ROUTES: &[Route] = &[
    Route { method: Method::GET, path: "/healthz", needs: Needs::Nothing, handler: || get(health::healthz) },
    Route { method: Method::GET, path: "/metrics", needs: Needs::Nothing, handler: || get(metrics::metrics) },
    Route { method: Method::GET, path: "/assets/{file}", needs: Needs::Nothing, handler: || get(assets::asset) },
    Route { method: Method::GET, path: "/sign-in", needs: Needs::Nothing, handler: || get(page::sign_in) },
    Route { method: Method::POST, path: "/sign-in", needs: Needs::Nothing, handler: || post(sign_in::sign_in) },
    Route { method: Method::POST, path: "/language", needs: Needs::Nothing, handler: || post(page::switch_language) },
    Route { method: Method::GET, path: "/", needs: Needs::SignedIn, handler: || get(page::account) },
    Route { method: Method::GET, path: "/redial", needs: Needs::SignedIn, handler: || get(redial::page) },
    Route { method: Method::POST, path: "/redial", needs: Needs::SignedIn, handler: || post(redial::press) },
    Route {
        method: Method::GET,
        path: "/api/v1/account/calls",
        needs: Needs::SignedIn,
        handler: || get(redial::calls),
    },
    Route {
        method: Method::POST,
        path: "/api/v1/account/redials",
        needs: Needs::SignedIn,
        handler: || post(redial::redial),
    },
    Route { method: Method::POST, path: "/sign-out", needs: Needs::SignedIn, handler: || post(sign_in::sign_out) },
    Route {
        method: Method::POST,
        path: "/sign-out-everywhere",
        needs: Needs::SignedIn,
        handler: || post(sign_in::sign_out_everywhere),
    },
    Route { method: Method::GET, path: "/monitor", needs: Needs::Watching, handler: || get(page::monitor) },
    Route {
        method: Method::GET,
        path: "/administration",
        needs: Needs::Administering,
        handler: || get(administration::first),
    },
    Route {
        method: Method::GET,
        path: "/administration/{section}",
        needs: Needs::Administering,
        handler: || get(administration::show_section),
    },
    Route {
        method: Method::POST,
        path: "/administration/{section}",
        needs: Needs::Administering,
        handler: || post(administration::carry_out),
    },
    Route { method: Method::GET, path: "/set-up/{token}", needs: Needs::Nothing, handler: || get(set_up::set_up) },
    Route { method: Method::GET, path: "/seats", needs: Needs::Seating, handler: || get(page::seats) },
    Route { method: Method::GET, path: "/api/v1/seats", needs: Needs::Seating, handler: || get(seat::list) },
    Route {
        method: Method::PUT,
        path: "/api/v1/seats/{extension}",
        needs: Needs::Administering,
        handler: || put(seat::put),
    },
    Route {
        method: Method::DELETE,
        path: "/api/v1/seats/{extension}",
        needs: Needs::Administering,
        handler: || delete(seat::remove),
    },
    Route { method: Method::GET, path: "/api/v1/agents", needs: Needs::Watching, handler: || get(live::agents_now) },
    Route { method: Method::GET, path: "/api/v1/calls", needs: Needs::Watching, handler: || get(live::calls) },
    Route { method: Method::GET, path: "/api/v1/events", needs: Needs::Watching, handler: || get(live::events) },
    Route { method: Method::POST, path: "/api/v1/orders", needs: Needs::Watching, handler: || post(order::order) },
    Route {
        method: Method::DELETE,
        path: "/api/v1/orders/{id}",
        needs: Needs::Watching,
        handler: || delete(order::cancel),
    },
    Route { method: Method::GET, path: "/api/v1/sessions", needs: Needs::Watching, handler: || get(live::sessions) },
    Route {
        method: Method::DELETE,
        path: "/api/v1/sessions/{id}",
        needs: Needs::Administering,
        handler: || delete(order::end_session),
    },
];

pub fn router(app: App) -> Router {
    let mut router = Router::new();
    for Route { path, needs, handler, .. } in routes() {
        let guard = from_fn_with_state((app.clone(), *needs), guard::guard);
        router = router.route(path, handler().route_layer(guard));
    }
    router
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "there is nothing at this address") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this address does not take this method")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(map_response_with_state(app.clone(), guard::secure))
        .with_state(app)
}
