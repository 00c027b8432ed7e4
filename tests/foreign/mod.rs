//! What is published for others to use, judged by others: the JSON Schema by a validator, YAML by a reader,
//! that share nothing with the program's own. They are a crate of their own, built once by cargo, because
//! what they depend on would change how the rest is built.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{block, broken, read, root, selfsame, text};

/// Broken in ways that a schema can see.
const STRUCTURAL: [&str; 15] = [
    "a_list",
    "columns_unknown",
    "decisions_columns",
    "durations",
    "empty",
    "everything_at_once",
    "funnels",
    "identity_at_most",
    "lacks",
    "maps",
    "text_forms",
    "unknown_fields",
    "unknown_types",
    "unknown_words",
    "wrong_shapes",
];

/// What is said of the schema's own examples, and of files.
struct Judged {
    examples: Vec<Value>,
    files: BTreeMap<String, Value>,
}

fn judged(files: &[PathBuf]) -> Judged {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let schema = folder.path().join("schema.json");
    std::fs::write(&schema, selfsame(&["schema"]).stdout).expect("room on the disk");
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--locked", "--manifest-path"])
        .arg(root().join("tests/foreign/Cargo.toml"))
        .arg("--target-dir")
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("foreign"))
        .arg("--")
        .arg(schema)
        .args(files)
        .output()
        .expect("cargo starts");
    let complaint = text(output.stderr);
    assert!(
        output.status.success(),
        "tests/foreign does not run (its first build fetches crates): {complaint}"
    );
    let said = text(output.stdout);
    let said = said.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let name = |said: &Value| said["file"].as_str().expect("text").to_owned();
    let (examples, files): (Vec<Value>, Vec<Value>) =
        said.partition(|said| name(said).starts_with("schema#"));
    Judged { examples, files: files.into_iter().map(|said| (name(&said), said)).collect() }
}

#[test]
fn the_schema_takes_what_check_takes_and_refuses_what_is_built_wrongly() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let of_readme = folder.path().join("readme.yaml");
    std::fs::write(&of_readme, block(&read(&root().join("README.md")), "```yaml\n")).expect("room");
    let right = [
        "dataflows/retail/retail.yaml",
        "dataflows/saas/saas.yaml",
        "tests/check/right/from_the_environment.yaml",
        "tests/check/warnings/hardly_meant.yaml",
    ];
    let mut right: Vec<PathBuf> = right.iter().map(|name| root().join(name)).collect();
    right.push(of_readme);
    for (number, shown) in blocks(&read(&root().join("docs/guide.md"))).enumerate() {
        let file = folder.path().join(format!("guide-{number}.yaml"));
        std::fs::write(&file, shown).expect("room");
        right.push(file);
    }
    assert!(right.len() > 25, "the guide has definitions: {}", right.len());
    let judged = judged(&[&right[..], &broken()].concat());
    for file in &right {
        let name = file.to_str().expect("a path");
        assert!(selfsame(&["check", name]).status.success(), "{name} is right");
        let said = &judged.files[file.to_str().expect("a path")];
        assert!(said["value"].is_object() && said["refused"].is_null(), "{said:#}");
    }
    for name in STRUCTURAL {
        let file = root().join("tests/check").join(name).with_extension("yaml");
        let said = &judged.files[file.to_str().expect("a path")];
        assert!(said["refused"].is_string(), "{name} passes: {said:#}");
    }
    assert!(judged.examples.len() > 40, "fields have examples");
    for example in &judged.examples {
        assert!(example["refused"].is_null(), "{example:#}");
    }
}

/// An editor, a formatter and a linter read a definition too.
#[test]
fn whatever_yaml_the_documents_show_others_read_as_we_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let documents =
        ["README.md", "docs/reference.md", "docs/guide.md", "dataflows/retail/README.md"];
    let mut files = Vec::new();
    for (number, document) in documents.into_iter().enumerate() {
        for (place, shown) in shown(&read(&root().join(document))).into_iter().enumerate() {
            let file = folder.path().join(format!("{number}-{place}.yaml"));
            std::fs::write(&file, shown).expect("room on the disk");
            files.push(file);
        }
    }
    assert!(files.len() > 50, "they show much");
    let judged = judged(&files);
    for file in &files {
        let said = &judged.files[file.to_str().expect("a path")];
        assert!(said["unreadable"].is_null(), "{said:#}\n{}", read(file));
        // To others a comma in braces ends a text, within parentheses too.
        let cut = said["value"].to_string().contains(")\":null");
        assert!(!cut, "it wants quotes: {said:#}\n{}", read(file));
    }
    // A field's example stands in the reference as text, and in the schema as we have read it.
    let values: Vec<&Value> = judged.files.values().map(|said| &said["value"]).collect();
    let differing = judged.examples.iter().filter(|example| {
        let is_it = |value: &&Value| {
            value.as_object().is_some_and(|of| of.values().any(|of| *of == example["value"]))
        };
        !values.iter().any(is_it)
    });
    let differing: Vec<&Value> = differing.collect();
    assert!(differing.is_empty(), "others do not read these as we do: {differing:#?}");
}

/// The blocks of YAML in a document, whether they are said to be files or not.
fn blocks(document: &str) -> impl Iterator<Item = String> {
    let blocks = document.split("```yaml").skip(1).filter_map(|block| block.split_once('\n'));
    blocks.map(|(_, block)| block.split("```").next().unwrap_or_default().to_owned())
}

/// The YAML in a document: its blocks, the examples of fields, and what stands in braces.
fn shown(document: &str) -> Vec<String> {
    let blocks = blocks(document);
    let examples = document.lines().filter_map(|line| line.split_once("<br>`"));
    let examples = examples.filter_map(|(_, rest)| Some(rest.rsplit_once("` |")?.0.to_owned()));
    let prose = document.lines().filter(|line| !line.starts_with('|'));
    let prose = prose.collect::<Vec<_>>().join("\n");
    let code = prose.split('`').skip(1).step_by(2);
    let braces = code.filter(|code| code.starts_with('{') && code.contains(": "));
    let braces = braces.map(str::to_owned).collect::<Vec<_>>();
    blocks.chain(examples).chain(braces).collect()
}
