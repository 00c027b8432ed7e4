//! The port speaks TLS with clients that are not ours, and takes new certificates while it goes on.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use super::certificate::{certificate, openssl, run};
use super::client::{answer, connect, get};
use super::{definition, start};

const TLS: &str = "tls: {certificate: server.pem, key: server.key}";

fn curl(folder: &Path, authority: &str, url: &str) -> Output {
    run(
        "curl",
        &["--silent", "--show-error", "--max-time", "60", "--cacert", authority, url],
        folder,
    )
}

/// Until something holds; that it never does is found out at last.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(120);
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What is read up to a connection's end.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut part = [0; 1024];
    while let Ok(read @ 1..) = stream.read(&mut part) {
        bytes.extend_from_slice(&part[..read]);
    }
    bytes
}

async fn reqwest_get(
    folder: &Path,
    authority: &str,
    address: SocketAddr,
) -> reqwest::Result<String> {
    let authority = fs::read(folder.join(authority)).expect("a certificate");
    let client = reqwest::Client::builder()
        .add_root_certificate(reqwest::Certificate::from_pem(&authority)?)
        .build()?;
    client.get(format!("https://{address}/v1/segments")).send().await?.text().await
}

#[test]
fn clients_that_trust_the_certificate_are_answered_and_others_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    certificate(folder, "server");
    certificate(folder, "other");
    let (running, address) = start(&definition(folder, TLS)).expect("it starts");
    assert_eq!(running.url(), Some(format!("https://{address}")));
    let url = format!("https://{address}/v1/segments");
    let trusted = curl(folder, "server.pem", &url);
    let told = String::from_utf8_lossy(&trusted.stdout).into_owned();
    assert!(trusted.status.success() && told.contains("\"people\":0"), "{trusted:?}");
    assert!(!curl(folder, "other.pem", &url).status.success(), "it is vouched for by nobody");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        assert!(
            reqwest_get(folder, "server.pem", address).await.expect("an answer").contains("people")
        );
        assert!(reqwest_get(folder, "other.pem", address).await.is_err());
    });
    // A page that is served over TLS sends over TLS.
    let settings = curl(folder, "server.pem", &format!("https://{address}/v1/projects/k/settings"));
    assert!(String::from_utf8_lossy(&settings.stdout).contains("\"protocol\":\"https\""));
    for version in ["1.2", "1.3"] {
        let limit = ["--tls-max", version, "--cacert", "server.pem", "--silent", "--fail", &url];
        assert!(run("curl", &limit, folder).status.success(), "TLS {version}");
    }
}

#[test]
fn who_speaks_no_tls_to_a_port_that_wants_it_is_told_so_and_the_other_way_round_has_an_end() {
    let folder = tempfile::tempdir().expect("a folder");
    certificate(folder.path(), "server");
    let (_running, address) = start(&definition(folder.path(), TLS)).expect("it starts");
    let told = get(address, "/v1/segments");
    assert_eq!(told.refusal(), (400, "tls_wanted".to_owned()));
    // Also who sends so much that it is not read.
    let mut long = connect(address);
    let body = vec![b'x'; 40_000];
    long.write_all(b"POST /v1/sources/orders HTTP/1.1\r\ncontent-length: 40000\r\n\r\n")
        .expect("it is sent");
    let _ = long.write_all(&body);
    assert_eq!(answer(&mut long).status, 400);
    for garbage in
        [&b"\x16"[..], b"\x16\x03\x01\x00\x05hello", b"\x16\x03\x01\xff\xff\x00\x00\x00", b""]
    {
        let mut stream = connect(address);
        stream.write_all(garbage).expect("it is sent");
        stream.shutdown(std::net::Shutdown::Write).expect("it is sent");
        let said = rest(&mut stream);
        assert!(said.is_empty() || said[0] == 0x15, "an alert or nothing: {said:?}");
    }
    let (_plain, plain) = start(&definition(folder.path(), "")).expect("it starts");
    let asked = curl(folder.path(), "server.pem", &format!("https://{plain}/v1/segments"));
    assert!(!asked.status.success());
    let why = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert!(why.to_lowercase().contains("ssl") || why.contains("TLS"), "{why}");
    assert_eq!(get(plain, "/v1/segments").status, 200, "others are answered");
}

