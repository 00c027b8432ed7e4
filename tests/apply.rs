//! A definition that is applied to an engine that runs comes to what a run of it from the start comes to, and outputs
//! are told what differs and nothing else: of random definitions and rows, whenever rows come and the process ends.
//!
//! `SELFSAME_CHAOS_SEED` repeats a run that failed, and `SELFSAME_CHAOS_ROUNDS` says how many definitions are applied: 8
//! unless it is said.

mod changing;
mod http;
mod program;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use changing::{Chance, PLAIN, Shop, definition, rows, said};
use program::{Running, selfsame};
use selfsame::{Definition, Engine, Forgetting};
use serde_json::{Value, json};

#[test]
fn whatever_is_applied_while_rows_come_is_what_a_run_of_it_comes_to() {
    let mut chance = Chance::new();
    let seed = chance.0;
    let first = definition(&mut chance);
    let mut shop = Shop::new(&first);
    shop.write(&mut chance, 300);
    let mut running = shop.start("shop.yaml", 1 + chance.below(3));
    let (mut name, mut text) = ("shop.yaml".to_owned(), first);
    for round in 0..said("SELFSAME_CHAOS_ROUNDS").unwrap_or(8) {
        let next = definition(&mut chance);
        let next_name = format!("next{round}.yaml");
        shop.define(&next_name, &next);
        let what = format!("SELFSAME_CHAOS_SEED={seed}, round {round}");
        let killed = chance.is(3);
        std::thread::scope(|scope| {
            let more = 50 + chance.below(400);
            let (path, applied) = (shop.path().to_owned(), next_name.clone());
            let apply =
                scope.spawn(move || selfsame(&path, &["apply", &applied, "--data", "data"]));
            // Some come before it is asked for, some meanwhile, and some behind it.
            shop.write(&mut chance, more);
            std::thread::sleep(std::time::Duration::from_millis(chance.below(120)));
            shop.write(&mut chance, 40);
            if killed {
                running.signal("KILL");
            }
            let ended = apply.join().expect("it does not panic");
            if !killed {
                assert!(ended.status.success(), "{what}: {}\n{}", ended.err, running.err());
                let is_same = next == text;
                assert_eq!(ended.out.contains("runs this definition already"), is_same, "{what}");
            }
        });
        if killed {
            // Whichever of the two was in force, each of them comes to its right state.
            running.end();
            if chance.is(2) {
                (name, text) = (next_name, next);
            }
            running = shop.start(&name, 1 + chance.below(3));
        } else {
            (name, text) = (next_name, next);
        }
        if chance.is(2) {
            running.signal("TERM");
            running.end().well();
            selfsame(shop.path(), &["run", &name, "--data", "data", "--until-end", "--quiet"])
                .well();
            shop.must_hold(&name, &what);
            running = shop.start(&name, 1 + chance.below(3));
        }
    }
    running.signal("TERM");
    running.end().well();
    let run = ["run", &name, "--data", "data", "--until-end", "--quiet"];
    selfsame(shop.path(), &run).well();
    shop.must_hold(&name, &format!("SELFSAME_CHAOS_SEED={seed}"));
    let lines = |shop: &Shop| {
        let read =
            |name: &str| fs::read_to_string(shop.path().join("out").join(name)).unwrap_or_default();
        ["profiles.ndjson", "segments.ndjson", "identities.ndjson", "rejects.ndjson"].map(read)
    };
    let before = lines(&shop);
    selfsame(shop.path(), &run).well();
    assert_eq!(lines(&shop), before, "all was said");
}

