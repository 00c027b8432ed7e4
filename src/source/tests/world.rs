//! Programs that write logs, and one that rotates them: files with every row that a reader has had time
//! to see.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

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
    /// Copies the file, beside itself or away, and empties it.
    CopyAndTruncate(usize, bool),
    /// Writes all that is in the file, and rows, to another one that takes its place: whoever has it open writes on to it.
    Save(usize, usize),
    /// Copies the file under another name, and deletes it, as to another file system.
    MoveAcross(usize),
    /// Copies the file under another name, and puts one with rows in its place.
    RotateByCopies(usize, usize),
    /// Empties the file and writes rows at once.
    Rewrite(usize, usize),
    /// Cuts the file off at so many per cent.
    Cut(usize, u64),
    /// Writes another row of the same length in the place of one, at so many per cent of the file.
    Edit(usize, usize),
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
        2 => (writer.clone(), any::<bool>()).prop_map(|(w, beside)| Step::CopyAndTruncate(w, beside)),
        2 => (writer.clone(), 0..4usize).prop_map(|(w, n)| Step::Save(w, n)),
        1 => writer.clone().prop_map(Step::MoveAcross),
        1 => (writer.clone(), 1..40usize).prop_map(|(w, n)| Step::RotateByCopies(w, n)),
        1 => (writer.clone(), 1..40usize).prop_map(|(w, n)| Step::Rewrite(w, n)),
        1 => (writer.clone(), 0..100u64).prop_map(|(w, per_cent)| Step::Cut(w, per_cent)),
        1 => (writer, 0..100usize).prop_map(|(w, per_cent)| Step::Edit(w, per_cent)),
        6 => Just(Step::Look),
    ]
}

/// The folder as the writers know it.
pub struct World<'a> {
    folder: &'a Path,
    format: &'static str,
    /// Every file there ever was.
    files: Vec<File>,
    /// Which of them has which name.
    names: BTreeMap<String, usize>,
    /// What each writer has open, and the rest of a row that it has begun.
    writers: [(Option<usize>, String); 3],
    rows: usize,
    /// Files that were looked at.
    followed: BTreeSet<usize>,
    /// Files that took the place of others, and hold all of these.
    replacing: BTreeSet<usize>,
    /// Files that have other names than when they were looked at.
    renamed: BTreeSet<usize>,
    /// Rows that stood in a file whole when it was looked at.
    pub must: BTreeSet<String>,
    /// How often a row may be read more than once: what follows on an edited row is new.
    pub again: BTreeMap<String, usize>,
}

/// The first line of CSV.
const HEADER: &str = "a,id\n";
/// What was done to longer files beside growing is not seen at once.
const LONGEST: u64 = 1 << 20;

fn name(writer: usize) -> String {
    format!("{writer}.log")
}

impl<'a> World<'a> {
    pub fn new(folder: &'a Path, format: &'static str) -> Self {
        World {
            folder,
            format,
            files: Vec::new(),
            names: BTreeMap::new(),
            writers: Default::default(),
            rows: 0,
            followed: BTreeSet::new(),
            replacing: BTreeSet::new(),
            renamed: BTreeSet::new(),
            must: BTreeSet::new(),
            again: BTreeMap::new(),
        }
    }

    fn row(&mut self, size: usize) -> String {
        self.rows += 1;
        let id = format!("{}-{}", self.rows, "x".repeat(size));
        match self.format {
            "csv" => format!("a,{id}\n"),
            _ => format!("{{\"id\":\"{id}\"}}\n"),
        }
    }

