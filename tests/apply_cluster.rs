//! A definition that is applied to an engine of several processes is in force in all of them or in none, whichever is asked
//! and whichever ends in between; and outputs hold what a run of it from the start comes to.
//!
//! `SELFSAME_CHAOS_SEED` repeats a run that failed, and `SELFSAME_CHAOS_ROUNDS` says how many definitions are applied: 4
//! unless it is said.

mod changing;
mod program;
#[path = "changing/steps.rs"]
mod steps;

use std::fs;
use std::time::Duration;

use changing::{Chance, PLAIN, Shop, definition, said};
use program::{Ended, Running, free_addresses, selfsame};
use serde_json::Value;

/// Two processes of a shop, each with its own environment, that are asked for changes.
fn start(shop: &Shop, name: &str, workers: u64, environment: [&[(&str, &str)]; 2]) -> [Running; 2] {
    let sockets = ["data/control.sock", "data/control-1.sock"].map(|name| shop.path().join(name));
    // Those that were killed left theirs.
    sockets.iter().for_each(|socket| drop(fs::remove_file(socket)));
    shop.define("hosts", &free_addresses(2).join("\n"));
    let workers = workers.to_string();
    let mut both = [0, 1].map(|process| {
        let number = process.to_string();
        let run = ["run", name, "--data", "data", "--follow", "--workers", &workers];
        let arguments = [&run[..], &["--hosts", "hosts", "--process", &number]].concat();
        let small = [("SELFSAME_LOG_BYTES", "60000")];
        Running::start_with(shop.path(), &arguments, &[&small[..], environment[process]].concat())
    });
    for (running, socket) in both.iter_mut().zip(&sockets) {
        running.until("it listens", |_| socket.exists());
    }
    both
}

/// Applies a definition by asking one of the processes.
fn apply(shop: &Shop, name: &str, process: u64, more: &[&str]) -> Ended {
    if process == 1 {
        fs::remove_file(shop.path().join("data/control.sock")).expect("it is there");
    }
    shop.apply(name, more)
}

/// Ends them, by a signal to one.
fn stop(both: [Running; 2], signalled: usize) {
    both[signalled].signal("TERM");
    for running in both {
        running.end().well();
    }
}

fn end(shop: &Shop, both: [Running; 2]) {
    stop(both, 0);
    assert!(!shop.path().join("data/control-1.sock").exists(), "it is cleared away");
}

/// The text of the definition that is in force.
fn in_force(shop: &Shop) -> String {
    let json = fs::read(shop.path().join("data/definition.json")).expect("it is noted");
    let json: Value = serde_json::from_slice(&json).expect("JSON");
    json["content"]["text"].as_str().expect("a text").to_owned()
}

fn run_to_the_end(shop: &Shop, name: &str) {
    selfsame(shop.path(), &["run", name, "--data", "data", "--until-end", "--quiet"]).well();
}

#[test]
fn whatever_is_applied_to_two_processes_while_rows_come_is_what_a_run_of_it_comes_to() {
    let mut chance = Chance::new();
    let seed = chance.0;
    let first = definition(&mut chance);
    let mut shop = Shop::new(&first);
    shop.write(&mut chance, 300);
    let mut both = start(&shop, "shop.yaml", 1 + chance.below(2), [&[], &[]]);
    let (mut name, mut text) = ("shop.yaml".to_owned(), first);
    for round in 0..said("SELFSAME_CHAOS_ROUNDS").unwrap_or(4) {
        let next = definition(&mut chance);
        let next_name = format!("next{round}.yaml");
        shop.define(&next_name, &next);
        let what = format!("SELFSAME_CHAOS_SEED={seed}, round {round}");
        let killed = chance.is(3).then(|| chance.below(2) as usize);
        let asked = chance.below(2);
        if asked == 1 {
            fs::remove_file(shop.path().join("data/control.sock")).expect("it is there");
        }
        std::thread::scope(|scope| {
            let (path, applied) = (shop.path().to_owned(), next_name.clone());
            let apply =
                scope.spawn(move || selfsame(&path, &["apply", &applied, "--data", "data"]));
            let more = 50 + chance.below(400);
            shop.write(&mut chance, more);
            std::thread::sleep(Duration::from_millis(chance.below(1_500)));
            shop.write(&mut chance, 40);
            if let Some(killed) = killed {
                both[killed].signal("KILL");
            }
            let ended = apply.join().expect("it does not panic");
            if killed.is_none() {
                let logs = both.each_ref().map(Running::err).join("\n");
                assert!(ended.status.success(), "{what}: {}\n{logs}", ended.err);
                let is_same = next == text;
                assert_eq!(ended.out.contains("runs this definition already"), is_same, "{what}");
            }
        });
        match killed {
            // Whichever was in force, each of them comes to its right state.
            Some(_) => {
                for running in both {
                    assert!(!running.end().status.success(), "{what}");
                }
                assert!([&text, &next].contains(&&in_force(&shop)), "{what}");
                if chance.is(2) {
                    (name, text) = (next_name, next);
                }
            }
            None => {
                (name, text) = (next_name, next);
                assert_eq!(in_force(&shop), text, "{what}");
                stop(both, chance.below(2) as usize);
                run_to_the_end(&shop, &name);
                shop.must_hold(&name, &what);
            }
        }
        both = start(&shop, &name, 1 + chance.below(2), [&[], &[]]);
    }
    end(&shop, both);
    run_to_the_end(&shop, &name);
    shop.must_hold(&name, &format!("SELFSAME_CHAOS_SEED={seed}"));
}