#[test]
fn a_process_that_ends_at_any_step_of_taking_over_goes_on_with_either_definition() {
    for point in selfsame::internals::fault::TAKING_OVER {
        for then in ["shop.yaml", "next.yaml"] {
            let mut chance = Chance(7);
            let (first, next) = (definition(&mut chance), definition(&mut chance));
            assert_ne!(first, next);
            let mut shop = Shop::new(&first);
            shop.define("next.yaml", &next);
            shop.write(&mut chance, 500);
            let fault = format!("{point}:1");
            let run = ["run", "shop.yaml", "--data", "data", "--follow", "--workers", "2"];
            let environment = [("SELFSAME_FAULT", fault.as_str())];
            let mut running = Running::start_with(shop.path(), &run, &environment);
            let socket = shop.path().join("data/control.sock");
            running.until("it listens", |_| socket.exists());
            let silent = shop.apply("next.yaml", &[]).badly();
            assert!(silent.contains("has not answered"), "{silent}");
            assert!(!running.end().status.success(), "{point}");
            selfsame(shop.path(), &["run", then, "--data", "data", "--until-end", "--quiet"])
                .well();
            shop.must_hold(then, &format!("{point}, then {then}"));
        }
    }
}

#[test]
fn a_change_is_refused_while_another_one_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("shop.yaml");
    fs::create_dir(folder.path().join("in")).expect("a folder");
    fs::write(folder.path().join("in/web.ndjson"), rows(&mut Chance(1), 0, 50).0)
        .expect("it is written");
    let parse = |text: &str| Definition::parse(text, &path).expect("a definition");
    let (first, next) = (parse(PLAIN), parse(&PLAIN.replace("> 400", "> 200")));
    let builder = Engine::builder(&first).data(folder.path().join("data")).follow(true);
    let running = builder.start().expect("it starts");
    let control = running.control();
    let waiting = std::thread::spawn(move || running.wait());
    let refused = std::cell::RefCell::new(Vec::new());
    let told = |_: &str| {
        for other in [control.apply(&next, &|_| ()), control.preview(&next, &|_| ())] {
            refused.borrow_mut().push(other.expect_err("one is being made").to_string());
        }
        let other = control.forget("user:u1", Forgetting::default(), &|_| ());
        refused.borrow_mut().push(other.expect_err("one is being made").to_string());
    };
    control.apply(&next, &told).expect("the first one is");
    assert!(!refused.borrow().is_empty());
    for why in &*refused.borrow() {
        assert!(why.contains("another change is being made"), "{why}");
    }
    assert_eq!(control.definition().text(), next.text());
    control.stop();
    waiting.join().expect("it does not panic").expect("it runs");
    let over = control.apply(&first, &|_| ()).expect_err("nothing runs").to_string();
    assert!(over.contains("it has ended"), "{over}");
}

#[test]
fn what_cannot_be_applied_leaves_everything_as_it_was_and_says_why() {
    let mut chance = Chance(3);
    let mut shop = Shop::new(PLAIN);
    shop.write(&mut chance, 400);
    shop.define("next.yaml", &PLAIN.replace("> 400", "> 200"));
    let nobody = shop.apply("next.yaml", &[]).badly();
    assert!(nobody.contains("no engine runs with the data folder 'data'"), "{nobody}");
    let mut running = shop.start("shop.yaml", 2);
    let profiles = shop.path().join("out/profiles.ndjson");
    running
        .until("it has read", |_| fs::read_to_string(&profiles).is_ok_and(|text| !text.is_empty()));

    let fails = |text: String, says: &str| {
        shop.define("wrong.yaml", &text);
        let told = shop.apply("wrong.yaml", &[]).badly();
        assert!(told.contains(says), "{told}");
    };
    fails(PLAIN.replace("spent > 400", "spend > 400"), "wrong.yaml:17:8");
    fails(PLAIN.replace("in/web*", "in/absent*"), "absent");
    fails(PLAIN.replace("out/segments.ndjson", "in/web.ndjson"), "would write over");
    let over = |path: &str| PLAIN.replace("out/segments.ndjson", path);
    fails(over("wrong.yaml"), "would write over the definition that is applied");
    fails(over("shop.yaml"), "would write over the definition:");
    fails(format!("{PLAIN}data: elsewhere\n"), "its `data` is another one");
    fails(PLAIN.replace("files: in/web*.ndjson", "files: \"-\""), "can't be handed over");
    // What is found out when it takes over: what ran before goes on.
    fs::create_dir(shop.path().join("blocked")).expect("a folder");
    fails(PLAIN.replace("out/segments.ndjson", "blocked"), "what ran before goes on");
    let same = shop.apply("shop.yaml", &[]).well();
    assert_eq!(same, "the engine runs this definition already\n");

    // All goes on as before.
    shop.write(&mut chance, 100);
    running.signal("TERM");
    running.end().well();
    selfsame(shop.path(), &["run", "shop.yaml", "--data", "data", "--until-end", "--quiet"]).well();
    shop.must_hold("shop.yaml", "after what failed");
}

