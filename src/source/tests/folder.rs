//! A folder whose files grow, move, are copied, cut off and replaced, with what they hold.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{append, row};

/// What may happen to a folder of files.
#[derive(Clone, Debug)]
pub enum Change {
    /// Rows, of so many bytes each, to a file; to a new one if there are not so many.
    Append(usize, usize, usize),
    /// The first half of a row, of which the rest comes with the next rows.
    Half(usize),
    Rename(usize),
    /// Under another name.
    Copy(usize),
    Truncate(usize, usize),
    Replace(usize, usize),
    /// Writes all that is in a file, and so many rows, to another one, which takes its place, as editors and `rsync` do.
    Save(usize, usize),
    /// To another file system: copies the file under another name, and deletes it.
    MoveAcross(usize),
    /// Copies the file under another name, and puts one with so many rows in its place, as `rsync` does of a log that
    /// was rotated.
    RotateByCopies(usize, usize),
    /// Copies the file under another name, empties it, and writes so many rows to it.
    CopyAndTruncate(usize, usize),
}

/// Changes after which every row is in one file, as before.
pub fn moves() -> impl Strategy<Value = Vec<Change>> {
    let file = 0..3usize;
    let size = prop::sample::select(vec![1usize, 40, 20_000]);
    let rows = || prop_oneof![Just(0), 2..9usize];
    let change = prop_oneof![
        3 => (file.clone(), 2..9usize, size).prop_map(|(f, n, s)| Change::Append(f, n, s)),
        1 => file.clone().prop_map(Change::Rename),
        3 => (file.clone(), 0..4usize).prop_map(|(f, n)| Change::Save(f, n)),
        2 => file.clone().prop_map(Change::MoveAcross),
        2 => (file.clone(), rows()).prop_map(|(f, n)| Change::RotateByCopies(f, n)),
        2 => (file, rows()).prop_map(|(f, n)| Change::CopyAndTruncate(f, n)),
    ];
    prop::collection::vec(change, 0..6)
}

pub fn changes(half: bool) -> impl Strategy<Value = Vec<Change>> {
    let file = 0..4usize;
    let size = prop::sample::select(vec![1usize, 40, 3_000, 20_000]);
    let change = prop_oneof![
        6 => (file.clone(), 1..30usize, size).prop_map(|(f, n, s)| Change::Append(f, n, s)),
        u32::from(half) => file.clone().prop_map(Change::Half),
        2 => file.clone().prop_map(Change::Rename),
        1 => file.clone().prop_map(Change::Copy),
        1 => (file.clone(), 0..100usize).prop_map(|(f, p)| Change::Truncate(f, p)),
        1 => (file, 1..30usize).prop_map(|(f, n)| Change::Replace(f, n)),
    ];
    prop::collection::vec(change, 0..8)
}

pub struct LogFile {
    path: PathBuf,
    pub ids: Vec<String>,
    /// The rest of a row that was begun.
    rest: String,
    pub only_grew: bool,
}

/// A folder, and what its files hold.
pub struct Folder {
    pub path: PathBuf,
    csv: bool,
    pub files: Vec<LogFile>,
    names: usize,
    rows: usize,
    /// Rows of files that were cut off or replaced: they may have been read before.
    pub loose: BTreeSet<String>,
    /// Whether a run may have its files open: then no other file has the inode of one that is deleted.
    pub is_open: bool,
    /// Files that were deleted, by names elsewhere: the next new one has the inode of one of these, as in many file
    /// systems.
    deleted: Vec<PathBuf>,
}

impl Folder {
    pub fn new(path: PathBuf, csv: bool) -> Self {
        std::fs::create_dir(&path).unwrap();
        Folder {
            path,
            csv,
            files: Vec::new(),
            names: 0,
            rows: 0,
            loose: BTreeSet::new(),
            is_open: false,
            deleted: Vec::new(),
        }
    }

    fn row(&mut self, size: usize) -> (String, String) {
        self.rows += 1;
        let id = format!("{}-{}", self.rows, "x".repeat(size));
        let text = if self.csv { format!("\"a\nb\",{id}\n") } else { row(&id) };
        (id, text)
    }

    fn new_path(&mut self) -> PathBuf {
        self.names += 1;
        // Not in the order of their making.
        self.path.join(format!("{}-{}.log", self.names % 3, self.names))
    }

    fn rows(&mut self, rows: usize, size: usize) -> (Vec<String>, String) {
        (0..rows).map(|_| self.row(size)).unzip()
    }

