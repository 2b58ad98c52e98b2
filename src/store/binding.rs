use super::{Result, Store, row};
use crate::model::ExtensionNumber;
use sqlx::{Any, Transaction, any::AnyRow};
use std::net::SocketAddr;

/// A registered contact, kept so that the phones of a killed engine are reachable at once (RFC 3261 §10.3).
#[derive(Clone, PartialEq, Eq)]
pub struct BindingRow {
    pub extension: ExtensionNumber,
    /// The contact URI as it was registered: what tells the bindings of an extension apart.
    pub contact: String,
    /// `+sip.instance` (RFC 5626).
    pub instance: Option<String>,
    /// In thousandths.
    pub q: u16,
    pub call_id: String,
    pub cseq: u32,
    /// `udp` or `tcp`.
    pub transport: String,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub expires_at_ms: u64,
}

#[derive(Clone, PartialEq, Eq)]
pub enum BindingChange {
    Upsert(BindingRow),
    Remove { extension: ExtensionNumber, contact: String },
}

impl Store {
    /// Every binding that has not expired.
    pub async fn bindings(&self, now_ms: u64) -> Result<Vec<BindingRow>> {
        let rows = sqlx::query(
            "SELECT extension, contact, instance, q, call_id, cseq, transport, local_address, remote_address, expires_at_ms
             FROM binding WHERE expires_at_ms > $1 ORDER BY extension, contact",
        )
        .bind(row::big(now_ms))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Keeps what the registrar changed, all or nothing. A binding of an extension that is gone by now is passed over.
    pub async fn apply_bindings(&self, changes: &[BindingChange]) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        for change in changes {
            match change {
                BindingChange::Upsert(binding) => self.upsert(&mut tx, binding).await?,
                BindingChange::Remove { extension, contact } => remove(&mut tx, extension, contact).await?,
            }
        }
        Ok(tx.commit().await?)
    }

    async fn upsert(&self, tx: &mut Transaction<'static, Any>, binding: &BindingRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO binding (extension, contact, instance, q, call_id, cseq, transport, local_address, remote_address,
             expires_at_ms, node_id)
             SELECT number, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM extension WHERE number = $1
             ON CONFLICT (extension, contact) DO UPDATE SET instance = excluded.instance, q = excluded.q,
             call_id = excluded.call_id, cseq = excluded.cseq, transport = excluded.transport,
             local_address = excluded.local_address, remote_address = excluded.remote_address,
             expires_at_ms = excluded.expires_at_ms, node_id = excluded.node_id",
        )
        .bind(binding.extension.to_string())
        .bind(binding.contact.as_str())
        .bind(binding.instance.as_deref())
        .bind(i64::from(binding.q))
        .bind(binding.call_id.as_str())
        .bind(i64::from(binding.cseq))
        .bind(binding.transport.as_str())
        .bind(binding.local.to_string())
        .bind(binding.remote.to_string())
        .bind(row::big(binding.expires_at_ms))
        .bind(self.writer.to_string())
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}

async fn remove(tx: &mut Transaction<'static, Any>, extension: &ExtensionNumber, contact: &str) -> Result<()> {
    sqlx::query("DELETE FROM binding WHERE extension = $1 AND contact = $2")
        .bind(extension.to_string())
        .bind(contact)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn read(line: &AnyRow) -> Result<BindingRow> {
    Ok(BindingRow {
        extension: row::parsed(line, "extension")?,
        contact: row::column(line, "contact")?,
        instance: row::column(line, "instance")?,
        q: row::small(line, "q")?,
        call_id: row::column(line, "call_id")?,
        cseq: row::small(line, "cseq")?,
        transport: row::column(line, "transport")?,
        local: row::parsed(line, "local_address")?,
        remote: row::parsed(line, "remote_address")?,
        expires_at_ms: row::number(line, "expires_at_ms")?,
    })
}
