//! What a process takes, read from /proc.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

const TICKS_PER_SECOND: u64 = 100;

pub fn resident_kib(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// What is open, but for the files of the store.
pub fn descriptors(id: u32) -> usize {
    opened(id).iter().filter(|target| !is_of_store(target)).count()
}

/// Its pool opens connections as they are needed, up to its bound, and keeps them.
pub fn store_descriptors(id: u32) -> usize {
    opened(id).iter().filter(|target| is_of_store(target)).count()
}

fn is_of_store(target: &Path) -> bool {
    target.to_string_lossy().contains("sasayaki.db")
}

/// What each descriptor stands for; one that is closed while we look does not count.
fn opened(id: u32) -> Vec<PathBuf> {
    let descriptors = fs::read_dir(format!("/proc/{id}/fd")).unwrap();
    descriptors.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok()).collect()
}

pub fn threads(id: u32) -> usize {
    fs::read_dir(format!("/proc/{id}/task")).unwrap().count()
}

/// User and system time since its start.
pub fn cpu(id: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    // Fields 14 and 15 of proc(5), counted from field 3.
    let ticks = after_name.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap());
    Duration::from_millis(ticks.sum::<u64>() * 1000 / TICKS_PER_SECOND)
}
