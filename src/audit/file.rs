//! The trail as files: rows as lines of JSON or as CSV, and heads. A file appears whole or not at all.

use crate::store::{AuditRow, Head, Seal};
use serde::{Deserialize, Serialize};
use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// A head is a few hundred bytes for each writer; more is none.
const MAX_HEAD_BYTES: u64 = 16 * 1024 * 1024;

/// Behind the name of a file of rows, these name what proves them.
const HEAD: &str = ".head";
const SEAL: &str = ".seal";

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: the name must end in .jsonl or .csv", .path.display())]
    UnknownKind { path: PathBuf },
    #[error("{}: line {line} is no row of the trail", .path.display())]
    NotARow { path: PathBuf, line: u64 },
    #[error("{}: there is already such a file; take another name", .path.display())]
    Taken { path: PathBuf },
    #[error("{}: this is no head of the trail", .path.display())]
    NotAHead { path: PathBuf },
}

/// How rows are written; the name of the file says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One object a line.
    Json,
    /// RFC 4180, with a header row; an empty cell is an absent text.
    Csv,
}

/// What stands in the file beside the rows, and proves them.
pub(super) enum Proof {
    /// In `FILE.head`.
    Exported(Exported),
    /// In `FILE.seal`.
    Sealed(Sealed),
}

#[derive(Serialize, Deserialize)]
pub(super) struct Exported {
    #[serde(flatten)]
    pub head: Head,
    /// The seal before the first row of each chain whose older rows have left.
    #[serde(default)]
    pub begins: Vec<Seal>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Sealed {
    pub public_key: String,
    pub begins: Vec<Seal>,
    /// The seal that let the rows of each chain go, up to the last one here.
    pub seals: Vec<Seal>,
}

impl Kind {
    fn of(path: &Path) -> Result<Self, FileError> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("jsonl" | "json") => Ok(Kind::Json),
            Some("csv") => Ok(Kind::Csv),
            Some(_) | None => Err(FileError::UnknownKind { path: path.to_owned() }),
        }
    }
}

pub(super) enum Writer {
    Json(Draft),
    Csv(Box<csv::Writer<Draft>>),
}

impl Writer {
    /// Rows that leave the database are written over nothing.
    pub fn create_new(path: &Path) -> Result<Self, FileError> {
        let taken = [path.to_owned(), with_suffix(path, SEAL)].into_iter().find(|path| path.exists());
        taken.map_or_else(|| Self::create(path), |path| Err(FileError::Taken { path }))
    }

    pub fn create(path: &Path) -> Result<Self, FileError> {
        let kind = Kind::of(path)?;
        let draft = Draft::create(path)?;
        Ok(match kind {
            Kind::Json => Writer::Json(draft),
            Kind::Csv => Writer::Csv(Box::new(csv::Writer::from_writer(draft))),
        })
    }

    pub fn row(&mut self, row: &AuditRow) -> Result<(), FileError> {
        match self {
            Writer::Json(draft) => {
                let line = serde_json::to_vec(row).map_err(io::Error::from);
                let written = line.and_then(|line| draft.write_all(&line)).and_then(|()| draft.write_all(b"\n"));
                written.map_err(|source| draft.failed(source))
            }
            Writer::Csv(csv) => {
                let written = csv.serialize(row);
                written.map_err(|error| csv.get_ref().failed(io::Error::from(error)))
            }
        }
    }

    /// What proves the rows stands beside them before they have their name.
    pub fn finish(self, proof: &Proof) -> Result<(), FileError> {
        let draft = match self {
            Writer::Json(draft) => draft,
            Writer::Csv(csv) => csv
                .into_inner()
                .map_err(|error| FileError::Io { path: PathBuf::new(), source: io::Error::other(error.to_string()) })?,
        };
        match proof {
            Proof::Exported(exported) => write_json(&with_suffix(&draft.path, HEAD), exported)?,
            Proof::Sealed(sealed) => write_json(&with_suffix(&draft.path, SEAL), sealed)?,
        }
        draft.finish()
    }
}

/// A file under another name until it is whole and on disk.
pub(super) struct Draft {
    file: BufWriter<File>,
    path: PathBuf,
    draft: PathBuf,
}

impl Draft {
    fn create(path: &Path) -> Result<Self, FileError> {
        let draft = with_suffix(path, ".new");
        let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft);
        let file = opened.map_err(|source| FileError::Io { path: draft.clone(), source })?;
        Ok(Self { file: BufWriter::new(file), path: path.to_owned(), draft })
    }

    fn finish(mut self) -> Result<(), FileError> {
        let done = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        let done = done.and_then(|()| fs::rename(&self.draft, &self.path)).and_then(|()| sync_folder_of(&self.path));
        done.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> FileError {
        FileError::Io { path: self.path.clone(), source }
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A new name outlives a power cut only when its folder is on disk too.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

pub fn write_head(path: &Path, head: &Head) -> Result<(), FileError> {
    write_json(path, head)
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), FileError> {
    let mut draft = Draft::create(path)?;
    let text = serde_json::to_string_pretty(value).map_err(io::Error::from);
    let written = text.and_then(|text| writeln!(draft, "{text}"));
    written.map_err(|source| draft.failed(source))?;
    draft.finish()
}

pub fn read_head(path: &Path) -> Result<Head, FileError> {
    read_json(path)
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, FileError> {
    let failed = |source| FileError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let not_a_head = || FileError::NotAHead { path: path.to_owned() };
    if size > MAX_HEAD_BYTES {
        return Err(not_a_head());
    }
    serde_json::from_reader(BufReader::new(file)).map_err(|_| not_a_head())
}

type Rows = Box<dyn Iterator<Item = Result<AuditRow, FileError>>>;

/// The rows of a file, one at a time, and what stands beside it.
pub(super) fn read(path: &Path) -> Result<(Rows, Proof), FileError> {
    let kind = Kind::of(path)?;
    let file = File::open(path).map_err(|source| FileError::Io { path: path.to_owned(), source })?;
    let file = BufReader::new(file);
    let path = path.to_owned();
    let sealed = with_suffix(&path, SEAL);
    let proof = match sealed.exists() {
        true => Proof::Sealed(read_json(&sealed)?),
        false => Proof::Exported(read_json(&with_suffix(&path, HEAD))?),
    };
    let not_a_row = move |line| FileError::NotARow { path: path.clone(), line };
    let rows: Rows = match kind {
        Kind::Json => Box::new((1..).zip(file.lines()).map(move |(number, line)| {
            let row = line.ok().and_then(|line| serde_json::from_str(&line).ok());
            row.ok_or_else(|| not_a_row(number))
        })),
        Kind::Csv => {
            let rows = csv::Reader::from_reader(file).into_deserialize();
            Box::new((2..).zip(rows).map(move |(number, row)| row.map_err(|_| not_a_row(number))))
        }
    };
    Ok((rows, proof))
}