    fn header(&self) -> &'static str {
        if self.csv { "a,id\n" } else { "" }
    }

    pub fn take(&mut self, change: &Change) {
        let (Change::Append(file, ..)
        | Change::Half(file)
        | Change::Rename(file)
        | Change::Copy(file)
        | Change::Truncate(file, _)
        | Change::Replace(file, _)
        | Change::Save(file, _)
        | Change::MoveAcross(file)
        | Change::RotateByCopies(file, _)
        | Change::CopyAndTruncate(file, _)) = *change;
        if file >= self.files.len() {
            if let Change::Append(_, rows, size) = *change {
                let (path, (ids, text)) = (self.new_path(), self.rows(rows, size));
                append(&path, &(self.header().to_owned() + &text));
                self.files.push(LogFile { path, ids, rest: String::new(), only_grew: true });
            }
            return;
        }
        match *change {
            Change::Append(_, rows, size) => {
                let (ids, text) = self.rows(rows, size);
                let text = self.begun(file) + &text;
                let of = &mut self.files[file];
                append(&of.path, &(std::mem::take(&mut of.rest) + &text));
                of.ids.extend(ids);
            }
            Change::Half(_) => {
                let (id, text) = self.row(20);
                let (half, rest) = text.split_at(text.len() / 2);
                let of = &mut self.files[file];
                append(&of.path, &(std::mem::take(&mut of.rest) + half));
                of.rest = rest.to_owned();
                of.ids.push(id);
            }
            Change::Rename(_) => {
                let to = self.new_path();
                std::fs::rename(&self.files[file].path, &to).unwrap();
                self.files[file].path = to;
            }
            Change::Copy(_) => {
                let path = self.new_path();
                let of = &self.files[file];
                std::fs::copy(&of.path, &path).unwrap();
                let (ids, rest) = (of.ids.clone(), of.rest.clone());
                self.files.push(LogFile { path, ids, rest, only_grew: of.only_grew });
            }
            Change::Truncate(_, per_cent) => {
                let rows = self.files[file].ids.len() * per_cent / 100;
                let text = std::fs::read_to_string(&self.files[file].path).unwrap();
                let of = &mut self.files[file];
                self.loose.extend(of.ids.iter().cloned());
                of.ids.truncate(rows);
                of.only_grew = false;
                of.rest.clear();
                let end = of.ids.last().map(|id| text.find(id.as_str()).unwrap() + id.len());
                let end = end.map(|end| end + text[end..].find('\n').unwrap() + 1);
                let kept = end.unwrap_or(self.header().len());
                std::fs::OpenOptions::new()
                    .write(true)
                    .open(&self.files[file].path)
                    .unwrap()
                    .set_len(kept as u64)
                    .unwrap();
            }
            Change::Replace(_, rows) => {
                let (ids, text) = self.rows(rows, 50);
                let path = self.files[file].path.clone();
                std::fs::write(&path, self.header().to_owned() + &text).unwrap();
                let rest = String::new();
                self.loose.extend(std::mem::take(&mut self.files[file].ids));
                self.files[file] = LogFile { path, ids, rest, only_grew: false };
            }
            Change::Save(_, rows) => {
                let before = std::fs::read_to_string(&self.files[file].path).unwrap();
                // A row alone might be any other file's beginning.
                let is_alone = rows == 1 && self.files[file].ids.is_empty();
                let (ids, text) = self.rows(if is_alone { 2 } else { rows }, 30);
                self.put(file, &(before + &self.begun(file) + &text));
                self.files[file].ids.extend(ids);
            }
            Change::MoveAcross(_) => {
                let to = self.new_path();
                let path = std::mem::replace(&mut self.files[file].path, to.clone());
                self.create(&to, &std::fs::read(&path).unwrap());
                self.delete(&path);
            }
            Change::RotateByCopies(_, rows) => {
                self.copied(file);
                let (ids, text) = self.rows(rows, 50);
                self.put(file, &(self.header().to_owned() + &text));
                self.files[file].ids = ids;
            }
            Change::CopyAndTruncate(_, rows) => {
                self.copied(file);
                let (ids, text) = self.rows(rows, 50);
                std::fs::write(&self.files[file].path, self.header().to_owned() + &text).unwrap();
                self.files[file].ids = ids;
            }
        }
    }

    /// What comes before a row in a file that is empty.
    fn begun(&self, file: usize) -> String {
        let length = std::fs::metadata(&self.files[file].path).unwrap().len();
        if length == 0 { self.header().to_owned() } else { String::new() }
    }

    /// Puts another file in the place of one.
    fn put(&mut self, file: usize, text: &str) {
        let beside = self.path.join("beside");
        self.create(&beside, text.as_bytes());
        let path = self.files[file].path.clone();
        self.delete(&path);
        std::fs::rename(&beside, &path).unwrap();
    }

    fn create(&mut self, path: &Path, bytes: &[u8]) {
        if self.deleted.is_empty() {
            return std::fs::write(path, bytes).unwrap();
        }
        let again = self.deleted.swap_remove(self.rows % self.deleted.len());
        std::fs::write(&again, bytes).unwrap();
        std::fs::rename(&again, path).unwrap();
    }

    fn delete(&mut self, path: &Path) {
        if self.is_open {
            return std::fs::remove_file(path).unwrap();
        }
        self.names += 1;
        let elsewhere = self.path.with_file_name(format!("deleted-{}", self.names));
        std::fs::rename(path, &elsewhere).unwrap();
        self.deleted.push(elsewhere);
    }

    /// A file that has the rows of another one, which are taken from that.
    fn copied(&mut self, file: usize) {
        let path = self.new_path();
        self.create(&path, &std::fs::read(&self.files[file].path).unwrap());
        let ids = std::mem::take(&mut self.files[file].ids);
        self.files.push(LogFile { path, ids, rest: String::new(), only_grew: true });
    }

    /// Takes the folder elsewhere, as to another machine.
    pub fn take_away(&mut self, to: PathBuf) {
        std::fs::create_dir(&to).unwrap();
        for file in &mut self.files {
            let path = to.join(file.path.file_name().unwrap());
            std::fs::copy(&file.path, &path).unwrap();
            file.path = path;
        }
        std::fs::remove_dir_all(&self.path).unwrap();
        self.path = to;
    }

    /// Ends the rows that were begun.
    pub fn finish(&mut self) {
        for file in &mut self.files {
            append(&file.path, &std::mem::take(&mut file.rest));
        }
    }
}