#[test]
fn wherever_a_process_ends_while_a_definition_is_applied_one_is_in_force() {
    for (number, (process, point)) in steps::of_processes().enumerate() {
        let mut chance = Chance(7);
        let (first, next) = (definition(&mut chance), definition(&mut chance));
        let mut shop = Shop::new(&first);
        shop.define("next.yaml", &next);
        shop.write(&mut chance, 500);
        let fault = format!("{point}:1");
        let environment = [("SELFSAME_FAULT", fault.as_str())];
        let mut each: [&[(&str, &str)]; 2] = [&[], &[]];
        each[process] = &environment;
        let both = start(&shop, "shop.yaml", 1, each);
        let told = shop.apply("next.yaml", &[]);
        let what = format!("{point} of process {process}");
        assert!(!told.status.success() || point == "settled", "{what}: {told:?}");
        for ended in both.map(Running::end) {
            assert!(!ended.status.success(), "{what}: {ended:?}");
            assert!(!ended.err.contains("panicked"), "{what}: {}", ended.err);
        }
        assert_eq!(in_force(&shop), if steps::is_decided(point) { next } else { first }, "{what}");
        let then = ["shop.yaml", "next.yaml"][number % 2];
        if number % 3 == 0 {
            // Processes again, in place of one.
            end(&shop, start(&shop, then, 2, [&[], &[]]));
        }
        run_to_the_end(&shop, then);
        shop.must_hold(then, &format!("{what}, then {then}"));
    }
}

#[test]
fn what_one_process_cannot_do_leaves_all_as_they_were() {
    let mut chance = Chance(3);
    let mut shop = Shop::new(PLAIN);
    shop.write(&mut chance, 400);
    let environments: [&[(&str, &str)]; 2] = [&[("BIG", "200")], &[("BIG", "300")]];
    let both = start(&shop, "shop.yaml", 1, environments);
    let fails = |text: String, says: &str| {
        shop.define("wrong.yaml", &text);
        let told = shop.apply("wrong.yaml", &[]).badly();
        let logs = both.each_ref().map(Running::err).join("\n");
        assert!(told.contains(says), "{told}\n{logs}");
    };
    fails(PLAIN.replace("spent > 400", "spend > 400"), "wrong.yaml:17:8");
    fails(PLAIN.replace("in/web*", "in/absent*"), "absent");
    // Its processes do not mean the same by it.
    fails(PLAIN.replace("> 400", "> ${BIG:-100}"), "runs another definition: give all the same");
    // One has a folder in the place of a file.
    fs::create_dir(shop.path().join("blocked")).expect("a folder");
    fails(PLAIN.replace("out/segments.ndjson", "blocked"), "what ran before goes on");
    fails(PLAIN.replace("out/segments.ndjson", "blocked"), "what ran before goes on");
    assert_eq!(in_force(&shop), PLAIN);
    let same = apply(&shop, "shop.yaml", 1, &[]).well();
    assert_eq!(same, "the engine runs this definition already\n");
    shop.define("next.yaml", &PLAIN.replace("> 400", "> 200"));
    let told = shop.apply("next.yaml", &["--dry-run"]).well();
    assert!(told.contains("segment big: changed"), "{told}");
    shop.apply("next.yaml", &[]).well();
    shop.write(&mut chance, 100);
    stop(both, 1);
    run_to_the_end(&shop, "next.yaml");
    shop.must_hold("next.yaml", "after what failed");
}

#[test]
fn a_process_that_stands_still_holds_up_a_change_for_so_long_and_no_longer() {
    let mut chance = Chance(5);
    let mut shop = Shop::new(PLAIN);
    shop.define("next.yaml", &PLAIN.replace("> 400", "> 200"));
    shop.write(&mut chance, 300);
    let soon: &[(&str, &str)] = &[("SELFSAME_SILENCE_MS", "1500")];
    let both = start(&shop, "shop.yaml", 1, [soon, soon]);
    both[1].signal("STOP");
    let told = shop.apply("next.yaml", &[]).badly();
    assert!(told.contains("has said nothing for 1.5 s"), "{told}");
    assert_eq!(in_force(&shop), PLAIN);
    both[1].signal("CONT");
    shop.write(&mut chance, 100);
    shop.apply("next.yaml", &[]).well();
    shop.write(&mut chance, 100);
    stop(both, 1);
    run_to_the_end(&shop, "next.yaml");
    shop.must_hold("next.yaml", "one stood still");
}

#[test]
fn processes_that_are_started_again_go_on_with_what_was_applied() {
    let mut chance = Chance(4);
    let mut shop = Shop::new(PLAIN);
    let next = PLAIN.replace("> 400", "> 200");
    shop.define("next.yaml", &next);
    shop.write(&mut chance, 300);
    let run = ["run", "shop.yaml", "--data", "data", "--follow", "--processes", "2"];
    let mut running = Running::start(shop.path(), &run);
    let socket = shop.path().join("data/control-1.sock");
    running.until("it listens", |_| socket.exists());
    shop.apply("next.yaml", &[]).well();
    let children = std::process::Command::new("pgrep")
        .args(["-P", &running.id().to_string()])
        .output()
        .expect("there is pgrep");
    let children = String::from_utf8_lossy(&children.stdout).into_owned();
    let one = children.lines().last().expect("a process").to_owned();
    let killed = std::process::Command::new("kill").args(["-KILL", &one]).status();
    assert!(killed.expect("there is kill").success());
    running.until("all are started again", |of| of.err().matches("shop runs with").count() > 2);
    assert_eq!(in_force(&shop), next);
    shop.write(&mut chance, 100);
    running.signal("TERM");
    running.end().well();
    assert_eq!(in_force(&shop), next);
    run_to_the_end(&shop, "next.yaml");
    shop.must_hold("next.yaml", "started again");
}
