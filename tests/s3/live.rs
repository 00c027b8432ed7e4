//! What is asked of an engine whose data folder lies in a bucket, while it runs, and is so on another machine.

use std::fs;

use crate::servers::Server;
use crate::{DATA, DEFINITION, Shop, state, texts};

#[test]
fn a_definition_is_applied_and_somebody_forgotten_while_it_runs_and_so_it_is_elsewhere() {
    let Some(server) = Server::versitygw() else { return };
    let mut shop = Shop::new(server);
    shop.grow(200);
    let next = DEFINITION.replace("big: spent > 400", "big: spent > 10");
    fs::write(shop.path().join("next.yaml"), next).expect("it is written");
    let follow = ["run", "shop.yaml", "--data", DATA, "--follow"];
    let often = [("SELFSAME_CHECKPOINT_ROWS", "50")];
    let mut run = shop.start(&follow, "here", &often);
    run.until("somebody is told of", |_| {
        state(shop.path()).keys().any(|(_, key)| key == "user:user-21")
    });
    let before = state(shop.path()).keys().filter(|(output, _)| output == "segments").count();
    shop.start(&["apply", "next.yaml", "--data", DATA], "here", &[]).end().well();
    let after = state(shop.path()).keys().filter(|(output, _)| output == "segments").count();
    assert!(after > before, "{after} are in the segment, and {before} were");
    let forget = ["forget", "user:user-21", "--data", DATA, "--spec", "next.yaml"];
    let said = shop.start(&forget, "here", &[]).end().well();
    assert!(said.contains("stored rows are removed"), "{said}");
    let is_there = || state(shop.path()).keys().any(|(_, key)| key == "user:user-21");
    run.until("the outputs are told", |_| !is_there());
    run.signal("INT");
    run.end().well();
    assert!(!texts(&shop.objects).lines().any(|line| line == "user-21"), "no object has it");
    let left = state(shop.path());
    shop.lose("here");
    let again = ["run", "next.yaml", "--data", DATA, "--until-end"];
    shop.start(&again, "there", &often).end().well();
    assert_eq!(state(shop.path()), left);
}
