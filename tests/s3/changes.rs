//! Several processes on machines of their own, which share a bucket alone, are asked for changes: a definition is in force in
//! all of them or in none, whichever ends at whichever step, and of who is forgotten nothing is left anywhere.

use std::fs;
use std::path::Path;

use selfsame::internals::fault::ERASING;
use serde_json::Value;

use crate::program::{Ended, Running, free_addresses};
use crate::servers::Server;
use crate::steps;
use crate::{DATA, DEFINITION, Shop, state, texts};

/// Each process's own.
const MACHINES: [&str; 2] = ["one", "other"];

fn next() -> String {
    DEFINITION.replace("big: spent > 400", "big: spent > 10")
}

fn shop(server: Server) -> Shop {
    let mut shop = Shop::new(server);
    fs::write(shop.path().join("next.yaml"), next()).expect("it is written");
    // A file for each process.
    shop.grow(100);
    shop.grow(100);
    shop
}

fn start(shop: &Shop, definition: &str, environment: [&[(&str, &str)]; 2]) -> [Running; 2] {
    let hosts = free_addresses(2).join("\n");
    fs::write(shop.path().join("hosts"), hosts).expect("it is written");
    let mut both = [0, 1].map(|process| {
        let number = process.to_string();
        let run = ["run", definition, "--data", DATA, "--follow", "--hosts", "hosts"];
        let arguments = [&run[..], &["--process", &number]].concat();
        let small = [("SELFSAME_LOG_BYTES", "5000"), ("SELFSAME_CHECKPOINT_ROWS", "100")];
        shop.start(&arguments, MACHINES[process], &[&small[..], environment[process]].concat())
    });
    for running in &mut both {
        running.until("it runs", |of| of.err().contains("runs with"));
    }
    both[0].until("somebody is told of", |_| is_told(shop, "user-21"));
    both
}

fn is_told(shop: &Shop, user: &str) -> bool {
    let key = format!("user:{user}");
    state(shop.path()).keys().any(|(output, of)| output == "identities" && *of == key)
}

/// Asks the process on a machine.
fn ask_at(shop: &Shop, machine: &str, arguments: &[&str]) -> Ended {
    shop.start(&[arguments, &["--data", DATA]].concat(), machine, &[]).end()
}

/// Asks the first process.
fn ask(shop: &Shop, arguments: &[&str]) -> Ended {
    ask_at(shop, MACHINES[0], arguments)
}

fn stop(both: [Running; 2]) {
    both[0].signal("TERM");
    for running in both {
        running.end().well();
    }
}

/// The text of the definition that is in force, as the bucket has it.
fn in_force(shop: &Shop) -> String {
    let key = shop.objects.keys().into_iter().find(|key| key.ends_with("/definition.json"));
    let json: Value =
        serde_json::from_slice(&shop.objects.get(&key.expect("it is noted"))).expect("JSON");
    let text = json.pointer("/content/content/text").and_then(Value::as_str);
    text.unwrap_or_else(|| panic!("it has a text: {json}")).to_owned()
}

fn run_to_the_end(shop: &Shop, definition: &str, machine: &str) {
    let run = ["run", definition, "--data", DATA, "--until-end", "--quiet"];
    shop.start(&run, machine, &[]).end().well();
}

/// The outputs hold what a run of a definition comes to.
fn is_whole(shop: &Shop, definition: &str, what: &str) {
    let kept = fs::read(shop.path().join("shop.yaml")).expect("it is there");
    fs::copy(shop.path().join(definition), shop.path().join("then.yaml")).expect("it is there");
    fs::copy(shop.path().join("then.yaml"), shop.path().join("shop.yaml")).expect("it is there");
    shop.is_whole(what);
    fs::write(shop.path().join("shop.yaml"), kept).expect("it is written");
}

/// Whether anything below a folder has a text in its bytes: what is not compressed there.
fn has(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).into_iter().flatten().any(|entry| {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => has(&path, text),
            false => fs::read(&path)
                .is_ok_and(|bytes| bytes.windows(text.len()).any(|of| of == text.as_bytes())),
        }
    })
}