/// What the files of a certificate and of a key have, and words of what is told of them.
type BadPair<'a> = (Option<&'a [u8]>, Option<&'a [u8]>, &'a [&'a str]);

#[test]
fn a_run_does_not_start_with_a_pair_that_does_not_do_and_says_which_file_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    certificate(folder, "good");
    certificate(folder, "other");
    let fails = |certificate: Option<&[u8]>, key: Option<&[u8]>| {
        for (name, text) in [("server.pem", certificate), ("server.key", key)] {
            match text {
                Some(text) => fs::write(folder.join(name), text).expect("a file"),
                None => drop(fs::remove_file(folder.join(name))),
            }
        }
        start(&definition(folder, TLS)).map(drop).expect_err("it can't").to_string()
    };
    let read = |name: &str| fs::read(folder.join(name)).expect("a file");
    let (pem, key, other) = (read("good.pem"), read("good.key"), read("other.key"));
    let locked =
        ["pkey", "-in", "good.key", "-aes256", "-passout", "pass:secret", "-out", "locked.key"];
    openssl(&locked, folder);
    let cases: [BadPair<'_>; 8] = [
        (None, Some(&key), &["server.pem", "can't be read"]),
        (Some(&pem), None, &["server.key", "can't be read"]),
        (Some(b""), Some(&key), &["server.pem", "no certificate"]),
        (Some(&key), Some(&key), &["server.pem", "no certificate"]),
        (Some(&pem), Some(&pem), &["server.key", "no private key"]),
        (Some(&pem), Some(&other), &["server.pem", "server.key", "another certificate"]),
        (Some(&pem), Some(&read("locked.key")), &["server.key", "encrypted", "openssl pkey"]),
        (
            Some(b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n"),
            Some(&key),
            &["server.pem", "broken"],
        ),
    ];
    for (certificate, key, words) in cases {
        let told = fails(certificate, key);
        assert!(words.iter().all(|word| told.contains(word)), "{words:?}: {told}");
    }
    let broken =
        [&b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"[..], &pem].concat();
    assert!(fails(Some(&broken), Some(&key)).contains("server.pem"));
    // `check` looks at them, too.
    let spec = folder.join("shop.yaml");
    let text = format!(
        "sources: {{orders: {{files: none, kind: events, fields: {{email: text}}}}}}
identity: {{email: {{from: {{orders: email}}}}}}
outputs: {{profiles: {{files: out}}}}
http: {{{TLS}}}\n"
    );
    fs::write(&spec, text).expect("a file");
    let check = || run(env!("CARGO_BIN_EXE_selfsame"), &["check", "shop.yaml"], folder);
    let told = check();
    assert!(!told.status.success());
    assert!(String::from_utf8_lossy(&told.stderr).contains("server.pem"), "{told:?}");
    fs::write(folder.join("server.pem"), &pem).expect("a file");
    assert!(check().status.success(), "{:?}", check());
}

#[test]
fn a_changed_pair_is_taken_while_it_is_served_and_a_bad_one_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    for name in ["server", "next", "last"] {
        certificate(folder, name);
    }
    fs::copy(folder.join("server.pem"), folder.join("first.pem")).expect("a copy");
    let (_running, address) = start(&definition(folder, TLS)).expect("it starts");
    let is_served = |name: &str| {
        curl(folder, &format!("{name}.pem"), &format!("https://{address}/v1/segments"))
            .status
            .success()
    };
    assert!(is_served("first"));
    let replace = |name: &str, with: &str| {
        fs::copy(folder.join(with), folder.join("fresh")).expect("a copy");
        fs::rename(folder.join("fresh"), folder.join(name)).expect("it is replaced");
    };
    // A certificate whose key has yet to come, longer than it takes to look.
    replace("server.pem", "next.pem");
    std::thread::sleep(Duration::from_millis(2_500));
    assert!(is_served("first"), "the old pair stays until the new one is whole");
    replace("server.key", "next.key");
    until("the next certificate", || is_served("next"));
    assert!(!is_served("first"));
    fs::write(folder.join("server.pem"), "nonsense").expect("a file");
    fs::remove_file(folder.join("server.key")).expect("a file");
    std::thread::sleep(Duration::from_millis(2_500));
    assert!(is_served("next"));
    replace("server.pem", "last.pem");
    replace("server.key", "last.key");
    until("the last certificate", || is_served("last"));
}

#[test]
fn who_is_silent_while_tls_is_agreed_on_holds_nobody_and_not_the_end_of_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    certificate(folder.path(), "server");
    let (running, address) = start(&definition(folder.path(), TLS)).expect("it starts");
    let mut silent: Vec<TcpStream> = (0..50).map(|_| connect(address)).collect();
    for (number, stream) in silent.iter_mut().enumerate() {
        stream.write_all([&b"\x16\x03\x01"[..], b""][number % 2]).expect("it is sent");
    }
    let url = format!("https://{address}/v1/segments");
    assert!(curl(folder.path(), "server.pem", &url).status.success());
    running.stop().expect("it ends");
    for stream in &mut silent {
        rest(stream);
    }
}
