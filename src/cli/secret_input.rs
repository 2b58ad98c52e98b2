//! Passwords come from the first line of standard input or from a hidden prompt, never from an argument.

use crate::model::Secret;
use anyhow::{Context, bail};
use std::io::{self, BufRead, IsTerminal};
use zeroize::Zeroizing;

/// A longer password is refused.
const MAX_PASSWORD_BYTES: usize = 256;

/// Where a password that may be given comes from.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct PasswordSource {
    /// Read the password from the first line of standard input
    #[arg(long, group = "change")]
    password_stdin: bool,
}

impl PasswordSource {
    /// A password that must be given: from standard input, or else asked for on the terminal.
    pub fn required(self) -> anyhow::Result<Secret> {
        match (io::stdin().is_terminal(), self.password_stdin) {
            (true, _) => ask_twice(),
            (false, true) => first_line(io::stdin().lock()),
            (false, false) => {
                bail!("no terminal to ask for the password on; give it on standard input with --password-stdin")
            }
        }
    }

    /// A password that is changed only where `--password-stdin` says so.
    pub fn optional(self) -> anyhow::Result<Option<Secret>> {
        self.password_stdin.then(|| self.required()).transpose()
    }
}

fn ask_twice() -> anyhow::Result<Secret> {
    let ask = |prompt| rpassword::prompt_password(prompt).map(Secret::new).context("cannot read the password");
    let first = ask("Password: ")?;
    if !first.matches(&ask("Again: ")?) {
        bail!("the two passwords differ; nothing was changed");
    }
    usable(first)
}

fn first_line(input: impl BufRead) -> anyhow::Result<Secret> {
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_PASSWORD_BYTES + 3));
    input.take(MAX_PASSWORD_BYTES as u64 + 3).read_until(b'\n', &mut line).context("cannot read the password")?;
    let text = std::str::from_utf8(&line).ok().context("the password is not UTF-8 text")?;
    usable(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

fn usable(password: Secret) -> anyhow::Result<Secret> {
    let text = password.expose();
    if text.is_empty() {
        bail!("the password is empty; put it on the first line of standard input");
    }
    if text.len() > MAX_PASSWORD_BYTES {
        bail!("the password is longer than {MAX_PASSWORD_BYTES} bytes; choose a shorter one");
    }
    if text.contains(char::is_control) {
        bail!("the password holds a control character; choose another one");
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &str) -> Result<String, String> {
        first_line(input.as_bytes()).map(|secret| secret.expose().to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn only_the_first_line_counts_and_its_end_is_cut() {
        assert_eq!(read("pass word \r\nmore\n"), Ok("pass word ".to_owned()));
        assert_eq!(read("no line end"), Ok("no line end".to_owned()));
    }

    #[test]
    fn an_empty_an_endless_and_a_binary_password_are_refused() {
        assert!(read("\n").is_err_and(|why| why.contains("empty")));
        assert!(read("").is_err_and(|why| why.contains("empty")));
        assert!(read(&"x".repeat(100_000)).is_err_and(|why| why.contains("longer")));
        assert!(read(&"x".repeat(MAX_PASSWORD_BYTES)).is_ok());
        assert!(read("tab\tbed").is_err_and(|why| why.contains("control") && !why.contains("bed")));
        assert!(first_line(&b"\xff\xfe\n"[..]).is_err());
    }
}
