//! The spoken prompts as WAV files: an administrator's folder, or what is embedded in the binary.

use crate::{media::clip::file_of, model::Prompt};
use include_dir::{Dir, include_dir};
use std::{borrow::Cow, io, path::Path};

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/prompts");

/// The bytes of `LANGUAGE/PROMPT.wav` in `dir`; `None`: the embedded one.
pub fn wav(dir: Option<&Path>, language: &str, prompt: Prompt) -> io::Result<Cow<'static, [u8]>> {
    read(dir, &file_of(language, prompt))
}

/// The bytes of a file under the folder of prompts.
pub fn read(dir: Option<&Path>, file: &str) -> io::Result<Cow<'static, [u8]>> {
    match dir {
        Some(dir) => std::fs::read(dir.join(file)).map(Cow::Owned),
        None => EMBEDDED
            .get_file(file)
            .map(|file| Cow::Borrowed(file.contents()))
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "not among the embedded prompts")),
    }
}

/// What a prompt says, and the same in English: the table of `prompts/README.md`, from which it was spoken.
pub fn texts(prompt: Prompt) -> Option<(&'static str, &'static str)> {
    let table = EMBEDDED.get_file("README.md")?.contents_utf8()?;
    let row = table.lines().find(|line| line.starts_with(&format!("| `{}.wav` |", prompt.file_stem())))?;
    let mut cells = row.split('|').map(str::trim).skip(3);
    Some((cells.next()?, cells.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_are_embedded_whole() {
        for (language, prompt) in ["ja", "en"].into_iter().flat_map(|language| Prompt::SPOKEN.map(|p| (language, p))) {
            assert!(wav(None, language, prompt).is_ok_and(|bytes| bytes.starts_with(b"RIFF")), "{language} {prompt:?}");
        }
        assert!(wav(None, "tlh", Prompt::Error).is_err());
    }

    #[test]
    fn every_prompt_is_written_down_in_both_languages() {
        for (japanese, english) in Prompt::SPOKEN.map(|prompt| texts(prompt).unwrap()) {
            assert!(!japanese.is_ascii() && english.is_ascii() && !english.is_empty(), "{japanese} {english}");
        }
        assert_eq!(texts(Prompt::SignInFailed).unwrap().0, "サインインできません");
        assert_eq!(texts(Prompt::Chime), None);
    }
}
