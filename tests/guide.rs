//! The guide: every definition, every file and every command in it, as a reader would take them, chapter by chapter.

use std::path::Path;
use std::process::Command;

/// A block between fences: its words behind the fence, and what it holds.
struct Block<'a> {
    words: Vec<&'a str>,
    text: &'a str,
    /// The lines of the document that hold the text.
    from: usize,
    to: usize,
}

/// The chapters of a document, each with its blocks.
fn chapters(document: &str) -> Vec<(String, Vec<Block<'_>>)> {
    let mut chapters = vec![(String::new(), Vec::new())];
    let mut rest = document;
    loop {
        let line = rest.find("\n```").map(|at| at + 1);
        let heading = rest.find("\n## ").map(|at| at + 1);
        match (line, heading) {
            (Some(fence), heading) if heading.is_none_or(|heading| fence < heading) => {
                let (words, behind) = rest[fence + 3..].split_once('\n').expect("a line");
                let text = &behind[..behind.find("```").expect("a fence closes")];
                let from = text.as_ptr() as usize - document.as_ptr() as usize;
                let words = words.split_whitespace().collect();
                let block = Block { words, text, from, to: from + text.len() };
                chapters.last_mut().expect("one at least").1.push(block);
                rest = &behind[text.len() + 2..];
            }
            (_, Some(heading)) => {
                let title = rest[heading + 3..].lines().next().unwrap_or_default();
                chapters.push((title.to_owned(), Vec::new()));
                rest = &rest[heading + 3..];
            }
            _ => return chapters,
        }
    }
}

/// Takes a chapter's commands in its folder; says what they print.
fn take(folder: &Path, commands: &str) -> Result<String, String> {
    let program = Path::new(env!("CARGO_BIN_EXE_selfsame"));
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let ended = Command::new("sh")
        .args(["-e", "-c", commands])
        .env("PATH", path)
        .env("SELFSAME_LOG", "error")
        .env("XDG_STATE_HOME", folder.join(".state"))
        .current_dir(folder)
        .output()
        .expect("there is a shell");
    let (out, err) =
        (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    match ended.status.success() {
        true => Ok(out.into_owned()),
        false => Err(format!("{commands}\n{out}\n{err}")),
    }
}

#[test]
fn what_the_guide_shows_is_what_happens() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join("docs/guide.md");
    let document = std::fs::read_to_string(&file).expect("the guide");
    let blesses = std::env::var_os("SELFSAME_BLESS").is_some();
    let (mut changes, mut failed, mut taken) = (Vec::new(), Vec::new(), 0);
    for (title, blocks) in chapters(&document) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut printed = String::new();
        for block in blocks {
            let named = block.words.iter().find_map(|word| word.strip_prefix("file="));
            match (named, block.words.first()) {
                (Some(name), _) => {
                    let path = folder.path().join(name);
                    std::fs::create_dir_all(path.parent().expect("a folder")).expect("room");
                    std::fs::write(&path, block.text).expect("room");
                    taken += 1;
                }
                (None, Some(&"sh")) => {
                    printed = take(folder.path(), block.text).unwrap_or_else(|why| {
                        failed.push(format!("{title}: {why}"));
                        String::new()
                    });
                    taken += 1;
                }
                (None, Some(&"text")) if blesses => {
                    changes.push((block.from, block.to, printed.clone()))
                }
                (None, Some(&"text")) if block.text.trim() == printed.trim() => {}
                (None, Some(&"text")) => {
                    failed.push(format!("{title} shows\n{}\nand prints\n{printed}", block.text));
                }
                _ => {}
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(taken > 60, "{taken}");
    let mut mended = document.clone();
    for (from, to, printed) in changes.into_iter().rev() {
        mended.replace_range(from..to, &format!("{}\n", printed.trim_end()));
    }
    if blesses {
        std::fs::write(&file, mended).expect("room");
    }
}
