//! Files that do not grow, and are written anew with as many bytes as before.

use super::resumed::{Processes, durable, list};
use crate::source::Positions;

#[test]
fn a_list_that_was_corrected_in_the_midst_and_is_as_long_as_before_is_read_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("a.log");
    let written = list(6_000);
    let corrected = String::from_utf8(written.clone()).unwrap().replace("3000-xxx", "3000-yyy");
    assert_eq!(corrected.len(), written.len());
    for (follow, same_file) in [(false, true), (false, false), (true, true)] {
        std::fs::write(&log, &written).unwrap();
        let start = |from| Processes::start(folder.path(), "json", follow, 1, from);
        let mut run = start(Positions::default());
        let (positions, taken) = durable(run.read(usize::MAX), &[true], false);
        assert_eq!(taken.len(), 6_000);
        let mut again = start(positions.clone());
        assert_eq!(again.read(usize::MAX).len(), 0, "it has not changed");
        let path = if same_file { log.clone() } else { folder.path().join("new") };
        std::fs::write(&path, &corrected).unwrap();
        if !same_file {
            std::fs::rename(path, &log).unwrap();
        }
        let mut next = if follow { run } else { start(positions) };
        let held = if follow { next.look(usize::MAX) } else { next.read(usize::MAX) };
        let ids: Vec<String> = held.into_iter().flat_map(|(_, ids)| ids).collect();
        assert_eq!(ids.len(), 6_000, "follows: {follow}, the same file: {same_file}");
        assert!(ids.iter().any(|id| id.starts_with("3000-yyy")));
    }
}
