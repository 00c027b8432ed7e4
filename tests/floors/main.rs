//! The house keeps its floors: a stage imports the ground and the stages to its left, nothing else.
//!
//! What is read is the text of `src/`: every `crate::…` path and every `super::…` that leaves its
//! stage, in tests too.

mod files;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What every stage may import; among themselves they import each other.
const GROUND: [&str; 14] = [
    "time",
    "property",
    "place",
    "metrics",
    "fault",
    "row",
    "columns",
    "console",
    "priority",
    "wait",
    "aggregate",
    "plan",
    "state",
    "flow",
];

/// In the order in which a record walks, then what runs and feeds it all.
const STAGES: [&str; 16] = [
    "source",
    "definition",
    "decode",
    "store",
    "standing",
    "identity",
    "profile",
    "segment",
    "sink",
    "changelog",
    "runtime",
    "explain",
    "generate",
    "serve",
    "engine",
    "control",
];

/// What stands on top of everything.
const ROOF: [&str; 3] = ["lib", "main", "cli"];

/// Longest of the files, in lines. Past that there are two thoughts.
const LONGEST: usize = 400;

/// Files that may be longer, and why.
const LONGER: [(&str, &str); 1] = [("definition/file/fields.rs", "one table, a row a field")];

struct SourceFile {
    /// From `src/` on, such as `decode/json.rs`.
    name: String,
    text: String,
}

impl SourceFile {
    /// The room it belongs to: `decode`, `time`, `main`.
    fn room(&self) -> &str {
        self.name.split_once(['/', '.']).expect("a folder, or an ending").0
    }

    /// How many modules lie between it and the root: `super::` so often is the root.
    fn depth(&self) -> usize {
        let folders = self.name.matches('/').count();
        folders + usize::from(!self.name.ends_with("/mod.rs"))
    }

    /// Where dataflows are built, and where tests hold an operator beside differential's.
    fn names_timely(&self) -> bool {
        self.name.ends_with("/mod.rs")
            || self.name.ends_with("/tests.rs")
            || ["flow", "runtime", "engine", "lib"].contains(&self.room())
    }
}

fn files() -> Vec<SourceFile> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![source.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(&source).expect("below it").display().to_string();
                let text = std::fs::read_to_string(&path).expect("text");
                files.push(SourceFile { name, text });
            }
        }
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(files.len() > 50, "they were found");
    files
}

/// The code, without comments.
fn code(text: &str) -> String {
    let lines = text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    lines.collect::<Vec<_>>().join("\n")
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// What follows each `prefix::` that stands alone, such as `sink::Writers` or `{row::Row, sink}`.
fn after<'a>(code: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices(prefix).filter_map(move |(at, _)| {
        let before = code[..at].chars().next_back();
        let stands_alone = before.is_none_or(|before| !is_name(before) && before != ':');
        stands_alone.then(|| &code[at + prefix.len()..])
    })
}

/// The first names of a path: one, or those of a list in braces.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| text.chars().take_while(|c| is_name(*c)).collect::<String>();
    let Some(list) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut names, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(name(list[start..at].trim_start()));
                start = at + 1;
                if character == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names
}

/// The rooms that a file names.
fn imports(file: &SourceFile) -> BTreeSet<String> {
    let code = code(&file.text);
    let upwards = "super::".repeat(file.depth());
    let mut names: BTreeSet<String> = after(&code, "crate::").flat_map(first_names).collect();
    // A test's module lies one deeper, so what is no room's name belongs to the stage itself.
    for path in after(&code, &upwards) {
        let path = path.trim_start_matches("super::");
        names.extend(first_names(path).into_iter().filter(|name| is_room(name)));
    }
    names.remove(file.room());
    names.retain(|name| !name.is_empty());
    names
}

fn is_room(name: &str) -> bool {
    GROUND.contains(&name) || STAGES.contains(&name) || ROOF.contains(&name)
}

#[test]
fn every_room_has_its_place() {
    for file in files() {
        assert!(
            is_room(file.room()),
            "src/{}: '{}' is no room of this house: give it its place in STAGES, or put the file \
             where it belongs",
            file.name,
            file.room()
        );
    }
}