    /// What a file begins with.
    fn beginning(&self) -> &'static str {
        if self.format == "csv" { HEADER } else { "" }
    }

    fn text(&self, file: usize) -> String {
        let file = &self.files[file];
        let mut bytes = vec![0; file.metadata().expect("open").len() as usize];
        file.read_exact_at(&mut bytes, 0).expect("it is there");
        String::from_utf8(bytes).expect("UTF-8")
    }

    /// The whole rows of a file, each with its id and where that begins; none where its header is broken.
    fn whole_rows(&self, file: usize) -> Vec<(String, usize)> {
        let text = self.text(file);
        let Some(rows) = text.strip_prefix(self.beginning()) else { return Vec::new() };
        let mut at = text.len() - rows.len();
        let mut whole = Vec::new();
        let column = (self.format == "csv").then_some(1);
        for line in rows.split_inclusive('\n') {
            if let Some(id) = id(line, column).filter(|_| line.ends_with('\n')) {
                let place = at + line.find(&id).expect("it is in it");
                whole.push((id, place));
            }
            at += line.len();
        }
        whole
    }

    fn edit(&mut self, writer: usize, per_cent: usize) {
        let Some(file) = self.names.get(&name(writer)).copied() else { return };
        let rows = self.whole_rows(file);
        if rows.is_empty() || self.files[file].metadata().expect("open").len() > LONGEST {
            return;
        }
        let (before, place) = &rows[rows.len() * per_cent / 100];
        self.rows += 1;
        let id = format!("{}-", self.rows);
        if id.len() > before.len() {
            return;
        }
        let id = format!("{id:y<width$}", width = before.len());
        // By another handle: this one appends, wherever it is told to write.
        let path = self.folder.join(name(writer));
        let file = OpenOptions::new().write(true).open(path).expect("it is there");
        file.write_all_at(id.as_bytes(), *place as u64).expect("room");
        // Clocks of file systems are slower than these steps.
        let when = UNIX_EPOCH + Duration::from_secs(self.rows as u64);
        file.set_modified(when).expect("it is ours");
        for (id, _) in &rows[rows.len() * per_cent / 100..] {
            *self.again.entry(id.clone()).or_default() += 1;
        }
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
        let is_empty = self.files[file].metadata().expect("open").len() == 0;
        let text = if is_empty { self.beginning().to_owned() + text } else { text.to_owned() };
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
            self.may_be_of_another(file);
            self.renamed.insert(file);
            std::fs::rename(self.folder.join(from), self.folder.join(to)).expect("it is there");
            self.names.insert(to.to_owned(), file);
        }
    }

    /// A file takes the place of another one, or a new place.
    fn put(&mut self, name: String, text: &str) {
        let (beside, path) = (self.folder.join("beside"), self.folder.join(&name));
        std::fs::write(&beside, text).expect("room");
        std::fs::rename(&beside, &path).expect("it is there");
        let file = OpenOptions::new().append(true).read(true).open(path);
        self.files.push(file.expect("it was put there"));
        self.names.insert(name, self.files.len() - 1);
    }

    /// A file that nobody has looked at may have taken the place of one that is written to: that is not known of its copy,
    /// or under another name.
    fn may_be_of_another(&mut self, file: usize) {
        if self.replacing.contains(&file) && !self.followed.contains(&file) {
            for (id, _) in self.whole_rows(file) {
                *self.again.entry(id).or_default() += 1;
            }
        }
    }

    /// Where a file's first row alone had been read, it might be any other's beginning.
    fn may_be_alone(&mut self, file: usize) {
        if let Some((id, _)) = self.whole_rows(file).first() {
            *self.again.entry(id.clone()).or_default() += 1;
        }
    }

    /// Puts a copy of the writer's file under another name.
    fn put_beside(&mut self, writer: usize) -> bool {
        let Some(file) = self.names.get(&name(writer)).copied() else { return false };
        self.may_be_of_another(file);
        self.may_be_alone(file);
        self.rows += 1;
        self.put(format!("{}.put.log", self.rows), &self.text(file));
        true
    }

    /// A file lies under another name, too.
    fn copied(&mut self, name: String) {
        self.rows += 1;
        self.files.push(File::open(self.folder.join(&name)).expect("it was copied"));
        self.names.insert(name, self.files.len() - 1);
    }

    /// Empties a file, or cuts it off: a row that was begun in it is begun no more.
    fn cut(&mut self, writer: usize, per_cent: u64) -> Option<usize> {
        let file = *self.names.get(&name(writer))?;
        let length = self.files[file].metadata().expect("open").len() * per_cent / 100;
        let mut before = self.whole_rows(file).into_iter();
        // A row that is cut off behind its id may go on in another way, and is a row with that id then.
        if let Some((id, _)) = before.rfind(|(_, place)| (*place as u64) < length) {
            *self.again.entry(id).or_default() += 1;
        }
        self.files[file].set_len(length).expect("it is open for writing");
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
            Step::CopyAndTruncate(writer, beside) => {
                if self.names.contains_key(&name(writer)) {
                    let from = self.folder.join(name(writer));
                    let to =
                        if beside { format!("{}.copy.log", self.rows) } else { "copy".to_owned() };
                    std::fs::copy(from, self.folder.join(&to)).expect("room");
                    if beside {
                        self.may_be_of_another(self.names[&name(writer)]);
                        self.copied(to);
                    }
                }
                self.cut(writer, 0);
            }
            Step::Save(writer, rows) => {
                if let Some(file) = self.names.get(&name(writer)).copied() {
                    let rows: String = (0..rows).map(|_| self.row(20)).collect();
                    let before = self.text(file);
                    // Nobody goes on with half a row in two files.
                    if !before.is_empty() && !before.ends_with('\n') {
                        return;
                    }
                    let beginning = if before.is_empty() { self.beginning() } else { "" };
                    self.put(name(writer), &format!("{before}{beginning}{rows}"));
                    self.replacing.insert(self.files.len() - 1);
                    // It may be renamed before anyone looks, and so may have been the old one.
                    self.may_be_alone(file);
                    if self.renamed.contains(&file) {
                        self.may_be_of_another(self.files.len() - 1);
                    }
                }
            }
            Step::MoveAcross(writer) => {
                if self.put_beside(writer) {
                    self.take(&Step::Delete(writer));
                }
            }
            Step::RotateByCopies(writer, rows) => {
                if self.put_beside(writer) {
                    let rows: String = (0..rows).map(|_| self.row(20)).collect();
                    self.put(name(writer), &(self.beginning().to_owned() + &rows));
                }
            }
            Step::Rewrite(writer, rows) => {
                if let Some(file) = self.cut(writer, 0) {
                    let rows: String = (0..rows).map(|_| self.row(20)).collect();
                    let text = self.beginning().to_owned() + &rows;
                    (&self.files[file]).write_all(text.as_bytes()).expect("room");
                }
            }
            Step::Cut(writer, per_cent) => drop(self.cut(writer, per_cent)),
            Step::Edit(writer, per_cent) => self.edit(writer, per_cent),
            Step::Look => {
                self.renamed.clear();
                let seen = self.names.iter().filter(|(name, _)| name.ends_with(".log"));
                self.followed.extend(seen.map(|(_, file)| *file));
                for file in self.followed.clone() {
                    let rows = self.whole_rows(file);
                    self.must.extend(rows.into_iter().map(|(id, _)| id));
                }
            }
        }
    }
}
