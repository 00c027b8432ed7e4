//! Why a store can't be used.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the data folder '{url}' can't be used: {why}")]
    Bucket { url: String, why: String },
    #[error(
        "the data folder '{url}' is in use by another run ({holder}): end that one, or give this one a prefix of its own"
    )]
    HeldElsewhere { url: String, holder: String },
    #[error(
        "a checkpoint can't be read: {0}. Take the folder 'checkpoints' of the data folder away: all that is in it \
         follows from the stored rows"
    )]
    Checkpoint(std::io::Error),
    #[error("the data folder's '{}' can't be {what}: {source}{}", path.display(), remedy(source))]
    Io { path: PathBuf, what: &'static str, source: std::io::Error },
    #[error("'{}' is not what was written: {why}. {}", path.display(), way_out(path))]
    Altered { path: PathBuf, why: String },
    #[error(
        "the data folder '{}' is in use by another run: end that one, or give this one a folder of its own",
        path.display()
    )]
    Held { path: PathBuf },
    #[error(
        "the data folder '{}' was deleted or moved while the run used it: what comes can't be stored any more. Start the \
         run again, where the folder is now, or with a new one",
        path.display()
    )]
    Gone { path: PathBuf },
    #[error("'{data}' is no data folder: name the one that the run stores its rows in")]
    NotThere { data: String },
    #[error(
        "the data folder '{}' was written by a later version of selfsame (layout {found}, this one knows {known})",
        path.display()
    )]
    Later { path: PathBuf, found: u32, known: u32 },
    #[error(
        "source {source_name}: no field of a source whose rows are stored can be named '{field}'"
    )]
    FieldName { source_name: String, field: String },
}

/// What is to be done where a folder is not one that can be used.
fn remedy(source: &std::io::Error) -> &'static str {
    match source.kind() {
        ErrorKind::PermissionDenied => {
            ". The user that selfsame runs as has to own the folder, or may not be kept from reading and writing \
             all that is in it"
        }
        ErrorKind::ReadOnlyFilesystem => {
            ". A run writes into its data folder, and who asks it locks it: let it lie where there is room to write"
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            ". Where the data folder is to be, there is something else, or a link that leads nowhere: name another one"
        }
        _ => "",
    }
}

/// What is to be done where a file of a data folder is not what was written: it is another thing with each.
fn way_out(path: &Path) -> &'static str {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let within = path.parent().and_then(name);
    let above = path.parent().and_then(Path::parent).and_then(name);
    match (name(path).as_deref(), within.as_deref(), above.as_deref()) {
        (Some("suppressed.json"), ..) => {
            "Put back the file from a copy: rows of people who are to stay forgotten are kept out by it alone. Where there \
             is no copy, write {\"identifiers\": []} into it, and say `selfsame forget TYPE:VALUE --suppress` of each of \
             their identifiers again before a run is started"
        }
        (Some("forgetting.json"), ..) => {
            "It says who is being forgotten: take it away, and say `selfsame forget` of that person again before a run is \
             started"
        }
        (Some("definition.json" | "definition.yaml"), ..) => {
            "Take it away: the next run writes it anew, of the definition that it is started with"
        }
        (_, Some("outputs"), _) => {
            "Take it away: a file that is an output is then read back and compared; an output that can't be read back counts \
             as told of all that is stored"
        }
        (_, Some(tick), Some("checkpoints")) if tick.bytes().all(|of| of.is_ascii_digit()) => {
            "It may be deleted: all that is in a checkpoint follows from the stored rows"
        }
        _ => {
            "Put back the file from a copy; or, to begin anew, take the data folder away and let the sources be read from \
             their start: whoever was forgotten is then there again, as far as these have their rows"
        }
    }
}

impl StoreError {
    /// Says of an error that it came when something was done to a path.
    pub fn io(
        path: &Path,
        what: &'static str,
    ) -> impl FnOnce(std::io::Error) -> StoreError + use<> {
        let path = path.to_owned();
        move |source| StoreError::Io { path, what, source }
    }

    pub fn altered(path: &Path, why: impl Into<String>) -> StoreError {
        StoreError::Altered { path: path.to_owned(), why: why.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_from_other_things_may_be_deleted_and_what_counts_is_put_back() {
        let said = |path: &str| StoreError::altered(Path::new(path), "it is torn").to_string();
        for rows in
            ["data/rows/web/1-p0-000000.parquet", "data/manifest-0.json", "s3://b/shop/log/1"]
        {
            assert!(
                said(rows).contains("torn. Put back the file from a copy; or"),
                "{}",
                said(rows)
            );
        }
        // Where the folder itself lies says nothing.
        assert!(said("checkpoints/data/store.json").contains("Put back"));
        for (path, way_out) in [
            ("data/checkpoints/00000000000000000007/complete-0.json", "may be deleted"),
            ("s3://bucket/definition.json", "Take it away: the next run writes it anew"),
            ("data/outputs/profiles.json", "is then read back and compared"),
            ("data/forgetting.json", "say `selfsame forget` of that person again"),
            ("data/suppressed.json", "write {\"identifiers\": []} into it"),
        ] {
            let said = said(path);
            assert!(said.contains(way_out) && !said.contains("to begin anew"), "{said}");
        }
    }
}
