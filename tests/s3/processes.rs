//! Several processes, each with its own part of the bucket and a working folder of its own, and the lease for all.

use std::fs;
use std::process::Command;

use crate::program::Running;
use crate::servers::Server;
use crate::{DATA, DEFINITION, RUN, Shop};

fn run(shop: &Shop, machine: &str, processes: &str) -> String {
    let arguments = [&RUN[..], &["--processes", processes]].concat();
    shop.start(&arguments, machine, &[]).end().well()
}

/// The processes that somebody supervises.
fn children(of: &Running) -> Vec<String> {
    let found = Command::new("pgrep").args(["-P", &of.id().to_string()]).output().expect("pgrep");
    String::from_utf8_lossy(&found.stdout).lines().map(str::to_owned).collect()
}

fn kill(process: &str) {
    let killed = Command::new("kill").args(["-KILL", process]).status();
    assert!(killed.is_ok_and(|killed| killed.success()), "{process} is there");
}

fn length(shop: &Shop) -> u64 {
    fs::metadata(shop.path().join("out/profiles.ndjson")).map_or(0, |of| of.len())
}

/// Also where the order of rows is that of the files that they are in.
#[test]
fn a_run_goes_on_with_any_number_of_processes_wherever_it_is_started() {
    goes_on(DEFINITION);
    goes_on(&DEFINITION.replace("    time: at\n", ""));
}

fn goes_on(definition: &str) {
    let Some(server) = Server::versitygw() else { return };
    let mut shop = Shop::new(server);
    fs::write(shop.path().join("shop.yaml"), definition).expect("it is written");
    for processes in ["2", "1", "3", "2"] {
        shop.grow(40);
        shop.grow(60);
        run(&shop, "here", processes);
    }
    let before = length(&shop);
    let of_second = shop.objects.keys().into_iter().any(|key| key.ends_with("manifest-1.json"));
    assert!(of_second, "the second process has a part of its own");
    for processes in ["1", "2"] {
        shop.lose("here");
        run(&shop, "here", processes);
        assert_eq!(length(&shop), before, "nothing is told twice");
    }
    shop.is_whole("there were 2, 1, 3, 2, 1 and 2 processes");
}

#[test]
fn one_of_two_processes_is_killed_and_then_the_machine_is_lost() {
    let Some(server) = Server::versitygw() else { return };
    let mut shop = Shop::new(server);
    let follow = ["run", "shop.yaml", "--data", DATA, "--follow", "--processes", "2"];
    for round in 0..2 {
        shop.grow(70);
        shop.grow(70);
        let before = length(&shop);
        let mut run = shop.start(&follow, "here", &[]);
        run.until("something is told", |_| length(&shop) > before);
        // Whoever supervises starts both again.
        kill(&children(&run)[round]);
        run.until("it says so", |run| run.err().contains("all are started again"));
        let before = length(&shop);
        shop.grow(60);
        run.until("they go on", |_| length(&shop) > before);
        // Now nobody starts them again.
        let children = children(&run);
        run.signal("KILL");
        children.iter().for_each(|child| kill(child));
        drop(run.end());
        shop.lose("here");
    }
    run(&shop, "there", "3");
    shop.is_whole("processes were killed, and machines lost");
}

#[test]
fn processes_that_do_not_belong_together_do_not_share_a_bucket() {
    let Some(server) = Server::versitygw() else { return };
    let mut shop = Shop::new(server);
    shop.grow(50);
    let follow = ["run", "shop.yaml", "--data", DATA, "--follow"];
    let mut first = shop.start(&follow, "here", &[]);
    first.until("it has told something", |_| length(&shop) > 0);
    fs::write(shop.path().join("hosts"), "127.0.0.1:1\n127.0.0.1:2\n").expect("it is written");
    let one = ["--hosts", "hosts", "--process", "1"];
    let said = shop.start(&[&follow[..], &one].concat(), "there", &[]).end().badly();
    assert!(said.contains("as one of 1 processes, and this is process 1 of 2"), "{said}");
    first.signal("INT");
    first.end().well();
}

/// As `aws s3 sync` brings it.
fn synced(shop: &Shop) -> std::path::PathBuf {
    let folder = shop.path().join("synced");
    for key in shop.objects.keys().into_iter().filter(|key| key.contains("/rows/")) {
        let path = folder.join(key.split_once("/rows/").expect("it is one of rows").1);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, shop.objects.get(&key)).expect("it is written");
    }
    folder
}

#[test]
fn duckdb_reads_a_copy_of_what_several_processes_stored() {
    let Some(python) = crate::python::with("readers", &["duckdb", "pandas", "pyarrow"]) else {
        return;
    };
    let Some(server) = Server::versitygw() else { return };
    let mut shop = Shop::new(server);
    for processes in ["2", "1"] {
        shop.grow(130);
        shop.grow(70);
        run(&shop, "here", processes);
    }
    let files = synced(&shop).join("web/*.parquet");
    let query = "import sys, duckdb
print(*duckdb.connect().execute(f\"select count(*), sum(amount), count(distinct cookie) from read_parquet('{sys.argv[1]}')\").fetchone())";
    let asked = Command::new(python).args(["-c", query]).arg(files).output().expect("Python");
    let said = String::from_utf8_lossy(&asked.stdout).into_owned();
    let rows = shop.written;
    let spent: u64 = (0..rows).map(|row| row % 50).sum();
    let cookies: std::collections::BTreeSet<u64> = (0..rows).map(|row| row * 11 % 150).collect();
    let expected = format!("{rows} {spent} {}", cookies.len());
    assert_eq!(said.trim(), expected, "{}", String::from_utf8_lossy(&asked.stderr));
}
