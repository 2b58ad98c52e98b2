//! RFC 4235: the document that says which dialogs an extension has, for the lamps of other phones.
//!
//! It says that somebody is called or talks, and nothing of whom with: a supervisor's phone is in a call like any other (A7).

use std::fmt::Write;

pub const CONTENT_TYPE: &str = "application/dialog-info+xml";

/// The event package (RFC 4235 §3.1).
pub const PACKAGE: &str = "dialog";

/// One dialog of the extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogInfo {
    /// Tells it from the other dialogs of the same extension.
    pub id: String,
    /// The extension called; else it was called.
    pub initiator: bool,
    pub state: DialogState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialogState {
    Early,
    Confirmed,
    Terminated,
}

/// Whether a document tells all dialogs, or those that have changed (§4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    Full,
    Partial,
}

impl DialogState {
    fn as_str(self) -> &'static str {
        match self {
            DialogState::Early => "early",
            DialogState::Confirmed => "confirmed",
            DialogState::Terminated => "terminated",
        }
    }
}

/// The document. `entity` is the extension's URI; `version` counts the documents of one subscription from 0 on.
pub fn document(entity: &str, version: u32, extent: Extent, dialogs: &[DialogInfo]) -> Vec<u8> {
    let state = match extent {
        Extent::Full => "full",
        Extent::Partial => "partial",
    };
    let mut xml = format!(
        "<?xml version=\"1.0\"?>\r\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" \
         state=\"{state}\" entity=\"{}\">\r\n",
        escaped(entity)
    );
    for dialog in dialogs {
        let direction = if dialog.initiator { "initiator" } else { "recipient" };
        // Writing to a string does not fail.
        let _ = write!(
            xml,
            "<dialog id=\"{}\" direction=\"{direction}\"><state>{}</state></dialog>\r\n",
            escaped(&dialog.id),
            dialog.state.as_str()
        );
    }
    xml.push_str("</dialog-info>\r\n");
    xml.into_bytes()
}

/// For an attribute in double quotes (XML 1.0 §2.3).
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_tells_each_dialog_and_escapes_what_it_names() {
        let dialog = |id: &str, initiator, state| DialogInfo { id: id.to_owned(), initiator, state };
        let dialogs = [dialog("a", true, DialogState::Confirmed), dialog("b\"<&\n", false, DialogState::Terminated)];
        let xml = document("sip:1000@sip.example", 7, Extent::Partial, &dialogs);
        insta::assert_snapshot!(String::from_utf8(xml).unwrap().replace("\r\n", "\n"), @r#"
        <?xml version="1.0"?>
        <dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="7" state="partial" entity="sip:1000@sip.example">
        <dialog id="a" direction="initiator"><state>confirmed</state></dialog>
        <dialog id="b&quot;&lt;&amp;�" direction="recipient"><state>terminated</state></dialog>
        </dialog-info>
        "#);
    }
}
