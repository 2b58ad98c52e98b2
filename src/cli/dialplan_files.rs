//! The files of the dial plan, for whoever starts or checks the engine.

use super::config::Finding;
use crate::dialplan::{BUILT_IN, DialPlan};
use std::{fs, io, path::Path};

/// Reads every `*.toml` in `dir`, in the order of their names; `None`: the embedded plan.
pub fn read(dir: Option<&Path>) -> Result<DialPlan, Vec<Finding>> {
    let Some(dir) = dir else { return parse(&BUILT_IN) };
    let files = texts(dir).map_err(|error| vec![Finding::error(dir.display().to_string(), None, error.to_string())])?;
    let borrowed: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    parse(&borrowed)
}

/// The same, for whoever cannot go on without it.
pub fn required(dir: Option<&Path>) -> anyhow::Result<DialPlan> {
    let lines = |findings: &[Finding]| findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n");
    read(dir).map_err(|findings| anyhow::anyhow!(lines(&findings)))
}

fn parse(files: &[(&str, &str)]) -> Result<DialPlan, Vec<Finding>> {
    DialPlan::parse(files).map_err(|findings| {
        findings.into_iter().map(|found| Finding::error(found.file, Some(found.line), found.message)).collect()
    })
}

fn texts(dir: &Path) -> io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = fs::read_to_string(&path)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
            files.push((path.display().to_string(), text));
        }
    }
    files.sort();
    Ok(files)
}
