//! What `selfsame init` makes of files whose names and numbers may mislead: it says of what it is not sure, and drafts what
//! makes one person of each and counts each amount once.

mod program;

use std::collections::BTreeMap;
use std::path::Path;

use program::outputs::{folded, values};
use program::selfsame;
use serde_json::Value;

/// Writes files below a folder.
fn write(folder: &Path, files: &[(&str, String)]) {
    for (name, text) in files {
        let file = folder.join("data").join(name);
        std::fs::create_dir_all(file.parent().expect("one")).expect("a folder");
        std::fs::write(file, text).expect("room");
    }
}

/// Drafts a definition of files, takes it to the end of a run, and returns it.
fn drafted(files: &[(&str, String)]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), files);
    selfsame(folder.path(), &["init", "data", "-o", "draft.yaml"]).well();
    selfsame(folder.path(), &["check", "draft.yaml"]).well();
    selfsame(folder.path(), &["run", "draft.yaml"]).well();
    let yaml = std::fs::read_to_string(folder.path().join("draft.yaml")).expect("a draft");
    (folder, yaml)
}

fn refused(files: &[(&str, String)]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), files);
    selfsame(folder.path(), &["init", "data"]).badly()
}

fn rows(head: &str, number: usize, row: impl Fn(usize) -> String) -> String {
    (0..number).fold(format!("{head}\n"), |text, at| text + &row(at) + "\n")
}

fn profiles(folder: &Path) -> BTreeMap<String, Value> {
    folded(values(&folder.join("out/profiles.ndjson")))
}

/// What ties rows to people, as the draft has it.
fn identity(yaml: &str) -> Vec<&str> {
    let (_, identity) = yaml.split_once("\nidentity:").expect("identifiers");
    identity.lines().filter_map(|line| line.strip_prefix("    from: ")).collect()
}

#[test]
fn numbers_that_have_lost_their_zeros_meet_those_that_have_them() {
    let customers =
        |id: &dyn Fn(usize) -> String| rows("id,city", 120, |at| id(at + 1) + ",Berlin");
    let orders = |id: &dyn Fn(usize) -> String| {
        rows("customer_id,ordered_at", 240, |at| id(at % 120 + 1) + ",2025-07-05T10:00:00Z")
    };
    let plain = |at: usize| at.to_string();
    let padded = |at: usize| format!("{at:05}");
    for (of_customers, of_orders) in [
        (&plain as &dyn Fn(usize) -> String, &padded as &dyn Fn(usize) -> String),
        (&padded, &plain),
    ] {
        let files = [("customers.csv", customers(of_customers)), ("orders.csv", orders(of_orders))];
        let (folder, yaml) = drafted(&files);
        for said in [
            "# customers.id and orders.customer_id share 0 of 120 values, and 120 without the zeros before them\n",
            "    normalize: ltrim(value, '0')    # ? 00001 is 1\n",
        ] {
            assert!(yaml.contains(said), "{said}\n{yaml}");
        }
        assert_eq!(profiles(folder.path()).len(), 120, "{yaml}");
    }
    // They say nothing where both have them, or some of one column alone.
    let mixed = |at: usize| if at.is_multiple_of(2) { padded(at) } else { plain(at) };
    for (of_customers, of_orders) in [
        (&padded as &dyn Fn(usize) -> String, &padded as &dyn Fn(usize) -> String),
        (&plain, &mixed),
    ] {
        let files = [("customers.csv", customers(of_customers)), ("orders.csv", orders(of_orders))];
        let (_, yaml) = drafted(&files);
        assert!(!yaml.contains("ltrim"), "{yaml}");
    }
    // What meets nowhere is one by its name alone.
    let files =
        [("customers.csv", customers(&plain)), ("orders.csv", orders(&|at| format!("K{at}")))];
    let (_, yaml) = drafted(&files);
    assert!(
        yaml.contains("# ? customers.id and orders.customer_id share 0 of 120 values\n"),
        "{yaml}"
    );
}