#[test]
fn two_processes_on_two_machines_change_together_and_forget() {
    let Some(server) = Server::versitygw() else { return };
    let mut shop = shop(server);
    let mut both = start(&shop, "shop.yaml", [&[], &[]]);
    let told = ask(&shop, &["apply", "next.yaml", "--dry-run"]).well();
    assert!(told.contains("segment big: changed"), "{told}");
    ask_at(&shop, MACHINES[1], &["apply", "next.yaml"]).well();
    assert_eq!(in_force(&shop), next());
    shop.grow(60);
    let why = ask(&shop, &["why", "user:user-21", "--spec", "next.yaml"]).well();
    assert!(why.contains("user-21"), "{why}");
    let said = ask(&shop, &["forget", "user:user-21", "--spec", "next.yaml"]).well();
    assert!(said.contains("stored rows are removed"), "{said}");
    both[0].until("the outputs are told", |_| !is_told(&shop, "user-21"));
    assert!(!texts(&shop.objects).lines().any(|line| line == "user-21"), "no object has it");
    for machine in MACHINES {
        let log = shop.path().join(machine);
        assert!(!has(&log, "user-21"), "{machine} has it");
    }
    // Among these rows there is none of them.
    shop.grow(30);
    stop(both);
    let left = state(shop.path());
    MACHINES.into_iter().for_each(|machine| shop.lose(machine));
    run_to_the_end(&shop, "next.yaml", "third");
    assert!(!is_told(&shop, "user-21"));
    for (key, value) in &left {
        assert!(state(shop.path()).contains_key(key), "{key:?}: {value}");
    }
}

#[test]
fn wherever_one_ends_while_a_definition_is_applied_to_two_machines_one_is_in_force() {
    for (number, (process, point)) in steps::of_processes().enumerate() {
        let Some(server) = Server::versitygw() else { return };
        let shop = shop(server);
        let fault = format!("{point}:1");
        let environment = [("SELFSAME_FAULT", fault.as_str())];
        let mut each: [&[(&str, &str)]; 2] = [&[], &[]];
        each[process] = &environment;
        let both = start(&shop, "shop.yaml", each);
        let told = ask(&shop, &["apply", "next.yaml"]);
        let what = format!("{point} of process {process}");
        assert!(!told.status.success() || point == "settled", "{what}: {told:?}");
        for ended in both.map(Running::end) {
            assert!(!ended.status.success(), "{what}: {ended:?}");
            assert!(!ended.err.contains("panicked"), "{what}: {}", ended.err);
        }
        let expected = if steps::is_decided(point) { next() } else { DEFINITION.to_owned() };
        assert_eq!(in_force(&shop), expected, "{what}");
        let then = ["shop.yaml", "next.yaml"][number % 2];
        if number % 3 == 0 {
            // Processes again, in place of one.
            stop(start(&shop, then, [&[], &[]]));
        }
        // One of the machines, or another one.
        run_to_the_end(&shop, then, [MACHINES[0], "third"][number % 2]);
        is_whole(&shop, then, &format!("{what}, then {then}"));
    }
}

#[test]
fn what_the_first_process_had_begun_to_forget_is_finished_wherever_it_starts() {
    for point in ERASING {
        let Some(server) = Server::versitygw() else { return };
        let shop = shop(server);
        let fault = format!("{point}:1");
        let environment = [("SELFSAME_FAULT", fault.as_str())];
        let both = start(&shop, "shop.yaml", [&environment, &[]]);
        assert!(!ask(&shop, &["forget", "user:user-21", "--spec", "shop.yaml"]).status.success());
        for ended in both.map(Running::end) {
            assert!(!ended.status.success(), "{point}: {ended:?}");
        }
        // Where the first process was another one is started now: what lies there of the folder it had is no other's.
        let hosts = free_addresses(2).join("\n");
        fs::write(shop.path().join("hosts"), hosts).expect("it is written");
        let both = [(0, "third"), (1, MACHINES[0])].map(|(process, machine)| {
            let number = process.to_string();
            let run = ["run", "shop.yaml", "--data", DATA, "--until-end", "--hosts", "hosts"];
            shop.start(&[&run[..], &["--process", &number]].concat(), machine, &[])
        });
        for running in both {
            running.end().well();
        }
        assert!(!is_told(&shop, "user-21"), "{point}");
        assert!(!texts(&shop.objects).lines().any(|line| line == "user-21"), "{point}");
    }
}
