//! Programs that write logs, and one that rotates them: files with every row that a reader has had time
//! to see.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use proptest::prelude::*;

use super::id;

/// What a program that writes logs, and one that rotates them, may do.
#[derive(Clone, Debug)]
pub enum Step {
    /// Rows, of so many bytes each, to the file that this writer has open, or to a new one.
    Append(usize, usize, usize),
    /// The first half of a row.
    Half(usize),
    /// Opens its file anew at the next row.
    Close(usize),
    Rename(usize, usize),
    MoveAway(usize),
    MoveBack(usize),
    Delete(usize),
    /// Copies the file away and empties it.
    CopyAndTruncate(usize),
    /// Empties the file and writes rows at once.
    Rewrite(usize, usize),
    /// Cuts the file off at so many per cent.
    Cut(usize, u64),
    Look,
}

pub fn step() -> impl Strategy<Value = Step> {
    let writer = 0..3usize;
    let size = prop::sample::select(vec![1usize, 30, 3_000]);
    prop_oneof![
        5 => (writer.clone(), 1..40usize, size).prop_map(|(w, n, s)| Step::Append(w, n, s)),
        2 => writer.clone().prop_map(Step::Half),
        1 => writer.clone().prop_map(Step::Close),
        1 => (writer.clone(), writer.clone()).prop_map(|(w, to)| Step::Rename(w, to)),
        1 => writer.clone().prop_map(Step::MoveAway),
        1 => writer.clone().prop_map(Step::MoveBack),
        1 => writer.clone().prop_map(Step::Delete),
        1 => writer.clone().prop_map(Step::CopyAndTruncate),
        1 => (writer.clone(), 1..40usize).prop_map(|(w, n)| Step::Rewrite(w, n)),
        1 => (writer, 0..100u64).prop_map(|(w, per_cent)| Step::Cut(w, per_cent)),
        6 => Just(Step::Look),
    ]
}

/// The folder as the writers know it.
pub struct World<'a> {
    folder: &'a Path,
    /// Every file there ever was.
    files: Vec<File>,
    /// Which of them has which name.
    names: BTreeMap<String, usize>,
    /// What each writer has open, and the rest of a row that it has begun.
    writers: [(Option<usize>, String); 3],
    rows: usize,
    /// Files that were looked at.
    followed: BTreeSet<usize>,
    /// Rows that stood in a file whole when it was looked at.
    pub must: BTreeSet<String>,
}

fn name(writer: usize) -> String {
    format!("{writer}.log")
}

impl<'a> World<'a> {
    pub fn new(folder: &'a Path) -> Self {
        World {
            folder,
            files: Vec::new(),
            names: BTreeMap::new(),
            writers: Default::default(),
            rows: 0,
            followed: BTreeSet::new(),
            must: BTreeSet::new(),
        }
    }

    fn row(&mut self, size: usize) -> String {
        self.rows += 1;
        format!("{{\"id\":\"{}-{}\"}}\n", self.rows, "x".repeat(size))
    }

    fn write(&mut self, writer: usize, text: &str) {
        let file = match (self.writers[writer].0, self.names.get(&name(writer))) {
            (Some(file), _) => file,
            (None, Some(file)) => *file,
            (None, None) => {
                let path = self.folder.join(name(writer));
                let file = OpenOptions::new().append(true).create(true).read(true).open(path);
                self.files.push(file.expect("room"));
                self.names.insert(name(writer), self.files.len() - 1);
                self.files.len() - 1
            }
        };
        self.writers[writer].0 = Some(file);
        (&self.files[file]).write_all(text.as_bytes()).expect("room");
    }

    fn append(&mut self, writer: usize, rows: usize, size: usize) {
        let rest = std::mem::take(&mut self.writers[writer].1);
        let text = rest + &(0..rows).map(|_| self.row(size)).collect::<String>();
        self.write(writer, &text);
    }

    fn rename(&mut self, from: &str, to: &str) {
        if from != to
            && let Some(file) = self.names.remove(from)
        {
            std::fs::rename(self.folder.join(from), self.folder.join(to)).expect("it is there");
            self.names.insert(to.to_owned(), file);
        }
    }

    /// Empties a file, or cuts it off: a row that was begun in it is begun no more.
    fn cut(&mut self, writer: usize, per_cent: u64) -> Option<usize> {
        let file = *self.names.get(&name(writer))?;
        let length = self.files[file].metadata().expect("open").len();
        self.files[file].set_len(length * per_cent / 100).expect("it is open for writing");
        for (open, rest) in &mut self.writers {
            if *open == Some(file) {
                rest.clear();
            }
        }
        Some(file)
    }

    pub fn take(&mut self, step: &Step) {
        match *step {
            Step::Append(writer, rows, size) => self.append(writer, rows, size),
            Step::Half(writer) => {
                let rest = std::mem::take(&mut self.writers[writer].1);
                let row = self.row(10);
                let (half, other) = row.split_at(row.len() / 2);
                self.write(writer, &format!("{rest}{half}"));
                self.writers[writer].1 = other.to_owned();
            }
            Step::Close(writer) => {
                let rest = std::mem::take(&mut self.writers[writer].1);
                if !rest.is_empty() {
                    self.write(writer, &rest);
                }
                self.writers[writer].0 = None;
            }
            Step::Rename(from, to) => self.rename(&name(from), &name(to)),
            Step::MoveAway(writer) => self.rename(&name(writer), &format!("{writer}.old")),
            Step::MoveBack(writer) => self.rename(&format!("{writer}.old"), &name(writer)),
            Step::Delete(writer) => {
                if self.names.remove(&name(writer)).is_some() {
                    std::fs::remove_file(self.folder.join(name(writer))).expect("it is there");
                }
            }
            Step::CopyAndTruncate(writer) => {
                let path = self.folder.join(name(writer));
                if path.exists() {
                    std::fs::copy(path, self.folder.join("copy")).expect("room");
                }
                self.cut(writer, 0);
            }
            Step::Rewrite(writer, rows) => {
                if let Some(file) = self.cut(writer, 0) {
                    let text: String = (0..rows).map(|_| self.row(20)).collect();
                    (&self.files[file]).write_all(text.as_bytes()).expect("room");
                }
            }
            Step::Cut(writer, per_cent) => drop(self.cut(writer, per_cent)),
            Step::Look => {
                let seen = self.names.iter().filter(|(name, _)| name.ends_with(".log"));
                self.followed.extend(seen.map(|(_, file)| *file));
                for file in &self.followed {
                    let file = &self.files[*file];
                    let mut bytes = vec![0; file.metadata().expect("open").len() as usize];
                    file.read_exact_at(&mut bytes, 0).expect("it is there");
                    let text = String::from_utf8(bytes).expect("UTF-8");
                    let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
                    self.must.extend(lines.filter_map(id));
                }
            }
        }
    }
}
