//! What the head of a request has to be before any route sees it: as short as it may be, which HTTP's parser looks at only
//! once it has read a good deal more, and about one host, as RFC 9112, section 3.2, has it.

use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Request, Uri, Version};

use super::denial::Denial;
use super::refused::HttpRefusal;

/// How long a request's head may be.
pub const HEAD_BYTES: usize = 64 << 10;

/// Lets a request pass whose head does.
pub fn checked<B>(request: &Request<B>) -> Result<(), Denial> {
    if bytes(request) > HEAD_BYTES {
        return Err(HttpRefusal::LongHead.denial());
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        // It did not know of hosts yet.
        (None, _) if request.version() < Version::HTTP_11 => Ok(()),
        (None, _) => Err(bad_host("a request of HTTP/1.1 has the header Host, and this has none")),
        (Some(_), Some(_)) => Err(bad_host("a request has one header Host, and this has several")),
        (Some(host), None) if is_host(host) => Ok(()),
        (Some(_), None) => Err(bad_host("what its header Host has is no host")),
    }
}

/// The bytes of a head, each header in a line of its own: `name: value`.
fn bytes<B>(request: &Request<B>) -> usize {
    let first = request.method().as_str().len() + written(request.uri()) + "  HTTP/1.1\r\n".len();
    let header = |(name, value): (&axum::http::HeaderName, &HeaderValue)| {
        name.as_str().len() + value.len() + ": \r\n".len()
    };
    first + request.headers().iter().map(header).sum::<usize>() + "\r\n".len()
}

/// The bytes of what is asked for.
fn written(uri: &Uri) -> usize {
    let scheme = uri.scheme_str().map_or(0, |scheme| scheme.len() + "://".len());
    let authority = uri.authority().map_or(0, |authority| authority.as_str().len());
    scheme + authority + uri.path_and_query().map_or(0, |path| path.as_str().len())
}

/// It may be empty, where what is asked for has none.
fn is_host(host: &HeaderValue) -> bool {
    let host = host.to_str().unwrap_or("@");
    host.is_empty() || (!host.contains('@') && host.parse::<Authority>().is_ok())
}

fn bad_host(message: &str) -> Denial {
    let remedy = "send one header Host, with the name or the address that the request is sent to";
    Denial::bad_request("bad_host", message, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(version: Version, headers: &[(&str, &str)]) -> Option<&'static str> {
        let mut request = Request::get("/v1/status").version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        checked(&request.body(()).expect("a request")).err().map(|denial| denial.code)
    }

    #[test]
    fn a_request_is_about_one_host() {
        for host in ["localhost:8080", "127.0.0.1:1", "[::1]:8080", "shop_1", ""] {
            assert_eq!(code(Version::HTTP_11, &[("host", host)]), None, "{host}");
        }
        for host in ["not a host", "ada@shop", "a/b"] {
            assert_eq!(code(Version::HTTP_11, &[("host", host)]), Some("bad_host"), "{host}");
        }
        assert_eq!(code(Version::HTTP_11, &[]), Some("bad_host"));
        assert_eq!(code(Version::HTTP_10, &[]), None);
        for version in [Version::HTTP_10, Version::HTTP_11] {
            assert_eq!(code(version, &[("host", "x"), ("Host", "x")]), Some("bad_host"));
        }
    }

    #[test]
    fn a_head_may_have_64_kib_to_the_byte() {
        let around = "GET /v1/status HTTP/1.1\r\nhost: x\r\na: \r\n\r\n".len();
        let of = |bytes: usize| {
            let long = "b".repeat(bytes - around);
            code(Version::HTTP_11, &[("host", "x"), ("a", &long)])
        };
        assert_eq!(of(HEAD_BYTES), None);
        assert_eq!(of(HEAD_BYTES + 1), Some("long_head"));
    }
}
