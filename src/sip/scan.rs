//! Cutting header text outside quoted strings and angle brackets (RFC 3261 §25.1).

/// Cuts at every `separator` that stands outside quotes and `<…>`. `None` when a quote or a bracket stays open.
pub(super) fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = find(rest, |c| c == separator)? {
        parts.push(rest[..at].trim());
        rest = &rest[at + separator.len_utf8()..];
    }
    parts.push(rest.trim());
    Some(parts)
}

/// The place of the first character wanted outside quotes and `<…>`. The outer `None` says that the text is unbalanced.
pub(super) fn find(text: &str, wanted: impl Fn(char) -> bool) -> Option<Option<usize>> {
    let (mut quoted, mut escaped, mut bracketed) = (false, false, false);
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if quoted {
            match c {
                '\\' => escaped = true,
                '"' => quoted = false,
                _ => {}
            }
        } else if bracketed {
            bracketed = c != '>';
        } else if wanted(c) {
            return Some(Some(at));
        } else if c == '"' {
            quoted = true;
        } else if c == '<' {
            bracketed = true;
        }
    }
    (!quoted && !bracketed).then_some(None)
}

/// The text of a quoted-string that begins at the opening quote, and what follows its closing quote.
pub(super) fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut plain = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((plain, &inner[at + 1..])),
            '\\' => plain.push(chars.next()?.1),
            _ => plain.push(c),
        }
    }
    None
}

pub(super) fn quote(plain: &str) -> String {
    let mut text = String::with_capacity(plain.len() + 2);
    text.push('"');
    for c in plain.chars() {
        if matches!(c, '"' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('"');
    text
}

/// RFC 3261 §25.1 `token`.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

/// A number of digits only: no sign, no space, and `None` when it does not fit.
pub(super) fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_inside_quotes_or_brackets_does_not_cut() {
        let parts = split(r#""Smith, \"J\"" <sip:a,b@c>, sip:d"#, ',');
        assert_eq!(parts, Some(vec![r#""Smith, \"J\"" <sip:a,b@c>"#, "sip:d"]));
    }

    #[test]
    fn an_open_quote_is_an_error() {
        assert_eq!(split(r#""abc, def"#, ','), None);
        assert_eq!(split("<abc, def", ','), None);
    }

    #[test]
    fn quoting_and_unquoting_are_inverse() {
        let plain = r#"a "b" \ c"#;
        assert_eq!(quoted(&quote(plain)), Some((plain.to_string(), "")));
    }
}
