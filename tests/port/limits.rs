//! A key that sends too much waits, and nobody else does.

use std::net::SocketAddr;

use super::client::{Answer, get, request};
use super::{definition, start};

fn with_key(address: SocketAddr, method: &str, path: &str, key: &str) -> Answer {
    let key = format!("Bearer {key}");
    request(address, method, path, &[("authorization", &*key)], b"{\"email\": \"a@b.c\"}")
}

#[test]
fn a_key_is_held_to_its_limit_and_keeps_no_other_waiting() {
    let keys = "keys: {read: [read-key-read-key-1, read-key-read-key-2], write: {orders: write-key-write-key}, \
                admin: admin-key-admin-key}";
    // So slow that no token comes back while the test runs.
    let limits = "limits: {read: {rate: 1, burst: 3}, write: {rate: 1, burst: 2}}";
    let folder = tempfile::tempdir().expect("a folder");
    let http = format!("{keys}, {limits}");
    let (_running, address) = start(&definition(folder.path(), &http)).expect("it starts");
    let read = |key: &str| with_key(address, "GET", "/v1/segments", key);
    let many: Vec<u16> = (0..50).map(|_| read("read-key-read-key-1").status).collect();
    assert_eq!(many[..3], [200, 200, 200]);
    assert!(many.contains(&429), "{many:?}");
    let refused = (0..50).map(|_| read("read-key-read-key-1")).find(|answer| answer.status == 429);
    let refused = refused.expect("it is too fast");
    assert_eq!(refused.refusal(), (429, "too_many_requests".to_owned()));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(read("read-key-read-key-2").status, 200, "another key has a limit of its own");
    for _ in 0..20 {
        assert_eq!(read("admin-key-admin-key").status, 200, "nothing is said of admin keys");
        assert_eq!(get(address, "/health/live").status, 200);
    }
    let write = |key: &str| with_key(address, "POST", "/v1/sources/orders", key).status;
    let writes: Vec<u16> = (0..50).map(|_| write("write-key-write-key")).collect();
    assert!(writes[..2] == [200, 200] && writes.contains(&429), "{writes:?}");
    // Who guesses keys is told by the address.
    let guesses: Vec<u16> = (0..50).map(|number| read(&format!("guess-{number}")).status).collect();
    assert!(guesses[..3] == [401, 401, 401] && guesses.contains(&429), "{guesses:?}");
    // What was counted there is not counted of those who have one.
    assert_eq!(read("read-key-read-key-2").status, 200);
}

#[test]
fn without_keys_addresses_are_held_to_the_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let http = "limits: {read: {rate: 1, burst: 2}}";
    let (_running, address) = start(&definition(folder.path(), http)).expect("it starts");
    let many: Vec<u16> = (0..50).map(|_| get(address, "/v1/segments").status).collect();
    assert!(many[..2] == [200, 200] && many.contains(&429), "{many:?}");
    let posts = (0..20).map(|_| with_key(address, "POST", "/v1/sources/orders", "").status);
    assert!(posts.into_iter().all(|status| status == 200), "posts have a limit of their own: none");
}