#[test]
fn a_stage_imports_the_ground_and_the_stages_to_its_left() {
    let mut wrong = Vec::new();
    for file in files().iter().filter(|file| !ROOF.contains(&file.room())) {
        let left = STAGES.iter().position(|stage| *stage == file.room()).unwrap_or(0);
        let allowed = |name: &str| GROUND.contains(&name) || STAGES[..left].contains(&name);
        let found = imports(file);
        let bad = found.iter().filter(|name| !allowed(name));
        wrong.extend(bad.map(|name| format!("src/{} imports '{name}'", file.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What of `flow` is plain data and plain functions on it.
const PLAIN: [&str; 10] = [
    "consolidate",
    "Diff",
    "Emit",
    "Keep",
    "Keyed",
    "KeyedState",
    "Packed",
    "PackedList",
    "Reading",
    "Update",
];

/// All names of a path's end: one, or those of a list in braces.
fn last_names(path: &str) -> Vec<String> {
    let end = path.find(';').unwrap_or(path.len());
    let list = path[..end].trim_start_matches('{').trim_end_matches('}');
    list.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

#[test]
fn only_a_stages_dataflow_names_timely() {
    let mut wrong = Vec::new();
    for file in files().iter().filter(|file| !file.names_timely()) {
        let code = code(&file.text);
        for library in ["timely::", "differential_dataflow::"] {
            if after(&code, library).next().is_some() {
                wrong.push(format!("src/{} names {library}", file.name));
            }
        }
        let names = after(&code, "crate::flow::").flat_map(last_names);
        let streams = names.filter(|name| !PLAIN.contains(&name.as_str()) && name != "During");
        wrong.extend(streams.map(|name| format!("src/{} names crate::flow::{name}", file.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_file_is_one_thought() {
    let mut wrong = Vec::new();
    for file in files() {
        let lines = file.text.lines().count();
        if lines > LONGEST && !LONGER.iter().any(|(name, _)| *name == file.name) {
            wrong.push(format!("src/{}: {lines} lines, at most {LONGEST}", file.name));
        }
        if !file.text.starts_with("//!") {
            wrong.push(format!("src/{}: its first lines (//!) say what it is for", file.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_do_not_import_each_other_in_circles() {
    let files = files();
    let circle = files::circle(&files::Modules::new(&files).imports());
    let circle = circle.unwrap_or_default().join(" → src/");
    assert!(circle.is_empty(), "src/{circle}: give what they share a file of its own");
}

/// The types that a file defines at its top, and those of its modules of tests not.
fn types(file: &SourceFile) -> Vec<String> {
    let defined = file.text.lines().filter_map(|line| {
        let line = line.strip_prefix("pub").map_or(line, |rest| match rest.strip_prefix('(') {
            Some(rest) => rest.split_once(") ").expect("how public it is").1,
            None => rest.trim_start(),
        });
        let kinds = ["struct ", "enum ", "trait ", "type "];
        let rest = kinds.iter().find_map(|kind| line.strip_prefix(kind))?;
        Some(rest.chars().take_while(|c| is_name(*c)).collect())
    });
    defined.collect()
}

#[test]
fn a_type_has_its_name_for_itself() {
    let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files().iter().filter(|file| !file.name.contains("/tests")) {
        for name in types(file) {
            by_name.entry(name).or_default().push(format!("src/{}", file.name));
        }
    }
    by_name.retain(|_, files| files.len() > 1);
    let shared = by_name.iter().map(|(name, files)| format!("{name}: {}", files.join(", ")));
    let shared: Vec<String> = shared.collect();
    assert!(shared.is_empty(), "one name, several types:\n{}", shared.join("\n"));
}

#[test]
fn nothing_is_named_for_what_is_left_over() {
    for file in files() {
        for name in file.name.trim_end_matches(".rs").split('/') {
            let left_over =
                ["util", "utils", "common", "helper", "helpers", "manager", "misc"].contains(&name);
            assert!(!left_over, "src/{}: a name that says what it is for", file.name);
        }
    }
}

#[test]
fn imports_are_read_as_the_compiler_reads_them() {
    let file = |name: &str, text: &str| SourceFile { name: name.into(), text: text.into() };
    let found = |file: &SourceFile| imports(file).into_iter().collect::<Vec<_>>();
    let nested = "use crate::{row::{Row, Datum}, sink::Writers};\nuse crate::time::Micros;";
    assert_eq!(found(&file("decode/json.rs", nested)), ["row", "sink", "time"]);
    let inline = "fn f(g: crate::changelog::LookupResult) -> Vec<crate::plan::Plan> {}";
    assert_eq!(found(&file("decode/json.rs", inline)), ["changelog", "plan"]);
    let own = "use super::scalar; use super::Decoded; use crate::decode::raw; use mycrate::sink;";
    assert_eq!(found(&file("decode/json.rs", own)), [""; 0]);
    assert_eq!(found(&file("decode/json.rs", "use super::super::sink::Writers;")), ["sink"]);
    assert_eq!(found(&file("decode/mod.rs", "use super::sink::Writers;")), ["sink"]);
    let test = "mod tests { use super::super::Target; use super::super::super::sink; }";
    assert_eq!(found(&file("generate/history.rs", test)), ["sink"]);
    assert_eq!(found(&file("decode/json.rs", "// like crate::sink::json")), [""; 0]);
}

#[test]
fn a_circle_is_found_through_what_is_handed_on() {
    let file = |name: &str, text: &str| SourceFile { name: name.into(), text: text.into() };
    let mut all = vec![
        file("decode/mod.rs", "mod a;\nmod b;\nmod c;\npub use a::One;\nuse c::three;"),
        file(
            "decode/a.rs",
            "use super::b::{self, other};\n#[cfg(test)]\nmod tests { use super::super::c; }",
        ),
        file("decode/b.rs", "fn f(one: super::One) {}"),
        file("decode/c.rs", "use crate::{decode::b::other, time};"),
    ];
    let circle = |files: &[SourceFile]| {
        let modules = files::Modules::new(files);
        files::circle(&modules.imports()).map(|files| files.join(" "))
    };
    assert_eq!(circle(&all).as_deref(), Some("decode/a.rs decode/b.rs decode/a.rs"));
    all[2].text = "fn f(one: super::Own) {}".into();
    assert_eq!(circle(&all).as_deref(), Some("decode/b.rs decode/mod.rs decode/c.rs decode/b.rs"));
    all[2].text = "use std::rc::Rc;".into();
    assert_eq!(circle(&all), None);
}
