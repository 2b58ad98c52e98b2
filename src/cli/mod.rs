//! The command line: words, files and standard input come in; typed values go to the other rooms; tables, JSON and an
//! exit status come out. `serve` is the composition root. Absent: SQL, signalling and every decision about rights.

pub mod config;
