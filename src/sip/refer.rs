//! What a transfer asks for: RFC 3515 (REFER and Refer-To), RFC 3891 (Replaces).

use super::{BadHeader, DialogId, Headers, Params, Scheme, Uri};
use percent_encoding::percent_decode_str;

/// Where a phone wants its other party to be sent.
pub struct ReferTo {
    /// Without its headers. It has no `Debug` that shows the user part.
    pub uri: Uri,
    /// The dialog whose place the new one is to take: an attended transfer.
    pub replaces: Option<Replaces>,
}

/// A dialog, in the words of whoever is asked to give it up (RFC 3891 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaces {
    pub dialog: DialogId,
    /// Only if nobody has answered yet.
    pub early_only: bool,
}

impl ReferTo {
    /// Of a REFER: exactly one, to be called by INVITE (RFC 3515 §2.4.1, §2.1).
    pub fn of(headers: &Headers) -> Result<Self, BadHeader> {
        const MALFORMED: BadHeader = BadHeader::Malformed("Refer-To");
        let mut addresses = headers.addresses("Refer-To")?.into_iter();
        let (Some(address), None) = (addresses.next(), addresses.next()) else {
            return Err(if headers.contains("Refer-To") { MALFORMED } else { BadHeader::Missing("Refer-To") });
        };
        let mut uri = address.parsed_uri().map_err(|_| MALFORMED)?;
        let by_invite = uri.params.raw("method").is_none_or(|method| method.eq_ignore_ascii_case("INVITE"));
        if !by_invite || !matches!(uri.scheme, Scheme::Sip | Scheme::Sips) {
            return Err(MALFORMED);
        }
        let carried = uri.headers.take().unwrap_or_default();
        let replaces = carried.split('&').filter_map(|header| header.split_once('=')).find_map(|(name, value)| {
            name.eq_ignore_ascii_case("Replaces").then(|| percent_decode_str(value).decode_utf8_lossy().into_owned())
        });
        let replaces = replaces.map(|text| Replaces::parse(&text).ok_or(MALFORMED)).transpose()?;
        Ok(Self { uri, replaces })
    }
}

impl Replaces {
    /// Of an INVITE: `None` when it replaces nothing. More than one is an error (RFC 3891 §3).
    pub fn of(headers: &Headers) -> Result<Option<Self>, BadHeader> {
        let mut values = headers.all("Replaces");
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(text), None) => Self::parse(text).map(Some).ok_or(BadHeader::Malformed("Replaces")),
            (Some(_), Some(_)) => Err(BadHeader::Malformed("Replaces")),
        }
    }

    /// `call-id;to-tag=…;from-tag=…`; the to-tag is that of the side that is asked.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (call_id, rest) = text.split_at(text.find(';')?);
        let params = Params::parse(rest)?;
        let tag = |name| params.raw(name).filter(|tag| !tag.is_empty()).map(str::to_owned);
        let (local_tag, remote_tag) = (tag("to-tag")?, tag("from-tag")?);
        let call_id = call_id.trim_end().to_owned();
        let fits = !call_id.is_empty() && !call_id.contains(char::is_whitespace);
        fits.then(|| Self {
            dialog: DialogId { call_id, local_tag, remote_tag },
            early_only: params.contains("early-only"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refer_to(text: &str) -> Result<ReferTo, BadHeader> {
        let mut headers = Headers::default();
        headers.push("Refer-To", text);
        ReferTo::of(&headers)
    }

    #[test]
    fn a_blind_transfer_names_a_number_and_an_attended_one_a_dialog_too() {
        let blind = refer_to("<sip:2000@sip.example;method=INVITE>").unwrap();
        assert_eq!((blind.uri.user.as_deref(), blind.replaces), (Some("2000"), None));
        let text = "<sip:2000@sip.example?Replaces=a%40b%3Bto-tag%3D7%3Bfrom-tag%3D8&Subject=x>";
        let dialog = DialogId { call_id: "a@b".into(), local_tag: "7".into(), remote_tag: "8".into() };
        assert_eq!(refer_to(text).unwrap().replaces, Some(Replaces { dialog, early_only: false }));
    }

    #[test]
    fn what_is_no_call_or_not_one_is_refused() {
        for text in [
            "",
            "<tel:2000>",
            "<http://sip.example>",
            "<sip:2000@sip.example;method=BYE>",
            "<sip:2000@sip.example>, <sip:2001@sip.example>",
            "<sip:2000@sip.example?Replaces=a>",
            "<sip:2000@sip.example?Replaces=a%3Bto-tag%3D7>",
            "<sip:2000@sip.example?Replaces=%3Bto-tag%3D7%3Bfrom-tag%3D8>",
        ] {
            assert!(refer_to(text).is_err(), "{text}");
        }
        assert!(ReferTo::of(&Headers::default()).is_err());
    }

    #[test]
    fn an_invite_replaces_one_dialog_or_none() {
        let mut headers = Headers::default();
        assert_eq!(Replaces::of(&headers).unwrap(), None);
        headers.push("Replaces", "a@b ; to-tag=7;from-tag=8;early-only");
        assert!(Replaces::of(&headers).unwrap().unwrap().early_only);
        headers.push("Replaces", "c@d;to-tag=7;from-tag=8");
        assert!(Replaces::of(&headers).is_err());
    }

    proptest! {
        #[test]
        fn any_text_never_panics(text in "\\PC{0,80}") {
            let _ = refer_to(&text);
            let _ = Replaces::parse(&text);
        }
    }
}
