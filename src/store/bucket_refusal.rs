//! What a bucket's server refuses, and what to do about it.

use object_store::Error;

/// What an answer comes to that trying again does not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketRefusal {
    NoObject,
    NoBucket,
    Region,
    Denied,
    Clock,
    Nobody,
}

impl BucketRefusal {
    pub fn of(error: &Error) -> Option<Self> {
        let text = error.to_string();
        let is_region =
            ["Received redirect", "PermanentRedirect"].iter().any(|of| text.contains(of));
        let is_nobody = text.contains("169.254.169.254") || text.contains("credential");
        Some(match (code(&text), error) {
            ("NoSuchBucket", _) => BucketRefusal::NoBucket,
            ("NoSuchKey", _) => BucketRefusal::NoObject,
            ("AuthorizationHeaderMalformed" | "IllegalLocationConstraintException", _) => {
                BucketRefusal::Region
            }
            ("RequestTimeTooSkewed", _) => BucketRefusal::Clock,
            // Servers of one's own have codes of their own for somebody they do not know.
            (code, _) if DENIED.iter().any(|of| code.contains(of)) => BucketRefusal::Denied,
            _ if is_region => BucketRefusal::Region,
            (_, Error::PermissionDenied { .. } | Error::Unauthenticated { .. }) => {
                BucketRefusal::Denied
            }
            ("", Error::NotFound { .. }) => BucketRefusal::NoObject,
            ("", _) if is_nobody => BucketRefusal::Nobody,
            _ => return None,
        })
    }

    fn remedy(self) -> &'static str {
        match self {
            BucketRefusal::NoObject | BucketRefusal::NoBucket => {
                "there is no such bucket: make it, or name another one"
            }
            BucketRefusal::Region => {
                "the bucket is in another region: name that by `region` of `data`, or by AWS_REGION"
            }
            BucketRefusal::Denied => {
                "access is denied: give access_key_id and secret_access_key of `data`, or AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY, of somebody who may list, read, write and delete there, and the bucket's region"
            }
            BucketRefusal::Clock => "this machine's clock is not the server's: set it right",
            BucketRefusal::Nobody => {
                "nothing says who asks that bucket of S3 (s3://BUCKET/PREFIX): give access_key_id and secret_access_key of \
                 `data`, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. A folder on this machine whose path begins with \
                 `s3:/` is written `./s3:/`"
            }
        }
    }
}

const DENIED: [&str; 6] = [
    "AccessDenied",
    "AccessKey",
    "SignatureDoesNotMatch",
    "UserNotFound",
    "Token",
    "AllAccessDisabled",
];

/// What a server says comes as XML, of which the code tells all.
fn code(text: &str) -> &str {
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    code.map_or("", |(code, _)| code)
}

/// What an error comes to, with what to do about it.
pub fn said(error: &Error) -> String {
    let text = error.to_string();
    let Some(refusal) = BucketRefusal::of(error) else {
        let short: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        return format!(
            "{}: look at `endpoint` of `data`, or AWS_ENDPOINT_URL, and whether it runs",
            short.chars().take(300).collect::<String>()
        );
    };
    match code(&text) {
        "" => refusal.remedy().to_owned(),
        code => format!("{} ({code})", refusal.remedy()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wrote_a_path_that_is_taken_for_a_bucket_is_told_how_one_is_written() {
        let nobody = BucketRefusal::Nobody.remedy();
        assert!(nobody.contains("s3://BUCKET/PREFIX") && nobody.contains("`./s3:/`"), "{nobody}");
    }
}
