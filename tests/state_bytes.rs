//! What operators say that they take is most of what an engine takes, as the allocator counts it, and no more.

#[path = "serve/client.rs"]
mod client;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use client::get;
use selfsame::{Definition, Engine};
use serde_json::{Value, json};

/// Bytes that are allocated now.
static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: all is done by the system's allocator; what is asked of it is counted beside.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SHOP: &str = "
sources:
  orders: {files: none, kind: events, id: id, fields: {id: text, email: text, device: text, amount: 'decimal(12,2)'}}
identity:
  email: {from: {orders: email}}
  device: {from: {orders: device}}
attributes:
  spent: {from: orders, select: sum(amount)}
  orders: {from: orders, select: count(*)}
outputs:
  profiles: {files: none}
";

const PEOPLE: usize = 10_000;

#[test]
fn the_bytes_of_operators_are_most_of_what_is_allocated_and_no_more() {
    let definition = Definition::parse(SHOP, "shop.yaml").expect("it is right");
    let builder = Engine::builder(&definition).http("127.0.0.1:0").empty_source("orders");
    let mut running = builder.output("profiles", |_| ()).start().expect("it starts");
    let address = running.http().expect("it is served");
    let before = ALLOCATED.load(Ordering::Relaxed);
    // In many ticks, so that it is looked again.
    for hundred in 0..PEOPLE / 100 {
        let order = |number: usize| {
            let person = hundred * 100 + number;
            let (email, device) =
                (format!("person{person}@example.com"), format!("device-{person}"));
            json!({"id": person.to_string(), "email": email, "device": device, "amount": "12.50"})
        };
        running.push("orders", (0..100).map(order).collect::<Vec<Value>>()).expect("rows");
        running.tick().expect("a tick");
    }
    let taken = ALLOCATED.load(Ordering::Relaxed) - before;
    // Workers lay down what they have counted twice a second.
    let told = (0..500).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        let metrics = String::from_utf8(get(address, "/metrics").body).expect("a text");
        let sum = |name: &str| {
            let lines = metrics.lines().filter(|line| line.starts_with(name));
            let values = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
            values.sum::<f64>()
        };
        let is_all = sum("selfsame_people ") == PEOPLE as f64;
        is_all.then(|| sum("selfsame_operator_bytes{") as usize)
    });
    let told = told.expect("all people are counted");
    // Profiles are there twice more for whoever asks for them.
    assert!((taken / 4..taken).contains(&told), "{told} bytes are told, and {taken} taken");
}
