//! `data`: where rows are stored, as a text or with how a bucket is reached.

use std::path::{Path, PathBuf};

use super::object::{Object, ReadContext, text};
use crate::definition::file::fields;
use crate::definition::file::yaml::YamlValue;
use crate::place::of_a_shell;
use crate::plan::{BucketKeys, BucketPlace, DataPlace};

pub fn read(context: &mut ReadContext, file: &Object<'_>, folder: &Path) -> Option<DataPlace> {
    let node = file.get("data")?;
    if let YamlValue::Mapping(_) = node.value {
        let object = Object::read(context, "'data'", node, fields::DATA)?;
        return bucket(context, &object, folder).map(DataPlace::Bucket);
    }
    let data = text(context, "'data'", node)?;
    if let Some(why) = of_a_shell(&data) {
        context.complain(node.place, format!("'data': {why}"));
    }
    Some(match BucketPlace::of(&data) {
        Some(place) if data.starts_with("s3://") => DataPlace::Bucket(place),
        _ => DataPlace::Folder(folder.join(data)),
    })
}

fn bucket(context: &mut ReadContext, object: &Object<'_>, folder: &Path) -> Option<BucketPlace> {
    let url = object.text(context, "url");
    let endpoint = object.text(context, "endpoint");
    if let Some((endpoint, place)) = &endpoint
        && !reqwest::Url::parse(endpoint)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    {
        let message = "'endpoint' of 'data' is none: one begins with https://, or http://";
        context.complain(*place, message);
    }
    let region = object.text(context, "region").map(|(region, _)| region);
    let keys = keys(context, object);
    let addressing = object.choice(context, "addressing", fields::ADDRESSING);
    let working_folder = object.text(context, "working_folder").map(|(path, place)| {
        if let Some(why) = of_a_shell(&path) {
            context.complain(place, format!("'working_folder' of 'data': {why}"));
        }
        folder.join(PathBuf::from(path))
    });
    let (url, place) = url?;
    let named =
        BucketPlace::of(&url).filter(|of| url.starts_with("s3://") && !of.bucket.is_empty());
    let Some(named) = named else {
        context.complain(
            place,
            format!("'url' of 'data' is '{url}', which names no bucket: write s3://BUCKET/PREFIX"),
        );
        return None;
    };
    Some(BucketPlace {
        endpoint: endpoint.map(|(endpoint, _)| endpoint),
        region,
        keys,
        is_host: addressing.map(|how| how == "host"),
        working_folder,
        ..named
    })
}

/// Both halves of a key, or neither.
fn keys(context: &mut ReadContext, object: &Object<'_>) -> Option<BucketKeys> {
    let [id, secret, session] = ["access_key_id", "secret_access_key", "session_token"]
        .map(|name| object.text(context, name).map(|(text, _)| text));
    let has = |name| object.get(name).is_some();
    let lacks = match (has("access_key_id"), has("secret_access_key"), has("session_token")) {
        (true, false, _) => Some(("access_key_id", "secret_access_key")),
        (false, true, _) => Some(("secret_access_key", "access_key_id")),
        (false, false, true) => Some(("session_token", "access_key_id")),
        _ => None,
    };
    if let Some((given, lacks)) = lacks {
        context.complain(
            object.place_of(given),
            format!(
                "'data' has '{given}' and lacks '{lacks}': give both, or neither, and the environment says who asks"
            ),
        );
    }
    Some(BucketKeys { id: id?, secret: secret?, session })
}
