use axum::http::{HeaderMap, header};

/// In which language a page is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Japanese,
    English,
}

/// The cookie that the switch of the page sets.
pub const COOKIE: &str = "sasayaki-language";

impl Language {
    pub fn tag(self) -> &'static str {
        match self {
            Language::Japanese => "ja",
            Language::English => "en",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Language::Japanese => "日本語",
            Language::English => "English",
        }
    }

    /// The one that the switch leads to.
    pub fn other(self) -> Language {
        match self {
            Language::Japanese => Language::English,
            Language::English => Language::Japanese,
        }
    }

    /// From `ja`, `en-GB` and their like.
    pub fn from_tag(tag: &str) -> Option<Self> {
        match tag.trim().split('-').next()?.to_ascii_lowercase().as_str() {
            "ja" => Some(Language::Japanese),
            "en" => Some(Language::English),
            _ => None,
        }
    }

    /// As switched, else as the browser wishes (RFC 9110 §12.5.4), else Japanese.
    pub fn of(headers: &HeaderMap) -> Self {
        let switched = super::guard::cookie(headers, COOKIE).and_then(Self::from_tag);
        let wished = || headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok().and_then(preferred);
        switched.or_else(wished).unwrap_or(Language::Japanese)
    }
}

fn preferred(accepted: &str) -> Option<Language> {
    let weighed = accepted.split(',').filter_map(|part| {
        let mut fields = part.split(';');
        let language = Language::from_tag(fields.next()?)?;
        let weight = fields.find_map(|field| field.trim().strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
        (weight > 0.0).then_some((language, weight))
    });
    // Of equal ones the first.
    weighed.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(language, _)| language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browser_is_given_what_it_likes_best() {
        for (accepted, expected) in [
            ("ja,en-US;q=0.9,en;q=0.8", Some(Language::Japanese)),
            ("en-GB", Some(Language::English)),
            ("de-DE,de;q=0.9,en;q=0.5", Some(Language::English)),
            ("ja;q=0.1, EN;q=0.2", Some(Language::English)),
            ("en;q=0, ja;q=0.1", Some(Language::Japanese)),
            ("de", None),
            ("", None),
            (";q=,;;,q", None),
        ] {
            assert_eq!(preferred(accepted), expected, "{accepted}");
        }
    }
}