#[test]
fn a_run_that_is_served_goes_on_with_another_definition() {
    let mut chance = Chance(6);
    let mut shop = Shop::new(PLAIN);
    shop.write(&mut chance, 100);
    shop.define("next.yaml", &PLAIN.replace("> 400", "> 200"));
    // Nothing but that it is served keeps it from its end.
    let run = ["run", "shop.yaml", "--data", "data", "--http", "127.0.0.1:0"];
    let mut running = Running::start(shop.path(), &run);
    let address = http::address(&mut running);
    running.until("it is ready", |_| http::get(&address, "/health/ready").0 == 200);
    shop.apply("next.yaml", &[]).well();
    running.until("the other one runs", |running| {
        running.err().matches("until Ctrl-C stops it").count() == 2
    });
    assert_eq!(http::get(&address, "/health/live").0, 200);
    assert_eq!(http::get(&address, "/v1/segments").0, 200);
    running.signal("TERM");
    running.end().well();
    selfsame(shop.path(), &["run", "next.yaml", "--data", "data", "--until-end", "--quiet"]).well();
    shop.must_hold("next.yaml", "applied to a run that is served");
}

#[test]
fn a_dry_run_tells_who_enters_and_leaves_and_touches_nothing() {
    let mut chance = Chance(5);
    let mut shop = Shop::new(PLAIN);
    shop.write(&mut chance, 400);
    let next = PLAIN.replace("> 400", "> 200").replace("count(*)", "count(amount) + 1");
    shop.define("next.yaml", &format!("{next}  identities: {{files: out/identities.ndjson}}\n"));
    let mut running = shop.start("shop.yaml", 1);
    let profiles = shop.path().join("out/profiles.ndjson");
    running.until("all is read", |_| {
        fs::read_to_string(&profiles).is_ok_and(|text| text.len() > 1000)
    });
    let held =
        |shop: &Shop| fs::read_to_string(shop.path().join("out/segments.ndjson")).expect("a file");
    let before = held(&shop);
    let told = shop.apply("next.yaml", &["--dry-run", "--json"]).well();
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(held(&shop), before);
    assert!(!shop.path().join("out/identities.ndjson").exists());
    let [old, new] = ["shop.yaml", "next.yaml"].map(|name| {
        let state = shop.expected(name);
        let of = |output: &str| {
            state
                .keys()
                .filter(|(of, _)| of == output)
                .map(|(_, key)| key.clone())
                .collect::<Vec<_>>()
        };
        (of("profiles"), of("segments"))
    });
    let big = &told["difference"]["segments"][0];
    assert_eq!(big["segment"], "big");
    assert_eq!(big["before"], old.1.len());
    assert_eq!(big["after"], new.1.len());
    let enter = new.1.iter().filter(|key| !old.1.contains(key)).count();
    assert_eq!((&big["enter"], &big["leave"]), (&json!(enter), &json!(0)));
    assert!(big["entering"].as_array().is_some_and(|some| !some.is_empty() && some.len() <= 5));
    assert_eq!(told["difference"]["people"], json!([old.0.len(), new.0.len()]));
    let visits = json!({"attribute": "visits", "changed": old.0.len()});
    assert_eq!(told["difference"]["attributes"], json!([visits]));
    let change =
        |of: &str, name: &str, change: &str| json!({"of": of, "name": name, "change": change});
    let changes = [
        change("attribute", "visits", "changed"),
        change("segment", "big", "changed"),
        change("output", "identities", "added"),
    ];
    assert_eq!(told["changes"], json!(changes));
    let text = shop.apply("next.yaml", &["--dry-run"]).well();
    assert!(
        text.contains("  segment big: changed\n") && text.contains("nothing is changed"),
        "{text}"
    );
    running.signal("TERM");
    running.end().well();
}

