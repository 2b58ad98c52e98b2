//! A softphone that is set up by a picture: the code on the page leads to an address that is good once, and from which the phone
//! reads how to register, with a password that nobody else has seen (the remote provisioning of Linphone, `lpconfig.xsd`).

use super::{app::App, problem::Problem, server::Peer};
use crate::{
    engine::control::Request,
    model::Secret,
    store::{Actor, SetUp},
};
use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use qrcode::{QrCode, render::svg};

/// The side of the picture, in pixels.
const PICTURE: u32 = 240;

/// Where phones register.
#[derive(Clone, Debug)]
pub struct Registrar {
    /// `host:port`
    pub address: String,
    /// `udp`, `tcp` or `tls`
    pub transport: &'static str,
    pub domain: String,
}

/// What is shown to whoever sets a phone up.
pub struct Code {
    pub address: String,
    pub picture: String,
}

impl Code {
    /// `None`: the browser did not say where it is.
    pub fn new(app: &App, headers: &HeaderMap, made: &SetUp) -> Option<Self> {
        let host = headers.get(header::HOST)?.to_str().ok()?;
        let scheme = if app.is_secure() { "https" } else { "http" };
        let address = format!("{scheme}://{host}/set-up/{}", made.token.expose());
        let code = QrCode::new(&address).ok()?;
        let drawn = code.render::<svg::Color<'_>>().min_dimensions(PICTURE, PICTURE).build();
        let picture = drawn.split_once("?>").map_or(drawn.as_str(), |(_, picture)| picture).to_owned();
        Some(Self { address, picture })
    }
}

/// What the phone is told, once.
pub async fn set_up(
    State(app): State<App>,
    Path(token): Path<String>,
    Extension(Peer(from)): Extension<Peer>,
) -> Result<Response, Problem> {
    let redeemed = app.store().redeem_set_up(&Actor::now(from.to_string()), &Secret::new(token)).await?;
    let (extension, password) = redeemed.ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "this code was used, or is too old: ask an administrator for another")
    })?;
    app.engine().ask(Request::Refresh).await;
    let Registrar { address, transport, domain } = app.registrar();
    let entry = |name, value: &str| format!("    <entry name=\"{name}\">{}</entry>\n", escaped(value));
    let account = [
        entry("reg_proxy", &format!("<sip:{address};transport={transport}>")),
        entry("reg_identity", &format!("<sip:{extension}@{domain}>")),
        entry("reg_sendregister", "1"),
        entry("publish", "0"),
    ];
    let secret = [
        entry("username", extension.as_str()),
        entry("passwd", password.as_secret().expose()),
        entry("domain", domain),
    ];
    let section = |name, entries: &[String]| {
        format!("  <section name=\"{name}\" overwrite=\"true\">\n{}  </section>\n", entries.concat())
    };
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<config xmlns=\"http://www.linphone.org/xsds/lpconfig.xsd\">\n{}{}{}</config>\n",
        section("sip", &[entry("default_proxy", "0")]),
        section("proxy_0", &account),
        section("auth_info_0", &secret),
    );
    Ok(([(header::CONTENT_TYPE, "application/xml")], text).into_response())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
