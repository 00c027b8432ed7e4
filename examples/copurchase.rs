//! People who bought x also bought y: a differential dataflow of one's own on the profiles.
//!
//! It counts, for every two products, the people who bought both. As devices turn out to be one person's, or a
//! correction parts them again, the pairs follow, since they are made of whoever the people are at each tick.
//!
//!     cargo run --example copurchase

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use selfsame::timely::dataflow::ProbeHandle;
use selfsame::{Collections, Datum, Definition, Engine};
use serde_json::json;

const SHOP: &str = "
sources:
  orders:
    files: none
    kind: events
    fields: {device: text, product: text}
  accounts:
    files: none
    kind: records
    key: device
    deleted: gone
    fields: {device: text, email: text, gone: boolean}
identity:
  email:  {from: {accounts: email}}
  device: {from: {orders: device, accounts: device}}
attributes:
  bought: {from: orders, select: array_agg(distinct product)}
outputs:
  profiles: {files: none}
";

/// How many people bought both, by product and other product.
type Also = Arc<Mutex<BTreeMap<(String, String), isize>>>;

/// Profiles → (person, product) → (product, other product), of one person → how many people each pair has.
fn also_bought(collections: Collections<'_>, also: &Also) -> ProbeHandle<u64> {
    let bought = collections.profiles.flat_map(|(person, profile)| {
        let products = match profile.get(0) {
            Some(Datum::List(products)) => products.iter().cloned().collect(),
            _ => Vec::new(),
        };
        products.into_iter().map(move |product| (person, product))
    });
    let pairs =
        bought.clone().join(bought).map(|(_, pair)| pair).filter(|(one, other)| one != other);
    let also = Arc::clone(also);
    let counted = pairs.count().inspect(move |(((one, other), people), _, diff)| {
        let mut also = also.lock().expect("nobody panics with it");
        let count = also.entry((text(one), text(other))).or_default();
        *count += *people * diff;
    });
    counted.probe().0
}

fn text(product: &Datum) -> String {
    match product {
        Datum::Text(text) => text.to_string(),
        other => format!("{other:?}"),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let definition = Definition::parse(SHOP, "shop.yaml")?;
    let also = Also::default();
    let of_workers = Arc::clone(&also);
    let mut running = Engine::builder(&definition)
        .workers(2)
        .empty_source("orders")
        .empty_source("accounts")
        .output("profiles", drop)
        .attach(move |collections| also_bought(collections, &of_workers))
        .start()?;
    let show = |what: &str| {
        println!("{what}:");
        let also = also.lock().expect("nobody panics with it");
        for ((product, other), people) in also.iter().filter(|(_, people)| **people > 0) {
            println!("  who bought {product} also bought {other}: {people}");
        }
    };
    let order = |device, product| json!({"device": device, "product": product});
    let account =
        |device, gone| json!({"device": device, "email": "ada@example.com", "gone": gone});

    running
        .push("orders", [order("phone", "hat"), order("laptop", "scarf"), order("tv", "hat")])?;
    running.tick()?;
    show("three devices, three people");
    running.push("accounts", [account("phone", false), account("laptop", false)])?;
    running.tick()?;
    show("phone and laptop are Ada's");
    running.push("accounts", [account("laptop", true)])?;
    running.tick()?;
    show("the laptop was not");
    running.stop()?;
    Ok(())
}
