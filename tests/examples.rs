//! The programs in `examples/`: what each prints.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The examples that are built, as they stand, beside this test: a run of this test alone builds none.
fn built() -> PathBuf {
    let test = std::env::current_exe().expect("a test runs");
    // `target/debug/deps/examples-…`
    let folder = test.ancestors().nth(2).expect("cargo's folders");
    let profile = folder.file_name().and_then(|name| name.to_str()).expect("a profile's folder");
    let profile = if profile == "debug" { "dev" } else { profile };
    let features = [("otel", cfg!(feature = "otel")), ("tls", cfg!(feature = "tls"))];
    let features: Vec<&str> = features.iter().filter(|(_, on)| *on).map(|(of, _)| *of).collect();
    let build = Command::new(env!("CARGO"))
        .args(["build", "--examples", "--profile", profile, "--features", &features.join(",")])
        .arg("--manifest-path")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .arg("--target-dir")
        .arg(folder.parent().expect("the target's folder"))
        .output()
        .expect("cargo runs");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    folder.join("examples")
}

/// What an example prints.
fn printed(name: &str) -> String {
    let run = Command::new(built().join(name)).output().expect("an example runs");
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
