//! Digits in SIP INFO: `application/dtmf-relay` (`Signal=5`, `Duration=160`) and `application/dtmf` (`5`).
//! No RFC defines them (RFC 6086 §1 only tells of their use), so every known spelling is read.

use crate::model::Digit;

/// What most phones read.
const RELAY: &str = "application/dtmf-relay";

/// Whether a member of Accept is the content type in which we say keys.
pub fn is_info_type(accepted: &str) -> bool {
    media_type(accepted).eq_ignore_ascii_case(RELAY)
}

/// The digit of an INFO body; `None` for another content type or anything that is not one key.
pub fn parse_info(content_type: &str, body: &[u8]) -> Option<Digit> {
    let text = std::str::from_utf8(body.get(..body.len().min(MAX_BODY_BYTES))?).ok()?;
    let media_type = media_type(content_type);
    if media_type.eq_ignore_ascii_case(RELAY) {
        text.lines().find_map(signal_value).and_then(key)
    } else if media_type.eq_ignore_ascii_case("application/dtmf") {
        text.lines().find_map(signal_value).or(Some(text)).and_then(key)
    } else {
        None
    }
}

/// The content type and the body that say a digit.
pub fn write_info(digit: Digit) -> (&'static str, Vec<u8>) {
    let body = format!("Signal={}\r\nDuration={DURATION_MS}\r\n", digit.as_char());
    (RELAY, body.into_bytes())
}

fn media_type(header: &str) -> &str {
    header.split(';').next().unwrap_or_default().trim()
}

fn signal_value(line: &str) -> Option<&str> {
    let (name, value) = line.split_once(['=', ':'])?;
    name.trim().eq_ignore_ascii_case("signal").then_some(value)
}

/// A key by its face, or by its event code where that has two figures (`10` is `*`, `11` is `#`).
fn key(text: &str) -> Option<Digit> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\0'));
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(face), None) => Digit::try_from(face).ok(),
        (Some('1'), Some('0'..='5')) if text.len() == 2 => text.parse().ok().and_then(Digit::from_event_code),
        (Some(_), Some(_)) if text.eq_ignore_ascii_case("star") => Some(Digit::STAR),
        (Some(_), Some(_)) if ["hash", "pound"].iter().any(|name| text.eq_ignore_ascii_case(name)) => Some(Digit::HASH),
        _ => None,
    }
}

/// How long the key was pressed, we say.
const DURATION_MS: u32 = 100;
/// More than any such body needs; what comes after is not read.
const MAX_BODY_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn heard(content_type: &str, body: &str) -> Option<char> {
        parse_info(content_type, body.as_bytes()).map(Digit::as_char)
    }

    #[test]
    fn a_relay_body_names_its_signal() {
        assert_eq!(heard("application/dtmf-relay", "Signal=5\r\nDuration=160"), Some('5'));
        assert_eq!(heard("Application/DTMF-Relay; charset=utf-8", "signal = 5 \r\nduration = 160\r\n"), Some('5'));
        assert_eq!(heard("application/dtmf-relay", "Duration=250\nSIGNAL:d\n"), Some('D'));
    }

    #[test]
    fn star_and_hash_come_by_face_code_or_name() {
        for star in ["*", "10", "star", " * "] {
            assert_eq!(heard("application/dtmf-relay", &format!("Signal={star}\r\n")), Some('*'));
        }
        for hash in ["#", "11", "hash", "Pound"] {
            assert_eq!(heard("application/dtmf-relay", &format!("Signal={hash}\r\n")), Some('#'));
        }
        assert_eq!(heard("application/dtmf-relay", "Signal=12"), Some('A'));
        assert_eq!(heard("application/dtmf-relay", "Signal=1"), Some('1'));
    }

    #[test]
    fn what_is_written_is_read() {
        for digit in (0..16).filter_map(Digit::from_event_code) {
            let (content_type, body) = write_info(digit);
            assert!(parse_info(content_type, &body) == Some(digit));
        }
    }

    #[test]
    fn a_plain_body_is_the_key_itself() {
        assert_eq!(heard("application/dtmf", "5"), Some('5'));
        assert_eq!(heard("application/dtmf", " #\r\n"), Some('#'));
        assert_eq!(heard("application/dtmf", "Signal=7\r\nDuration=100\r\n"), Some('7'));
    }

    #[test]
    fn what_is_not_one_key_is_no_digit() {
        for body in ["", "16", "55", "Signal=", "Signal=!\r\n", "Signal=hookflash", "x=5"] {
            assert!(heard("application/dtmf-relay", body).is_none(), "{body}");
        }
        assert!(heard("application/dtmf", "123").is_none());
        assert!(heard("text/plain", "5").is_none());
        assert!(parse_info("application/dtmf", &[0xff, 0xfe]).is_none());
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(content_type in "(application/dtmf(-relay)?)?.{0,8}", body: Vec<u8>) {
            let _ = parse_info(&content_type, &body);
            let _ = parse_info("application/dtmf-relay", &[b"Signal=".as_slice(), &body].concat());
        }
    }
}
