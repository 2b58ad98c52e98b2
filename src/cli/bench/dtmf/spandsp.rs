//! spandsp's receiver as a yardstick: a small program in C, built here and now against what is installed.

use anyhow::Context;
use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// The program, and the folder that holds it as long as it is used.
pub struct Spandsp {
    program: PathBuf,
    _folder: TempDir,
}

impl Spandsp {
    pub fn build() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("no temporary folder")?;
        let (source, program) = (folder.path().join("spandsp.c"), folder.path().join("spandsp"));
        std::fs::write(&source, include_str!("spandsp.c")).context("cannot write to the temporary folder")?;
        let mut compiler = Command::new("cc");
        compiler.arg("-O2").arg("-o").arg(&program).arg(&source).args(["-lspandsp", "-lm"]);
        let built = compiler.stdout(Stdio::null()).stderr(Stdio::null()).status();
        anyhow::ensure!(
            built.is_ok_and(|status| status.success()),
            "spandsp is not installed: not compared (apt-get install libspandsp-dev gcc)"
        );
        Ok(Self { program, _folder: folder })
    }

    /// The processor time that it takes to listen to the samples so many times.
    pub fn time(&self, samples: &[i16], times: u32) -> anyhow::Result<Duration> {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_ne_bytes()).collect();
        let mut command = Command::new(&self.program);
        command.arg(times.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("spandsp's program does not start")?;
        let fed = child.stdin.take().map(|mut stdin| stdin.write_all(&bytes));
        let output = child.wait_with_output()?;
        fed.transpose().context("spandsp's program does not take the audio")?;
        anyhow::ensure!(output.status.success(), "spandsp's program failed: {}", output.status);
        let text = String::from_utf8_lossy(&output.stdout);
        let seconds = text.lines().next().and_then(|line| line.parse().ok());
        seconds.map(Duration::from_secs_f64).context("spandsp's program does not say how long it took")
    }
}