#[test]
fn a_field_that_stored_rows_lack_is_told() {
    let mut chance = Chance(6);
    let mut shop =
        Shop::new(&PLAIN.replace(", amount: integer", "").replace("sum(amount)", "count(*)"));
    shop.write(&mut chance, 50);
    shop.define("next.yaml", PLAIN);
    let mut running = shop.start("shop.yaml", 1);
    let profiles = shop.path().join("out/profiles.ndjson");
    running
        .until("it has read", |_| fs::read_to_string(&profiles).is_ok_and(|text| !text.is_empty()));
    let told = shop.apply("next.yaml", &[]).well();
    assert!(
        told.contains("stored before its field amount was defined have its default, or null"),
        "{told}"
    );
    assert!(told.contains("read from its start with a data folder that is new"), "{told}");
    running.signal("TERM");
    running.end().well();
}

#[test]
fn a_definition_is_applied_while_stored_rows_are_read_back() {
    let mut chance = Chance(9);
    let mut shop = Shop::new(PLAIN);
    shop.write(&mut chance, 3_000);
    selfsame(shop.path(), &["run", "shop.yaml", "--data", "data", "--until-end", "--quiet"]).well();
    shop.define("next.yaml", &PLAIN.replace("> 400", "> 200"));
    let running = shop.start("shop.yaml", 2);
    shop.apply("next.yaml", &[]).well();
    running.signal("TERM");
    running.end().well();
    shop.must_hold("next.yaml", "applied early");
    // The old file again: the command's definition wins, and it is told.
    let back = selfsame(shop.path(), &["run", "shop.yaml", "--data", "data", "--until-end"]);
    assert!(back.err.contains("this one takes its place, for all stored rows"), "{}", back.err);
    shop.must_hold("shop.yaml", "the old one again");
}

/// Answers every post, once it is to.
fn receiver(answers: &Arc<AtomicBool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it listens");
    let answers = Arc::clone(answers);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answers = Arc::clone(&answers);
            std::thread::spawn(move || {
                let mut bytes = [0; 1 << 16];
                while !answers.load(Ordering::Relaxed) {
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
                let _ = stream.read(&mut bytes);
                let _ = stream.write_all(
                    b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                );
            });
        }
    });
    format!("http://{address}/")
}

#[test]
fn an_output_that_takes_nothing_keeps_a_change_from_being_made_and_is_named() {
    let answers: Arc<AtomicBool> = Arc::default();
    let hook = format!(
        "outputs:\n  hook: {{webhook: {{url: \"{}\"}}, publish: profiles}}\n",
        receiver(&answers)
    );
    let first = PLAIN.replace("outputs:\n", &hook);
    let next = first.replace("> 400", "> 200");
    assert!(first != PLAIN && next != first);
    let mut shop = Shop::new(&first);
    shop.define("next.yaml", &next);
    shop.write(&mut Chance(3), 200);
    let run = ["run", "shop.yaml", "--data", "data", "--follow"];
    let mut running = Running::start_with(shop.path(), &run, &[("SELFSAME_SILENCE_MS", "2000")]);
    let socket = shop.path().join("data/control.sock");
    running.until("it listens", |_| socket.exists());
    let out = shop.path().join("out/profiles.ndjson");
    running.until("another output was told", |_| fs::metadata(&out).is_ok_and(|of| of.len() > 0));
    let refused = shop.apply("next.yaml", &[]).badly();
    assert!(refused.contains("output hook has yet to take"), "{refused}");
    assert!(refused.contains("Ask again when it goes on"), "{refused}");
    // Nothing was done: what ran runs, and the change is made when all is well.
    answers.store(true, Ordering::Relaxed);
    shop.write(&mut Chance(4), 50);
    let applied = shop.apply("next.yaml", &[]).well();
    assert!(applied.contains("in force"), "{applied}");
    running.signal("TERM");
    running.end().well();
    selfsame(shop.path(), &["run", "next.yaml", "--data", "data", "--until-end", "--quiet"]).well();
    shop.must_hold("next.yaml", "an output had taken nothing");
}
