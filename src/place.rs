//! Where a path leads to: a file is known by its device and inode, whatever names it has; and what room is there.

use std::ffi::CString;
use std::fs::Metadata;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Links that are followed one after the other before they are taken for a circle, as by the system.
const MOST_LINKS: usize = 40;

/// File systems take 255 bytes; endings come behind it.
const LONGEST_PART: usize = 200;

/// A file's identity on this machine, for as long as it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    pub fn of(metadata: &Metadata) -> Self {
        FileId { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// What a path stands for: the file that is there, or the name that one would get.
#[derive(Clone, Debug)]
pub struct FilePlace {
    id: Option<FileId>,
    /// Absolute, without links, `.` and `..`.
    pub path: PathBuf,
}

impl FilePlace {
    pub fn of(path: &Path) -> io::Result<Self> {
        let id = match std::fs::metadata(path) {
            Ok(metadata) => Some(FileId::of(&metadata)),
            Err(error) if is_absent(&error) => None,
            Err(error) => return Err(error),
        };
        Ok(FilePlace { id, path: resolved(path)? })
    }

    /// Whether both lead to one file, or would.
    pub fn is(&self, other: &FilePlace) -> bool {
        self.path == other.path || self.id.is_some_and(|id| other.id == Some(id))
    }
}

/// What is wrong with a path of a definition that begins as only a shell understands it.
pub fn of_a_shell(path: &str) -> Option<String> {
    let rest = path.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
    Some(format!(
        "'~' is no home here, which only a shell makes of it: write ${{HOME}}{rest}, or ./{path} if the folder has \
         that name"
    ))
}

/// A name, whatever is in it, as a part of a path: what no path may have in it is written as `%2F`. Of one that is longer
/// than a path's parts may be, what would be too much is left out, and a checksum stands for it.
pub fn path_part(name: &str) -> String {
    let mut part = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => part.push(byte as char),
            _ => part.push_str(&format!("%{byte:02X}")),
        }
    }
    if part.len() > LONGEST_PART {
        part.truncate(LONGEST_PART - 17);
        part.push_str(&format!("~{:016x}", xxh3_64(name.as_bytes())));
    }
    part
}

/// The path of standard input where that is a file, which has other names too.
pub fn standard_input() -> Option<&'static Path> {
    let path = Path::new("/dev/stdin");
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file()).then_some(path)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// As `canonicalize`, also where the path, or a folder on its way, is not there yet.
pub fn resolved(path: &Path) -> io::Result<PathBuf> {
    follow(&std::path::absolute(path)?, MOST_LINKS)
}

fn follow(path: &Path, links: usize) -> io::Result<PathBuf> {
    let mut reached = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(reached.pop()),
            Component::Normal(name) => {
                reached.push(name);
                match std::fs::read_link(&reached) {
                    Ok(_) if links == 0 => {
                        let why = format!("'{}' is a circle of links", path.display());
                        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
                    }
                    Ok(target) => {
                        reached.pop();
                        reached = follow(&reached.join(target), links - 1)?;
                    }
                    // No link, or nothing.
                    Err(_) => {}
                }
            }
            prefix => reached.push(prefix),
        }
    }
    Ok(reached)
}

/// The room on the disk of a folder, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct DiskRoom {
    /// What whoever runs this may still take.
    pub free: u64,
    pub total: u64,
}

impl DiskRoom {
    /// `None` where the system does not say.
    pub fn of(folder: &Path) -> Option<Self> {
        let path = CString::new(folder.as_os_str().as_bytes()).ok()?;
        let mut found = MaybeUninit::<libc::statvfs>::uninit();
        // SAFETY: the path ends with a zero, and the result is looked at only where the call says that it was filled in.
        let found = unsafe {
            if libc::statvfs(path.as_ptr(), found.as_mut_ptr()) != 0 {
                return None;
            }
            found.assume_init()
        };
        let bytes = |blocks: libc::fsblkcnt_t| blocks.saturating_mul(found.f_frsize);
        Some(DiskRoom { free: bytes(found.f_bavail), total: bytes(found.f_blocks) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn all_names_of_a_file_are_one_place_also_before_it_is_there() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("a/b")).unwrap();
        symlink("a/b", at("link")).unwrap();
        symlink("link/new", at("dangling")).unwrap();
        let same = |one: &str, other: &str| {
            FilePlace::of(&at(one)).unwrap().is(&FilePlace::of(&at(other)).unwrap())
        };
        let names =
            ["a/b/new", "link/new", "a/./b/new", "a/b/../b/new", "link/../b/new", "dangling"];
        names.iter().for_each(|name| assert!(same(name, "a/b/new"), "{name}"));
        assert!(!same("a/new", "a/b/new"));
        // A folder that is not there either.
        assert!(same("link/x/../new", "dangling"));
        std::fs::write(at("dangling"), "x").unwrap();
        names.iter().for_each(|name| assert!(same(name, "a/b/new"), "{name}"));
        std::fs::hard_link(at("a/b/new"), at("hard")).unwrap();
        assert!(same("hard", "dangling"));
        std::fs::copy(at("hard"), at("copied")).unwrap();
        assert!(!same("hard", "copied"));
        symlink("round", at("round")).unwrap();
        assert!(FilePlace::of(&at("round")).is_err());
    }
}
