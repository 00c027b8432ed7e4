//! The programs in `examples/`, as cargo builds them beside the tests: what each prints.

use std::path::PathBuf;
use std::process::Command;

/// What an example prints.
fn printed(name: &str) -> String {
    let mut folder: PathBuf = std::env::current_exe().expect("a test runs");
    // `target/debug/deps/examples-…`
    folder.pop();
    folder.pop();
    let run = Command::new(folder.join("examples").join(name)).output();
    let run = run.expect("cargo builds examples with the tests");
    let error = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{error}");
    String::from_utf8(run.stdout).expect("text")
}

#[test]
fn embed_merges_two_people_in_one_tick() {
    let text = printed("embed");
    let (before, after) = text.split_once("after the login:\n").expect("both parts");
    let mut before: Vec<&str> = before.lines().skip(1).collect();
    before.sort_unstable();
    let [visitor, buyer] = ["  {\"pages\":1,\"spent\":null}", "  {\"pages\":0,\"spent\":19.9}"];
    assert_eq!(before, [buyer, visitor]);
    let mut after: Vec<&str> = after.lines().collect();
    assert_eq!(after.pop(), Some("3 rows, 1 person"));
    after.sort_unstable();
    let [merged, whole] = after[..] else { panic!("{after:?}") };
    assert!(merged.starts_with("  one is merged into p_"), "{merged}");
    assert_eq!(whole, "  {\"pages\":2,\"spent\":19.9}");
}

#[test]
fn follow_tells_who_enters_segments_as_files_grow() {
    let expected = "entered \"regulars\"\nentered \"everywhere\"\n4 rows of 1 person\n";
    assert_eq!(printed("follow"), expected);
}

#[test]
fn copurchase_is_right_as_people_merge_and_unmerge() {
    let expected = "\
three devices, three people:
phone and laptop are Ada's:
  who bought hat also bought scarf: 1
  who bought scarf also bought hat: 1
the laptop was not:
";
    assert_eq!(printed("copurchase"), expected);
}
