//! What the store keeps for the switch: the extensions, and the registrations of an earlier run.

use crate::{
    sip::{Binding, Change, Flow, Transport, digest::Algorithm},
    store::{self, Store},
    switch::embedded::{Directory, DirectoryEntry},
};

pub async fn directory(store: &Store) -> store::Result<Directory> {
    let entries = store.directory().await?;
    Ok(Directory::new(entries.into_iter().map(|entry| DirectoryEntry {
        number: entry.number,
        name: entry.name,
        ha1_md5: entry.ha1_md5,
        ha1_sha256: entry.ha1_sha256,
        digest: entry.digest.map(|names| names.iter().filter_map(|name| Algorithm::from_name(name)).collect()),
        srtp: entry.srtp,
    })))
}

/// The registrations of an earlier run that have not expired.
pub async fn bindings(store: &Store, now_ms: u64) -> store::Result<Vec<Binding>> {
    let rows = store.bindings(now_ms).await?;
    Ok(rows.into_iter().filter_map(binding).collect())
}

fn binding(row: store::BindingRow) -> Option<Binding> {
    let transport = Transport::from_word(&row.transport)?;
    Some(Binding {
        extension: row.extension,
        contact: row.contact.parse().ok()?,
        flow: Flow { transport, local: row.local, remote: row.remote },
        expires_at_unix_ms: row.expires_at_ms,
        instance: row.instance,
        q: row.q,
        call_id: row.call_id,
        cseq: row.cseq,
    })
}

/// A change of the registrar, as it is kept.
pub fn kept(change: Change) -> store::BindingChange {
    match change {
        Change::Upsert(binding) => store::BindingChange::Upsert(store::BindingRow {
            extension: binding.extension,
            contact: binding.contact.to_string(),
            instance: binding.instance,
            q: binding.q,
            call_id: binding.call_id,
            cseq: binding.cseq,
            transport: word(binding.flow.transport),
            local: binding.flow.local,
            remote: binding.flow.remote,
            expires_at_ms: binding.expires_at_unix_ms,
        }),
        Change::Remove { extension, contact } => {
            store::BindingChange::Remove { extension, contact: contact.to_string() }
        }
    }
}

fn word(transport: Transport) -> String {
    transport.as_str().to_ascii_lowercase()
}
