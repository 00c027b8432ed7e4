//! Checkpoints in a bucket: a restart on another machine costs people, not history; whatever is amiss with one, the rows
//! are there.

use std::collections::BTreeSet;
use std::fs;

use crate::servers::Server;
use crate::{RUN, Shop};

const OFTEN: [(&str, &str); 1] = [("SELFSAME_CHECKPOINT_ROWS", "50")];

/// What a run on a machine says.
fn run(shop: &Shop, machine: &str, processes: &str) -> String {
    let arguments = [&RUN[..5], &["--processes", processes]].concat();
    let ended = shop.start(&arguments, machine, &OFTEN).end();
    let said = ended.err.clone();
    ended.well();
    said
}

fn checkpoints(shop: &Shop) -> Vec<String> {
    shop.objects.keys().into_iter().filter(|key| key.contains("/checkpoints/")).collect()
}

fn of_processes(processes: &str) {
    let Some(server) = Server::versitygw() else { return };
    let mut shop = Shop::new(server);
    for _ in 0..4 {
        shop.grow(100);
        run(&shop, "here", processes);
    }
    let keys = checkpoints(&shop);
    let ticks: BTreeSet<&str> = keys
        .iter()
        .filter_map(|key| key.split("/checkpoints/").nth(1)?.split('/').next())
        .collect();
    assert_eq!(ticks.len(), 2, "older ones are gone: {keys:?}");
    let length = || fs::metadata(shop.path().join("out/profiles.ndjson")).expect("it").len();
    let before = length();
    shop.lose("here");
    let said = run(&shop, "there", processes);
    assert!(said.contains("a checkpoint of"), "{said}");
    assert_eq!(length(), before, "nothing is told twice");
    // The latest is altered: the one before it counts.
    for key in checkpoints(&shop).iter().filter(|key| key.ends_with("-w0")).skip(1) {
        let mut bytes = shop.objects.get(key);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        shop.objects.put(key, bytes);
    }
    shop.lose("there");
    let said = run(&shop, "here", processes);
    assert!(said.contains("is passed over") && said.contains("a checkpoint of"), "{said}");
    assert_eq!(length(), before, "nothing is told twice");
    // Parts are missing of all: all rows are read back, and what is no checkpoint goes.
    let whole = checkpoints(&shop);
    whole
        .iter()
        .filter(|key| key.ends_with("complete-0.json"))
        .for_each(|key| shop.objects.delete(key));
    shop.lose("here");
    let said = run(&shop, "there", processes);
    assert!(said.contains("are read back") && !said.contains("a checkpoint of"), "{said}");
    assert_eq!(length(), before, "nothing is told twice");
    // Another of the same tick says so by the same name.
    let (left, says) = (checkpoints(&shop), |key: &&String| key.ends_with(".json"));
    assert!(whole.iter().filter(|key| !says(key)).all(|key| !left.contains(key)), "{left:?}");
    shop.grow(100);
    run(&shop, "there", processes);
    shop.is_whole("with checkpoints and without");
}

#[test]
fn a_restart_on_another_machine_begins_with_the_latest_checkpoint_that_is_whole() {
    of_processes("1");
}

#[test]
fn so_do_several_processes() {
    of_processes("2");
}

#[test]
fn who_is_forgotten_is_in_no_checkpoint() {
    let Some(server) = Server::versitygw() else { return };
    let mut shop = Shop::new(server);
    shop.grow(300);
    run(&shop, "here", "1");
    assert!(!checkpoints(&shop).is_empty());
    let forget = ["forget", "user:user-21", "--data", crate::DATA, "--spec", "shop.yaml"];
    shop.start(&forget, "there", &OFTEN).end().well();
    assert_eq!(checkpoints(&shop), Vec::<String>::new());
}
