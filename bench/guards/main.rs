//! What guards cost where they bite: an account that the whole company uses, a device that ten
//! thousand accounts share, people whom a guard keeps apart in one large cluster.
//!
//! After every change those who are one person are those who should be; a time is told only when that
//! holds.

#[path = "../links/mod.rs"]
mod links;

use links::{Change, End, Engine, Selfsame, Times};
use timely::worker::Worker;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How often each change is made.
const ROUNDS: u32 = 20;

fn account(number: u32) -> End {
    End { kind: 0, number }
}

fn device(number: u32) -> End {
    End { kind: 1, number }
}

struct Bench<'a> {
    engine: Selfsame,
    worker: &'a mut Worker,
}

impl<'a> Bench<'a> {
    fn new(worker: &'a mut Worker, account: &str, device: &str) -> Self {
        let engine = Selfsame::build(worker, &links::plan(account, device));
        Bench { engine, worker }
    }

    fn tick(&mut self, changes: &[Change]) -> std::time::Duration {
        self.engine.tick(self.worker, changes)
    }

    fn are_one(&self, one: End, other: End) -> bool {
        let components = self.engine.components().borrow();
        let of = |end: End| components.get(&end.hash()).copied().unwrap_or(end.hash().0);
        of(one) == of(other)
    }

    /// Identifiers that are not alone.
    fn together(&self) -> usize {
        self.engine.components().borrow().len()
    }
}

fn told(what: &str, times: &Times) {
    println!("  {what:<58}{times}");
}

fn main() {
    let accounts = links::argument("--accounts", 10_000) as u32;
    timely::execute_directly(move |worker| {
        println!("shared_after: 5, {accounts} accounts sign in on one device, one a tick:");
        shared_device(worker, accounts);
        println!("shared_after: {}, so that all come apart and together at once:", accounts - 1);
        shared_at_the_limit(worker, accounts);
        println!("at_most: 1, {accounts} accounts on one device:");
        at_most_star(worker, accounts);
        println!("at_most: 500, {accounts} devices of one account, one a tick:");
        at_most_devices(worker, accounts);
        println!(
            "at_most: 1, {accounts} accounts in a chain, each linked to the next by a device:"
        );
        at_most_chain(worker, accounts);
    });
}

fn shared_device(worker: &mut Worker, accounts: u32) {
    let mut bench = Bench::new(worker, "", ", shared_after: 5");
    let link = |number, diff| [(account(number), device(0), diff)];
    let mut joins = Times::default();
    for number in 0..accounts {
        joins.push(bench.tick(&link(number, 1)));
        let together = if number < 5 { number as usize + 2 } else { 0 };
        assert_eq!(bench.together(), together, "after account {number}");
    }
    told("an account signs in", &joins);
    let mut leaves = Times::default();
    for number in (5..accounts).rev() {
        leaves.push(bench.tick(&link(number, -1)));
        let together = if number == 5 { 6 } else { 0 };
        assert_eq!(bench.together(), together, "without account {number}");
    }
    told("an account's sign-in is taken back", &leaves);
}

fn shared_at_the_limit(worker: &mut Worker, accounts: u32) {
    let mut bench = Bench::new(worker, "", &format!(", shared_after: {}", accounts - 1));
    let all: Vec<Change> =
        (0..accounts - 1).map(|number| (account(number), device(0), 1)).collect();
    bench.tick(&all);
    let link = |diff| [(account(accounts - 1), device(0), diff)];
    let (mut shared, mut open) = (Times::default(), Times::default());
    for _ in 0..ROUNDS {
        assert_eq!(bench.together(), accounts as usize);
        shared.push(bench.tick(&link(1)));
        assert_eq!(bench.together(), 0);
        open.push(bench.tick(&link(-1)));
    }
    told("one account more: the device is shared", &shared);
    told("one account less: the device links again", &open);
}

fn at_most_star(worker: &mut Worker, accounts: u32) {
    let mut bench = Bench::new(worker, ", at_most: 1", "");
    let all: Vec<Change> = (0..accounts).map(|number| (account(number), device(0), 1)).collect();
    let mut load = Times::default();
    load.push(bench.tick(&all));
    // Of links that were first seen together the one of the least account is admitted.
    let holds = |bench: &Bench<'_>, number: u32| {
        assert!(bench.are_one(account(number), device(0)), "account {number} has the device");
        assert_eq!(bench.together(), 2);
    };
    holds(&bench, 0);
    told("all sign in, in one tick", &load);
    let (mut gone, mut back) = (Times::default(), Times::default());
    for round in 0..ROUNDS {
        let other = 1 + round * (accounts - 2) / ROUNDS;
        gone.push(bench.tick(&[(account(other), device(0), -1)]));
        holds(&bench, 0);
        back.push(bench.tick(&[(account(other), device(0), 1)]));
        holds(&bench, 0);
    }
    told("a withheld link goes", &gone);
    told("it comes back", &back);
    let (mut gone, mut back) = (Times::default(), Times::default());
    for _ in 0..ROUNDS {
        gone.push(bench.tick(&[(account(0), device(0), -1)]));
        holds(&bench, 1);
        back.push(bench.tick(&[(account(0), device(0), 1)]));
        holds(&bench, 0);
    }
    told("the admitted link goes, and another is admitted", &gone);
    told("it comes back", &back);
    someone_else(&mut bench, accounts);
}

/// A program that takes a new cookie with every visit.
fn at_most_devices(worker: &mut Worker, devices: u32) {
    let mut bench = Bench::new(worker, "", ", at_most: 500");
    let mut visits = Times::default();
    for number in 0..devices {
        visits.push(bench.tick(&[(account(0), device(number), 1)]));
        assert_eq!(bench.together(), 1 + (number as usize + 1).min(500));
    }
    told("a visit with another device", &visits);
}

fn at_most_chain(worker: &mut Worker, accounts: u32) {
    let mut bench = Bench::new(worker, ", at_most: 1", "");
    let mut all: Vec<Change> = (0..accounts).map(|n| (account(n), device(n), 1)).collect();
    all.extend((1..accounts).map(|n| (account(n), device(n - 1), 1)));
    let mut load = Times::default();
    load.push(bench.tick(&all));
    let holds = |bench: &Bench<'_>| {
        for number in (0..accounts).step_by(97) {
            assert!(bench.are_one(account(number), device(number)));
            assert!(number == 0 || !bench.are_one(account(number), device(number - 1)));
        }
        assert_eq!(bench.together(), accounts as usize * 2);
    };
    holds(&bench);
    told("all sign in, in one tick", &load);
    let (mut gone, mut back) = (Times::default(), Times::default());
    for round in 0..ROUNDS {
        let at = 1 + round * (accounts - 2) / ROUNDS;
        gone.push(bench.tick(&[(account(at), device(at - 1), -1)]));
        holds(&bench);
        back.push(bench.tick(&[(account(at), device(at - 1), 1)]));
        holds(&bench);
    }
    told("a withheld link goes: the cluster comes apart", &gone);
    told("it comes back: the cluster joins", &back);
    someone_else(&mut bench, accounts);
}

/// People whom no guard concerns.
fn someone_else(bench: &mut Bench<'_>, accounts: u32) {
    let before = bench.together();
    let mut times = Times::default();
    for round in 0..ROUNDS {
        let other = accounts + round;
        times.push(bench.tick(&[(account(other), device(other), 1)]));
        assert!(bench.are_one(account(other), device(other)));
    }
    assert_eq!(bench.together(), before + 2 * ROUNDS as usize);
    told("someone else signs in on a device of their own", &times);
}
