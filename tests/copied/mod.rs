//! A copy of a folder, such as a sample's, to run in.

use std::path::Path;

/// Copies what is in a folder, but for the outputs that a run in it has left.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("room on the disk");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let to = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true if path.ends_with("out") => {}
            true => copy(&path, &to),
            false => drop(std::fs::copy(&path, &to).expect("room on the disk")),
        }
    }
}
