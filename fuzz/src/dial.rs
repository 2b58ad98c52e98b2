use sasayaki::{
    dialplan::{DialPlan, Route},
    model::Mode,
};
use std::sync::LazyLock;

/// The user part of a request URI: whatever is dialled has a route, and a short dial carries digits alone.
pub fn shortdial(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    static PLAN: LazyLock<DialPlan> = LazyLock::new(DialPlan::default);
    let plan = &*PLAN;
    // As it came, and behind each code.
    let codes = [Mode::Monitor, Mode::Whisper].map(|mode| plan.code(mode).map(str::to_owned));
    let dialled = codes.into_iter().flatten().map(|code| format!("{code}*{text}"));
    for dialled in dialled.chain([text.clone().into_owned()]) {
        match plan.route(&dialled) {
            Route::Feature(feature) => {
                let digits =
                    |text: &str| !text.is_empty() && text.len() <= 64 && text.bytes().all(|key| key.is_ascii_digit());
                if let Some(short) = feature.short {
                    assert!(digits(short.id.expose()) && digits(short.password.expose()));
                    assert!(!feature.mobile, "no short dial from mobile");
                }
            }
            Route::Refuse { status, .. } => assert!((400..700).contains(&status)),
            Route::Extension(number) => assert!(!number.as_str().is_empty()),
            Route::Outside(_) | Route::Unknown => {}
        }
    }
}

/// A dial plan: it can be used, or every finding names a place in the file.
pub fn dialplan(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match DialPlan::parse(&[("fuzzed.toml", text)]) {
        Ok(plan) => {
            for dialled in ["", "0070", "0070*1*2", "80070", "1000", "0312345678", "*", "#"] {
                let _ = plan.route(dialled);
            }
        }
        Err(findings) => {
            assert!(!findings.is_empty(), "a refusal without a reason");
            assert!(findings.iter().all(|finding| finding.to_string().contains("fuzzed.toml")));
        }
    }
}
