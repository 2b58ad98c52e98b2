//! Passwords come from the first line of standard input or from a hidden prompt, never from an argument.

use crate::model::{Password, Secret};
use anyhow::{Context, bail};
use std::io::{self, BufRead, IsTerminal};
use zeroize::Zeroizing;

/// No more of a line is read: a longer password is refused.
const MAX_LINE_BYTES: u64 = 300;

/// Where a password that may be given comes from.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct PasswordSource {
    /// Read the password from the first line of standard input
    #[arg(long, group = "change")]
    password_stdin: bool,
}

impl PasswordSource {
    /// A password that must be given: from standard input, or else asked for on the terminal.
    pub fn required(self) -> anyhow::Result<Password> {
        match (io::stdin().is_terminal(), self.password_stdin) {
            (true, _) => ask_twice(),
            (false, true) => first_line(io::stdin().lock()),
            (false, false) => {
                bail!("no terminal to ask for the password on; give it on standard input with --password-stdin")
            }
        }
    }

    /// A password that is changed only where `--password-stdin` says so.
    pub fn optional(self) -> anyhow::Result<Option<Password>> {
        self.password_stdin.then(|| self.required()).transpose()
    }
}

fn ask_twice() -> anyhow::Result<Password> {
    let ask = |prompt| rpassword::prompt_password(prompt).map(Secret::new).context("cannot read the password");
    let first = ask("Password: ")?;
    if !first.matches(&ask("Again: ")?) {
        bail!("the two passwords differ; nothing was changed");
    }
    usable(first)
}

fn first_line(input: impl BufRead) -> anyhow::Result<Password> {
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_LINE_BYTES as usize));
    input.take(MAX_LINE_BYTES).read_until(b'\n', &mut line).context("cannot read the password")?;
    let text = std::str::from_utf8(&line).ok().context("the password is not UTF-8 text")?;
    usable(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

fn usable(password: Secret) -> anyhow::Result<Password> {
    password.try_into().context("the password cannot be used; it comes on the first line of standard input")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &str) -> Result<String, String> {
        let read = first_line(input.as_bytes()).map(|password| password.as_secret().expose().to_owned());
        read.map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn only_the_first_line_counts_and_its_end_is_cut() {
        assert_eq!(read("pass word \r\nmore\n"), Ok("pass word ".to_owned()));
        assert_eq!(read("no line end"), Ok("no line end".to_owned()));
    }

    #[test]
    fn an_empty_an_endless_and_a_binary_password_are_refused() {
        for input in ["\n", "", "tab\tbed", &"x".repeat(100_000)] {
            assert!(read(input).is_err_and(|why| why.contains("1 to 256 bytes") && !why.contains("bed")), "{input:.9}");
        }
        assert!(read(&"x".repeat(256)).is_ok());
        assert!(first_line(&b"\xff\xfe\n"[..]).is_err());
    }
}
