use super::scan;
use std::fmt;

/// `;name=value` parameters of a URI, an address or a Via, in order, values as received (a quoted value keeps its quotes).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, Option<String>)>);

impl Params {
    /// Parses what follows the first `;`-less part: either nothing or `;a;b=c`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return Some(Self::default());
        }
        scan::split(text.strip_prefix(';')?, ';')?.into_iter().map(parse_one).collect::<Option<_>>().map(Self)
    }

    pub fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The value, unquoted; `None` when the parameter is absent or has no value.
    pub fn get(&self, name: &str) -> Option<String> {
        let raw = self.raw(name)?;
        match scan::quoted(raw) {
            Some((plain, _)) => Some(plain),
            None => Some(raw.to_string()),
        }
    }

    /// The value as received.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.find(name)?.1.as_deref()
    }

    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let value = value.map(str::to_string);
        match self.0.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some(param) => param.1 = value,
            None => self.0.push((name.to_string(), value)),
        }
    }

    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    fn find(&self, name: &str) -> Option<&(String, Option<String>)> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))
    }
}

fn parse_one(text: &str) -> Option<(String, Option<String>)> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name.trim(), Some(value.trim())),
        None => (text, None),
    };
    let name_is_fit = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || "\"<>".contains(c));
    (name_is_fit && value.is_none_or(is_value)).then(|| (name.to_string(), value.map(str::to_string)))
}

fn is_value(text: &str) -> bool {
    match scan::quoted(text) {
        Some((_, rest)) => rest.is_empty(),
        None => !text.contains(|c: char| c.is_whitespace() || "\"<>".contains(c)),
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.iter() {
            match value {
                Some(value) => write!(f, ";{name}={value}")?,
                None => write!(f, ";{name}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_keep_their_order_and_their_quotes() {
        let text = r#";lr;x="a;b";Tag=q"#;
        let params = Params::parse(text).unwrap();
        assert_eq!(params.to_string(), text);
        assert_eq!(params.get("X").as_deref(), Some("a;b"));
        assert_eq!(params.raw("tag"), Some("q"));
        assert!(params.contains("LR"));
    }

    #[test]
    fn white_space_around_the_signs_is_nothing() {
        assert_eq!(Params::parse(" ; a = b ; c").unwrap().to_string(), ";a=b;c");
    }

    #[test]
    fn an_empty_name_or_a_broken_value_is_refused() {
        for text in [";=x", ";a=\"b", ";;", "a", ";a=b c", ";a=\"b\"c"] {
            assert!(Params::parse(text).is_none(), "{text}");
        }
    }
}
