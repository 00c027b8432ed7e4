//! Where on a machine a run works whose data folder lies in a bucket: in that folder itself, where it is one.

use std::ffi::OsStr;
use std::path::PathBuf;

use super::bucket_client::named;
use super::entries::entries;
use super::error::StoreError;
use crate::plan::{BucketPlace, DataPlace};

/// The folder on this machine in which a run works: `data` itself, where that is one.
pub fn working_folder(data: &DataPlace) -> Result<PathBuf, StoreError> {
    let place = match data {
        DataPlace::Folder(folder) => return Ok(folder.clone()),
        DataPlace::Bucket(BucketPlace { working_folder: Some(folder), .. }) => {
            return Ok(folder.clone());
        }
        DataPlace::Bucket(place) => place,
    };
    let set = |name: &str| std::env::var_os(name).filter(|of| !of.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let cache = cache.ok_or_else(|| StoreError::Bucket {
        url: place.url(),
        why: "there is no place for its working folder: name one by `working_folder` of `data`, or by XDG_CACHE_HOME"
            .to_owned(),
    })?;
    Ok(cache.join("selfsame").join("s3").join(named(place)))
}

/// The same, of one process of a run: each has its own.
pub fn working_folder_of(data: &DataPlace, process: usize) -> Result<PathBuf, StoreError> {
    let folder = working_folder(data)?;
    if process == 0 || matches!(data, DataPlace::Folder(_)) {
        return Ok(folder);
    }
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(format!("-{process}"));
    Ok(folder.with_file_name(name))
}

/// Those that processes of a run may have on this machine, the first one's first.
pub fn working_folders(data: &DataPlace) -> Result<Vec<PathBuf>, StoreError> {
    let first = working_folder(data)?;
    let mut others = Vec::new();
    if let (DataPlace::Bucket(_), Some(beside), Some(name)) =
        (data, first.parent(), first.file_name().and_then(OsStr::to_str))
    {
        let number = |path: &PathBuf| {
            let after = path.file_name()?.to_str()?.strip_prefix(name)?.strip_prefix('-')?;
            after.parse::<usize>().ok()
        };
        others =
            entries(beside)?.into_iter().filter_map(|path| Some((number(&path)?, path))).collect();
        others.sort();
    }
    Ok([first].into_iter().chain(others.into_iter().map(|(_, path)| path)).collect())
}
