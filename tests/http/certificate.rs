//! Certificates of this machine, made by openssl.

// Each test uses its part of this.
#![allow(dead_code)]

use std::path::Path;
use std::process::{Command, Output};

pub fn run(program: &str, arguments: &[&str], folder: &Path) -> Output {
    let command = Command::new(program).args(arguments).current_dir(folder).output();
    command.unwrap_or_else(|error| panic!("{program}: {error}"))
}

pub fn openssl(arguments: &[&str], folder: &Path) {
    let done = run("openssl", arguments, folder);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// A certificate of this machine that vouches for itself, and its key.
pub fn certificate(folder: &Path, name: &str) {
    let (pem, key) = (format!("{name}.pem"), format!("{name}.key"));
    let subject = format!("/CN={name}");
    let mut request =
        vec!["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
    request.extend(["-nodes", "-days", "2", "-subj", &subject, "-keyout", &key, "-out", &pem]);
    request.extend(["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]);
    request.extend(["-addext", "basicConstraints=critical,CA:FALSE"]);
    openssl(&request, folder);
}
