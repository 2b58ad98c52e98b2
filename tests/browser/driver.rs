//! A Chromium without a screen, driven by its chromedriver; both end with this value.

use crate::{office::Office, support::within};
use base64ct::{Base64, Encoding};
use fantoccini::{
    Client, ClientBuilder, Locator,
    actions::{InputSource, KeyAction, KeyActions, MOUSE_BUTTON_LEFT, MouseActions, PointerAction},
    key::Key,
    wd::WebDriverCompatibleCommand,
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// On a slow machine a browser takes its time.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// `tests/run` fetches it.
const AXE: &str = "target/axe-core/package/axe.min.js";

/// What WCAG 2.2 AA asks for.
const RULES: [&str; 5] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/// The width of a phone, and that of a desk.
pub const NARROW: (u32, u32) = (375, 812);
pub const WIDE: (u32, u32) = (1180, 860);

pub struct Driver {
    client: Client,
    console: String,
    chromedriver: Child,
    _folder: TempDir,
}

/// A command of the browser's own protocol.
#[derive(Debug)]
struct Devtools(Value);

impl WebDriverCompatibleCommand for Devtools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.0.to_string()))
    }
}

impl Driver {
    /// A browser whose owner reads this language: `ja` or `en`.
    pub async fn start(office: &Office, language: &str) -> Self {
        let folder = TempDir::with_prefix("browser-").unwrap();
        let log = folder.path().join("log");
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(File::create(&log).unwrap()).stderr(Stdio::null());
        let chromedriver = command.process_group(0).spawn().expect("chromedriver (tests/run installs it)");
        let port = within(PATIENCE, || port_in(&fs::read_to_string(&log).ok()?)).expect("chromedriver does not start");
        let arguments = [
            "--headless=new".to_owned(),
            // In a container there is no sandbox to be had; nothing but the console is ever looked at.
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--hide-scrollbars".to_owned(),
            format!("--user-data-dir={}", folder.path().join("profile").display()),
            format!("--accept-lang={language}"),
        ];
        let capabilities = json!({ "goog:chromeOptions": { "args": arguments } });
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities.as_object().unwrap().clone());
        let client = builder.connect(&format!("http://127.0.0.1:{port}")).await.expect("a browser starts");
        let console = format!("http://{}", office.engine.console);
        let driver = Self { client, console, chromedriver, _folder: folder };
        driver.resize(WIDE).await;
        driver
    }

    pub async fn sign_in(&self, login: &str) {
        self.open("/sign-in").await;
        for (field, text) in [("login", login), ("password", "web-secret")] {
            self.find(&format!("input[name={field}]")).await.send_keys(text).await.unwrap();
        }
        self.click("main button").await;
        self.waits_for("nav", "return location.pathname !== '/sign-in'").await;
    }

    pub async fn open(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.console)).await.unwrap();
    }

    pub async fn find(&self, css: &str) -> fantoccini::elements::Element {
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await;
        found.unwrap_or_else(|error| panic!("{css}: {error}"))
    }

    pub async fn click(&self, css: &str) {
        let element = self.find(css).await;
        element.click().await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Presses the button, or the like, that shows these words.
    pub async fn press(&self, words: &str) {
        let path = format!("//main//*[(self::button or self::summary or self::a) and normalize-space()='{words}']");
        let element = self.client.wait().at_most(PATIENCE).for_element(Locator::XPath(&path)).await;
        let element = element.unwrap_or_else(|error| panic!("{words}: {error}"));
        element.click().await.unwrap_or_else(|error| panic!("{words}: {error}"));
    }

    pub async fn key(&self, key: Key) {
        self.keys(&[key]).await;
    }

    pub async fn keys(&self, keys: &[Key]) {
        let mut actions = KeyActions::new("keyboard".to_owned());
        for key in keys {
            let value = char::from(*key);
            actions = actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        self.client.perform_actions(actions).await.unwrap();
    }

    /// Presses Tab until this has the focus.
    pub async fn tab_to(&self, css: &str) {
        let script = format!("return document.activeElement?.matches({css:?}) ?? false");
        for _ in 0..80 {
            if self.run(&script).await == json!(true) {
                return;
            }
            self.key(Key::Tab).await;
        }
        panic!("{css} cannot be reached by keyboard");
    }

    /// Takes something by its middle and lets it go so many pixels further.
    pub async fn drag(&self, css: &str, (right, down): (f64, f64)) {
        let element = self.find(css).await;
        let (x, y, width, height) = element.rectangle().await.unwrap();
        let at = (x + width / 2.0, y + height / 2.0);
        let moved = |(x, y): (f64, f64)| PointerAction::MoveTo { duration: Some(Duration::from_millis(200)), x, y };
        let actions = MouseActions::new("mouse".to_owned())
            .then(moved(at))
            .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
            .then(moved((at.0 + right / 2.0, at.1 + down / 2.0)))
            .then(moved((at.0 + right, at.1 + down)))
            .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        self.client.perform_actions(actions).await.unwrap();
    }

    pub async fn run(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Until a script says `true`.
    pub async fn waits_for(&self, what: &str, script: &str) {
        let end = tokio::time::Instant::now() + PATIENCE;
        // While a page is on its way there is nothing to ask.
        while self.client.execute(script, vec![]).await.ok() != Some(json!(true)) {
            if tokio::time::Instant::now() > end {
                let shown = self.run("return document.body.innerText").await;
                panic!("{what} never came; the page shows {shown}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Until this part of the page holds these words.
    pub async fn says(&self, css: &str, words: &str) {
        let all = format!("[...document.querySelectorAll({css:?})]");
        self.waits_for(words, &format!("return {all}.some((one) => one.innerText.includes({words:?}))")).await;
    }

    pub async fn resize(&self, (width, height): (u32, u32)) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// `light` or `dark`.
    pub async fn prefer(&self, scheme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    pub async fn devtools(&self, command: &str, params: Value) -> Value {
        self.client.issue_cmd(Devtools(json!({ "cmd": command, "params": params }))).await.unwrap()
    }

    /// What axe-core has against the page as it stands.
    pub async fn assert_accessible(&self, page: &str) {
        let axe = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(AXE))
            .unwrap_or_else(|error| panic!("{AXE}: {error} (tests/run fetches it)"));
        self.client.execute(&axe, vec![]).await.unwrap();
        let check = format!(
            "const done = arguments[0]; axe.run(document, {{ runOnly: {RULES:?} }}).then(
               ({{ violations, passes }}) => done({{ passed: passes.length, violations: violations.flatMap(
                 (one) => one.nodes.map((node) => one.id + ': ' + node.html + ' ' + node.failureSummary)) }}),
               (error) => done({{ passed: 0, violations: [String(error)] }}))"
        );
        let result = self.client.execute_async(&check, vec![]).await.unwrap();
        let violations = result["violations"].as_array().unwrap();
        assert!(violations.is_empty(), "{page}: {violations:#?}");
        assert!(result["passed"].as_u64() > Some(5), "{page}: nothing was looked at");
    }

    pub async fn assert_fits(&self, page: &str) {
        let wider = self.run("return document.documentElement.scrollWidth - window.innerWidth").await;
        assert!(wider.as_i64().unwrap() <= 0, "{page} is {wider} px too wide");
    }

    /// A picture of all of the page.
    pub async fn picture(&self, name: &str) {
        let shot = self.devtools("Page.captureScreenshot", json!({ "captureBeyondViewport": true })).await;
        let bytes = Base64::decode_vec(shot["data"].as_str().unwrap()).unwrap();
        let folder = pictures();
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name).with_extension("png"), bytes).unwrap();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The browser is of its group.
        let group = format!("-{}", self.chromedriver.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.chromedriver.wait();
    }
}

/// Where pictures go: `docs/images` when they are to be made anew (`SASAYAKI_IMAGES`), else where they harm nothing.
fn pictures() -> PathBuf {
    let folder = std::env::var("SASAYAKI_IMAGES").unwrap_or_else(|_| "target/images".to_owned());
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

fn port_in(log: &str) -> Option<u16> {
    log.split_once("successfully on port ")?.1.split('.').next()?.parse().ok()
}
