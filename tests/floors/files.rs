//! Which files of `src/` import which others, as far as the text tells: by `use`, and by paths in the code.

use std::collections::{BTreeMap, BTreeSet};

use super::{SourceFile, code, is_name};

/// A path, by its names.
type Path = Vec<String>;

/// Files by the module that each of them is.
pub struct Modules<'a> {
    files: BTreeMap<Path, &'a SourceFile>,
    /// What a module hands on under a name of its own.
    handed_on: BTreeMap<Path, Path>,
}

impl<'a> Modules<'a> {
    /// Tests may import what they like.
    pub fn new(files: &'a [SourceFile]) -> Self {
        let files = files.iter().filter(|file| !file.name.contains("/tests"));
        let mut modules = Modules {
            files: files.map(|file| (module(file), file)).collect(),
            handed_on: BTreeMap::new(),
        };
        let mut handed_on = BTreeMap::new();
        for (module, file) in &modules.files {
            for (is_public, path) in uses(&plain_code(file)) {
                if let Some(path) = modules.absolute(module, &path).filter(|_| is_public) {
                    handed_on.insert([&module[..], &path[path.len() - 1..]].concat(), path);
                }
            }
        }
        modules.handed_on = handed_on;
        modules
    }

    /// Which other files each file imports. What a `mod.rs` hands on is no import of its own.
    pub fn imports(&self) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
        let mut imports: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (module, file) in &self.files {
            let code = plain_code(file);
            let uses = uses(&code).into_iter().filter(|(is_public, _)| !is_public);
            let paths = uses.map(|(_, path)| path).chain(paths(&without_uses(&code)));
            let found = paths.filter_map(|path| self.file_of(self.absolute(module, &path)?));
            let found = found.filter(|other| *other != file.name).collect();
            imports.insert(&file.name, found);
        }
        imports
    }

    /// From the root; `None` for what is no module of ours.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Path> {
        let upwards = path.iter().take_while(|name| *name == "super").count();
        let rest = &path[upwards..];
        match rest.first()?.as_str() {
            "crate" => Some(rest[1..].to_vec()),
            "self" => Some([module, &rest[1..]].concat()),
            _ if upwards > 0 => {
                Some([&module[..module.len().checked_sub(upwards)?], rest].concat())
            }
            child => {
                let child = [module, &[child.to_owned()]].concat();
                self.files.contains_key(&child).then(|| [module, rest].concat())
            }
        }
    }

    fn file_of(&self, path: Path) -> Option<&'a str> {
        let mut path = path;
        // More names than these nobody hands on.
        for _ in 0..path.len() + 8 {
            let length =
                (1..=path.len()).rev().find(|end| self.files.contains_key(&path[..*end]))?;
            let name = path[..path.len().min(length + 1)].to_vec();
            match self.handed_on.get(&name) {
                Some(from) => path = [&from[..], &path[name.len()..]].concat(),
                None => return Some(&self.files[&path[..length]].name),
            }
        }
        None
    }
}

fn module(file: &SourceFile) -> Path {
    let path = file.name.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

/// Less comments, and less the tests at its end.
fn plain_code(file: &SourceFile) -> String {
    let tests = file.text.find("#[cfg(test)]\nmod tests");
    code(&file.text[..tests.unwrap_or(file.text.len())])
}

/// What each `use` names, and whether it hands that on.
fn uses(code: &str) -> Vec<(bool, Path)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let line = &code[code[..at].rfind('\n').map_or(0, |end| end + 1)..at];
        if line.trim().is_empty() || line.trim_start().starts_with("pub") {
            let tree = code[at + 4..].split(';').next().expect("it has an end");
            let mut paths = Vec::new();
            leaves(tree, &[], &mut paths);
            found.extend(paths.into_iter().map(|path| (!line.trim().is_empty(), path)));
        }
    }
    found
}

fn without_uses(code: &str) -> String {
    let (mut rest, mut is_use) = (String::new(), false);
    for line in code.lines() {
        is_use |= line.trim_start().trim_start_matches("pub ").starts_with("use ");
        if !is_use {
            rest.push_str(line);
            rest.push('\n');
        }
        is_use &= !line.contains(';');
    }
    rest
}

/// `a::{b, c::d}` → `a::b` and `a::c::d`.
fn leaves(tree: &str, before: &[String], found: &mut Vec<Path>) {
    let (head, list) = match tree.split_once('{') {
        Some((head, list)) => (head, list.rsplit_once('}').map(|(list, _)| list)),
        None => (tree, None),
    };
    let head = head.split(" as ").next().expect("a path");
    let names = head.split("::").map(str::trim).filter(|name| !name.is_empty() && *name != "self");
    let path = [before, &names.map(str::to_owned).collect::<Vec<_>>()].concat();
    let Some(list) = list else { return found.push(path) };
    let (mut depth, mut start) = (0, 0);
    for (at, character) in list.char_indices().chain([(list.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !list[start..at].trim().is_empty() {
                    leaves(&list[start..at], &path, found);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// Paths of more than one name.
fn paths(code: &str) -> Vec<Path> {
    let mut found = Vec::new();
    for path in code.split(|c: char| !is_name(c) && c != ':') {
        let names: Path = path.split("::").map(str::to_owned).collect();
        if names.len() > 1 && names.iter().all(|name| !name.is_empty()) {
            found.push(names);
        }
    }
    found
}

/// Files that import each other, in a circle; the first such.
pub fn circle<'a>(imports: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Option<Vec<&'a str>> {
    // Those that are in no circle go first: whoever imports nothing that is left.
    let mut left: BTreeMap<&str, BTreeSet<&str>> = imports.clone();
    loop {
        let free: BTreeSet<&str> = left
            .iter()
            .filter(|(_, imports)| imports.iter().all(|other| !left.contains_key(other)))
            .map(|(file, _)| *file)
            .collect();
        if free.is_empty() {
            break;
        }
        left.retain(|file, _| !free.contains(file));
    }
    let mut way = vec![*left.keys().next()?];
    loop {
        let imports = &left[way[way.len() - 1]];
        let next = imports.iter().find(|other| left.contains_key(*other)).expect("it is not free");
        if let Some(start) = way.iter().position(|file| file == next) {
            way.push(next);
            return Some(way.split_off(start));
        }
        way.push(next);
    }
}
