//! Pages of other hosts read where the definition lets them.

use super::client::{get, request};
use super::{definition, start};

#[test]
fn pages_of_hosts_that_are_named_may_read_and_others_may_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let http = "origins: [\"https://shop.example\", \"http://localhost:3000\"], keys: {read: read-key-read-key, admin: admin-key-admin-key}";
    let (_running, address) = start(&definition(folder.path(), http)).expect("it starts");
    let preflight = |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "authorization,if-none-match"),
        ];
        request(address, "OPTIONS", "/v1/profiles/email:a@b.c", &headers, b"")
    };
    for origin in ["https://shop.example", "http://localhost:3000"] {
        let allowed = preflight(origin);
        assert_eq!(allowed.status, 200, "it brings no key, as browsers have it");
        assert_eq!(allowed.header("access-control-allow-origin"), Some(origin));
        let headers = allowed.header("access-control-allow-headers").expect("headers");
        assert!(headers.contains("authorization") && headers.contains("if-none-match"));
        // What is refused can be read by the page, too.
        let refused = request(address, "GET", "/v1/segments", &[("origin", origin)], b"");
        assert_eq!(refused.status, 401);
        assert_eq!(refused.header("access-control-allow-origin"), Some(origin));
        let headers = [("origin", origin), ("authorization", "Bearer read-key-read-key")];
        let answer = request(address, "GET", "/v1/segments", &headers, b"");
        assert_eq!(answer.status, 200);
        let exposed = answer.header("access-control-expose-headers").expect("headers");
        assert!(exposed.contains("selfsame-tick") && exposed.contains("etag"), "{exposed}");
        assert!(answer.header("vary").is_some_and(|vary| vary.contains("origin")));
    }
    for origin in ["https://evil.example", "https://shop.example.evil.example", "null"] {
        assert_eq!(preflight(origin).header("access-control-allow-origin"), None, "{origin}");
    }
    // They may post rows, too: JSON with a key is asked for first.
    let rows = "/v1/sources/orders";
    for (origin, allowed) in [("https://shop.example", true), ("https://evil.example", false)] {
        let origin_is = |answer: &super::client::Answer| {
            answer.header("access-control-allow-origin") == allowed.then_some(origin)
        };
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,content-type"),
        ];
        let asked = request(address, "OPTIONS", rows, &headers, b"");
        assert!(asked.status == 200 && origin_is(&asked), "{origin}");
        let refused = request(address, "POST", rows, &[("origin", origin)], b"{}");
        assert!(refused.status == 401 && origin_is(&refused), "{origin}");
        let headers = [("origin", origin), ("authorization", "Bearer admin-key-admin-key")];
        let posted = request(address, "POST", rows, &headers, b"{\"email\":\"a@b.c\"}");
        assert!(posted.status == 200 && origin_is(&posted), "{origin}: {}", posted.status);
    }
}

#[test]
fn all_may_read_where_that_is_said_and_none_where_nothing_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let allowed = |http: &str| {
        let (_running, address) = start(&definition(folder.path(), http)).expect("it starts");
        let answer =
            request(address, "GET", "/v1/segments", &[("origin", "https://a.example")], b"");
        assert_eq!((answer.status, get(address, "/").status), (200, 200));
        answer.header("access-control-allow-origin").map(str::to_owned)
    };
    assert_eq!(allowed("origins: \"*\""), Some("*".to_owned()));
    assert_eq!(allowed("origins: []"), None);
}

#[test]
fn a_browser_that_asks_before_it_sends_to_the_collector_is_let() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_running, address) = start(&definition(folder.path(), "")).expect("it starts");
    let headers = [("origin", "https://a.example"), ("access-control-request-method", "POST")];
    let allowed = request(address, "OPTIONS", "/v1/t", &headers, b"");
    assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (200, Some("*")));
    let not = request(address, "PUT", "/v1/t", &[], b"");
    assert_eq!(not.refusal(), (405, "method_not_allowed".to_owned()));
}
