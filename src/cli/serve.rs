//! `serve` and `demo`.

use super::config::Loaded;
use std::{path::PathBuf, process::ExitCode};

pub async fn serve(_loaded: Loaded, _drain_seconds: u64) -> anyhow::Result<()> {
    anyhow::bail!("the engine is not built yet")
}

pub async fn demo(_loaded: Loaded, _once: bool, _out: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    anyhow::bail!("the demo is not built yet")
}
