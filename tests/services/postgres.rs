//! A server of PostgreSQL of the test's own, in a folder of its own: as Debian has it.

// Each test uses its part of this.
#![allow(dead_code)]

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::program::free_ports;

pub struct Postgres {
    programs: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    pub connection: String,
}

impl Postgres {
    /// # Panics
    /// Where this must not be left out: in continuous integration.
    pub fn start() -> Option<Self> {
        let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path().join("bin"))
            .collect();
        versions.sort();
        let Some(programs) = versions.pop() else {
            let why = "PostgreSQL is not installed: apt-get install postgresql";
            assert!(std::env::var_os("CI").is_none(), "{why}");
            eprintln!("SKIPPED: {why}");
            return None;
        };
        let folder =
            tempfile::Builder::new().prefix("selfsame-pg").tempdir_in("/tmp").expect("a folder");
        let port = free_ports(1).remove(0);
        let connection =
            format!("host=127.0.0.1 port={port} user=postgres application_name=selfsame");
        let server = Postgres { programs, folder, port, connection };
        let data = server.folder.path().join("data");
        let owner = ["-R", "postgres", server.folder.path().to_str().expect("a path")];
        assert!(Command::new("chown").args(owner).status().expect("chown").success());
        let data = data.to_str().expect("a path");
        server.run("initdb", &["-D", data, "-A", "trust", "--no-sync"]);
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -c unix_socket_directories={data}"
        );
        let log = format!("{data}/log");
        server.run("pg_ctl", &["-D", data, "-w", "-l", &log, "start", "-o", &options]);
        Some(server)
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new("runuser");
        let command = command.args(["-u", "postgres", "--"]).arg(self.programs.join(program));
        let ended = command.args(arguments).current_dir(self.folder.path()).stdout(Stdio::null());
        assert!(ended.status().expect("it starts").success(), "{program}");
    }

    fn client(&self, statement: &str) -> Command {
        let port = self.port.to_string();
        let mut client = Command::new("psql");
        client.args(["-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-At"]);
        client.args(["-v", "ON_ERROR_STOP=1", "-c", statement]);
        client
    }

    /// Begins what takes as long as it takes.
    pub fn begin(&self, statements: &str) -> Child {
        let mut client = self.client(statements);
        client.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts")
    }

    /// What a statement gives.
    pub fn ask(&self, statement: &str) -> String {
        let ended = self.client(statement).output().expect("it starts");
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        String::from_utf8(ended.stdout).expect("text")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.folder.path().join("data");
        let mut command = Command::new("runuser");
        let command = command.args(["-u", "postgres", "--"]).arg(self.programs.join("pg_ctl"));
        let data = data.to_str().expect("a path");
        let _ = command.args(["-D", data, "-m", "immediate", "stop"]).output();
    }
}
