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
    #[error(
        "'{}' is not what was written: {why}. Put back the file from a copy; or, to begin anew, take the data \
         folder away and let the sources be read from their start",
        path.display()
    )]
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
