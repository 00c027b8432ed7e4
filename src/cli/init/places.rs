//! Where files are, as a definition writes it: from its own folder, and one pattern for folders such as `month=01`.

use std::path::{Component, Path, PathBuf};

use super::texts::quoted;

/// Files of one source; paths are written as they are from a folder.
pub fn written(files: &[PathBuf], folder: &Path) -> String {
    let absolute = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = absolute(folder);
    let shown = |path: &PathBuf| from(&absolute(path), &folder).display().to_string();
    let escaped = |path: &PathBuf| glob::Pattern::escape(&shown(path));
    if let Some(pattern) = pattern(files) {
        let (root, rest) = pattern;
        return quoted(&format!("{}/{rest}", escaped(&root)));
    }
    match files {
        [one] => quoted(&escaped(one)),
        several => {
            let several: Vec<String> = several.iter().map(|path| quoted(&escaped(path))).collect();
            format!("[{}]", several.join(", "))
        }
    }
}

/// A path as it is from a folder; as it is by itself where nothing but the root is above both.
fn from(path: &Path, folder: &Path) -> PathBuf {
    let (all, of_folder): (Vec<Component<'_>>, Vec<Component<'_>>) =
        (path.components().collect(), folder.components().collect());
    let common = all.iter().zip(&of_folder).take_while(|(one, other)| one == other).count();
    if common < 2 && common < of_folder.len() {
        return path.to_owned();
    }
    let up = of_folder[common..].iter().map(|_| Component::ParentDir);
    up.chain(all[common..].iter().copied()).collect()
}

/// The folder of a file, above those that say of a column what it is in them, as `month=01` does.
pub fn root(file: &Path) -> Option<&Path> {
    let mut folder = file.parent()?;
    while is_partition(folder) {
        folder = folder.parent()?;
    }
    Some(folder)
}

/// Whether a file stands in such a folder.
pub fn is_in_partition(file: &Path) -> bool {
    file.parent().is_some_and(is_partition)
}

fn is_partition(folder: &Path) -> bool {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    name.is_some_and(|name| name.split_once('=').is_some_and(|(column, _)| !column.is_empty()))
}

/// The folder above such folders, and a pattern of what is in it that these files match, and no others.
fn pattern(files: &[PathBuf]) -> Option<(PathBuf, String)> {
    let first = files.first().filter(|file| is_in_partition(file))?;
    let root = root(first)?;
    let name = first.file_name()?.to_str()?;
    let are_called_so = files.iter().all(|file| file.file_name().is_some_and(|of| of == name));
    let name = match name.split_once('.').filter(|_| !are_called_so) {
        Some((_, ending)) => format!("*.{}", glob::Pattern::escape(ending)),
        None => glob::Pattern::escape(name),
    };
    let folders = first.strip_prefix(root).ok()?.parent()?;
    let folders: Option<Vec<String>> = folders
        .iter()
        .map(|folder| {
            let (column, _) = folder.to_str()?.split_once('=')?;
            Some(format!("{}=*", glob::Pattern::escape(column)))
        })
        .collect();
    let pattern = format!("{}/{name}", folders?.join("/"));
    let whole = format!("{}/{pattern}", glob::Pattern::escape(root.to_str()?));
    let matched: Vec<PathBuf> = glob::glob(&whole).ok()?.filter_map(Result::ok).collect();
    let is_all = matched.len() == files.len() && files.iter().all(|file| matched.contains(file));
    is_all.then(|| (root.to_owned(), pattern))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_they_are_from_the_folder_of_the_definition() {
        let from = |path: &str, folder: &str| from(Path::new(path), Path::new(folder));
        assert_eq!(from("/home/a/data/x.csv", "/home/a"), Path::new("data/x.csv"));
        assert_eq!(from("/home/a/data/x.csv", "/home/a/b/c"), Path::new("../../data/x.csv"));
        assert_eq!(from("/srv/x.csv", "/home/a"), Path::new("/srv/x.csv"));
        assert_eq!(from("/srv/x.csv", "/"), Path::new("srv/x.csv"));
    }

    #[test]
    fn folders_that_say_what_a_column_is_are_above_none() {
        let file = Path::new("lake/visits/year=2025/month=01/part-0.parquet");
        assert_eq!(root(file), Some(Path::new("lake/visits")));
        assert!(is_in_partition(file) && !is_in_partition(Path::new("lake/visits/x.csv")));
    }
}
