//! A small disk of its own, to be filled or to be read only.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};

/// In memory, mounted for as long as this value lives. Only root may mount: others need `sudo`.
pub struct Disk(PathBuf);

impl Disk {
    pub fn mounted_at(folder: &Path, size: &str) -> Self {
        fs::create_dir_all(folder).unwrap();
        let options = format!("size={size},mode=0777");
        as_root(&["mount", "-t", "tmpfs", "-o", &options, "tmpfs", &folder.display().to_string()]);
        Self(folder.to_owned())
    }

    /// To the last byte.
    pub fn fill(&self) {
        let mut ballast = File::create(self.ballast()).unwrap();
        let full = loop {
            if let Err(error) = ballast.write_all(&[0; 512]) {
                break error;
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    }

    pub fn make_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    pub fn remount(&self, how: &str) {
        as_root(&["mount", "-o", &format!("remount,{how}"), &self.0.display().to_string()]);
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        as_root(&["umount", "--lazy", &self.0.display().to_string()]);
    }
}

fn as_root(words: &[&str]) {
    let id = Command::new("id").arg("-u").output().unwrap();
    let before: &[&str] = if id.stdout == b"0\n" { &[] } else { &["sudo", "-n"] };
    let words = [before, words].concat();
    let done = Command::new(words[0]).args(&words[1..]).output().unwrap();
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
}
