//! Where files are, as a definition writes it: from its own folder, and one pattern for folders such as `month=01` or
//! `2024-01`.

use std::path::{Component, Path, PathBuf};

use super::texts::quoted;

/// Files of one source; paths are written as they are from a folder.
pub fn written(files: &[PathBuf], folder: &Path) -> String {
    let absolute = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = absolute(folder);
    let shown = |path: &PathBuf| from(&absolute(path), &folder).display().to_string();
    let escaped = |path: &PathBuf| glob::Pattern::escape(&shown(path));
    let all: Vec<PathBuf> = files.iter().map(|file| absolute(file)).collect();
    if let Some((root, rest)) = pattern(&all) {
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

/// Whether a file stands in a folder as another one does, and is called so, but for numbers: as `2024-01/orders-0.csv` and
/// `2024-02/orders-1.csv` are.
pub fn are_numbered_alike(one: &Path, other: &Path) -> bool {
    let (one, other): (Vec<_>, Vec<_>) = (one.components().collect(), other.components().collect());
    let are_alike = |(one, other): (&Component<'_>, &Component<'_>)| {
        let (one, other) = (one.as_os_str().to_str(), other.as_os_str().to_str());
        one.is_some() && (one == other || one.map(numbered) == other.map(numbered))
    };
    one.len() == other.len() && one.iter().zip(&other).all(are_alike)
}

/// A pattern of a name: with a star for each of its numbers, or days, and for what a column is in a folder such as `month=01`.
fn numbered(name: &str) -> String {
    if let Some((column, _)) = name.split_once('=').filter(|(column, _)| !column.is_empty()) {
        return format!("{}=*", glob::Pattern::escape(column));
    }
    let is_between = |of: char| "-_.".contains(of);
    let (mut pattern, mut rest) = (String::new(), name);
    while let Some(at) = rest.find(|of: char| of.is_ascii_digit()) {
        let end = rest[at..].find(|of: char| !of.is_ascii_digit() && !is_between(of));
        let number = &rest[at..end.map_or(rest.len(), |end| at + end)];
        let number = number.trim_end_matches(is_between);
        pattern += &glob::Pattern::escape(&rest[..at]);
        pattern.push('*');
        rest = &rest[at + number.len()..];
    }
    pattern + &glob::Pattern::escape(rest)
}

/// The folder above several folders of files, and a pattern of what is in it that these files match, and no others.
fn pattern(files: &[PathBuf]) -> Option<(PathBuf, String)> {
    let parts = |file: &PathBuf| -> Option<Vec<String>> {
        file.components().map(|part| Some(part.as_os_str().to_str()?.to_owned())).collect()
    };
    let all: Vec<Vec<String>> = files.iter().map(parts).collect::<Option<_>>()?;
    let (name, folders) = all.first()?.split_last()?;
    let are_so =
        |at: usize, part: &str| all.iter().all(|of| of.len() == all[0].len() && of[at] == part);
    let is_column = |part: &str| numbered(part).ends_with("=*") && part.contains('=');
    let first =
        (0..folders.len()).find(|at| !are_so(*at, &folders[*at]) || is_column(&folders[*at]))?;
    let numbered_so = |at: usize, part: &str| {
        let pattern = numbered(part);
        all.iter()
            .all(|of| of.len() == all[0].len() && numbered(&of[at]) == pattern)
            .then_some(pattern)
    };
    let folder = |at: usize| match are_so(at, &folders[at]) && !is_column(&folders[at]) {
        true => Some(glob::Pattern::escape(&folders[at])),
        false => numbered_so(at, &folders[at]),
    };
    let patterns: Vec<String> = (first..folders.len()).map(folder).collect::<Option<_>>()?;
    let at = folders.len();
    let name = match are_so(at, name) {
        true => glob::Pattern::escape(name),
        false => numbered_so(at, name)
            .or_else(|| Some(format!("*.{}", glob::Pattern::escape(name.split_once('.')?.1))))?,
    };
    let root: PathBuf = folders[..first].iter().collect();
    let pattern = format!("{}/{name}", patterns.join("/"));
    let whole = format!("{}/{pattern}", glob::Pattern::escape(root.to_str()?));
    let matched: Vec<PathBuf> = glob::glob(&whole).ok()?.filter_map(Result::ok).collect();
    let is_all = matched.len() == files.len() && files.iter().all(|file| matched.contains(file));
    is_all.then_some((root, pattern))
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

    #[test]
    fn files_are_numbered_alike_whose_folders_and_names_differ_in_numbers_alone() {
        let are_alike =
            |one: &str, other: &str| are_numbered_alike(Path::new(one), Path::new(other));
        for (one, other) in [
            ("data/2024-01/orders-0.csv", "data/2024-02/orders-17.csv"),
            ("data/2024/01/orders.csv", "data/2024/12/orders.csv"),
            ("data/export_20240101/eu/orders.csv", "data/export_20240102/eu/orders.csv"),
            ("data/2024/month=a/orders.csv", "data/2025/month=b/orders.csv"),
        ] {
            assert!(are_alike(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("data/2024-01/orders.csv", "data/2024-02/returns.csv"),
            ("data/eu/orders.csv", "data/us/orders.csv"),
            ("data/2024/orders.csv", "data/2024/01/orders.csv"),
            ("data/2024/orders.csv", "data/all/orders.csv"),
        ] {
            assert!(!are_alike(one, other), "{one} {other}");
        }
        assert_eq!(numbered("orders-2024-01-05.v2.csv"), "orders-*.v*.csv");
        assert_eq!(numbered("[2024]_x"), "[[]*[]]_x");
    }
}
