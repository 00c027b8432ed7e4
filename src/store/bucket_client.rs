//! How a bucket is reached: as the definition says, and where it does not, as the environment says it to AWS's own tools.

use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{ClientOptions, Error, RetryConfig};

use crate::place::path_part;
use crate::plan::{BucketKeys, BucketPlace};

/// A request that takes longer is given up, and made again.
const PATIENCE: Duration = Duration::from_secs(30);

/// A name for a bucket's folder that a folder on this machine may have.
pub fn named(place: &BucketPlace) -> String {
    let endpoint = endpoint(place).unwrap_or_default();
    let all = format!("{endpoint}\n{}\n{}", place.bucket, place.prefix);
    format!("{}-{}", path_part(&place.bucket), &blake3::hash(all.as_bytes()).to_hex()[..16])
}

fn endpoint(place: &BucketPlace) -> Option<String> {
    let names = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
    let of_environment = || names.into_iter().find_map(|name| std::env::var(name).ok());
    place.endpoint.clone().or_else(of_environment)
}

/// A client of it: what the definition does not say, the environment does, as for the tools of AWS.
pub fn client(place: &BucketPlace) -> Result<AmazonS3, Error> {
    let mut builder = AmazonS3Builder::new();
    for (name, value) in std::env::vars() {
        let setting = name.starts_with("AWS_").then(|| name.to_ascii_lowercase().parse());
        // No part of a key that the definition gives is taken from elsewhere.
        let is_foreign = |setting: &AmazonS3ConfigKey| {
            place.keys.is_some() && *setting == AmazonS3ConfigKey::Token
        };
        if let Some(Ok(setting)) = setting
            && !is_foreign(&setting)
        {
            builder = builder.with_config(setting, value);
        }
    }
    let endpoint = endpoint(place);
    let options = ClientOptions::new()
        .with_timeout(PATIENCE)
        .with_connect_timeout(Duration::from_secs(5))
        .with_allow_http(endpoint.as_ref().is_some_and(|of| of.starts_with("http://")));
    let retry = RetryConfig {
        // They are counted and told by whoever asks.
        max_retries: 0,
        retry_timeout: Duration::from_secs(10),
        ..RetryConfig::default()
    };
    let mut builder =
        builder.with_bucket_name(&place.bucket).with_client_options(options).with_retry(retry);
    if let Some(region) = &place.region {
        builder = builder.with_region(region);
    }
    if let Some(BucketKeys { id, secret, session }) = &place.keys {
        builder = builder.with_access_key_id(id).with_secret_access_key(secret);
        if let Some(session) = session {
            builder = builder.with_token(session);
        }
    }
    let is_host = place.is_host.unwrap_or_else(|| {
        builder.get_config_value(&AmazonS3ConfigKey::VirtualHostedStyleRequest).as_deref()
            == Some("true")
    });
    builder = builder.with_virtual_hosted_style_request(is_host);
    if let Some(endpoint) = endpoint {
        let endpoint = match is_host {
            true => host_of(&endpoint, &place.bucket),
            false => endpoint,
        };
        // What is said of S3 alone counts more, and both may be said.
        builder = builder.with_config(AmazonS3ConfigKey::S3Endpoint, endpoint);
    }
    builder.build()
}

/// A server's address with the bucket as a part of the host's name.
fn host_of(endpoint: &str, bucket: &str) -> String {
    let at = endpoint.find("://").map_or(0, |at| at + 3);
    let (scheme, host) = endpoint.split_at(at);
    match host.starts_with(&format!("{bucket}.")) {
        true => endpoint.to_owned(),
        false => format!("{scheme}{bucket}.{host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_a_part_of_the_host_where_that_is_said() {
        for (endpoint, meant) in [
            ("https://minio.example:9000", "https://people.minio.example:9000"),
            ("https://people.minio.example", "https://people.minio.example"),
        ] {
            assert_eq!(host_of(endpoint, "people"), meant);
        }
    }
}
