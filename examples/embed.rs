//! Embeds the engine: rows come from this program, and so does who takes the profiles.
//!
//!     cargo run --example embed

use std::sync::mpsc::channel;

use selfsame::{Definition, Engine};
use serde::Serialize;
use serde_json::json;

/// Where rows come from and where outputs go is said below; so both paths are none.
const SHOP: &str = "
sources:
  web:
    files: none
    kind: events
    fields: {device: text, email: text, page: text}
  orders:
    files: none
    kind: events
    id: order
    fields: {order: text, email: text, amount: 'decimal(12,2)'}
identity:
  email:  {from: {orders: email, web: email}}
  device: {from: {web: device}}
attributes:
  pages: {from: web, select: count(*)}
  spent: {from: orders, select: sum(amount)}
segments:
  buyers: spent > 0
outputs:
  profiles: {files: none}
";

/// A row is anything that serialises as an object, with the fields that the source has.
#[derive(Serialize)]
struct Visit {
    device: &'static str,
    email: Option<&'static str>,
    page: &'static str,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let definition = Definition::parse(SHOP, "shop.yaml")?;
    let (sender, profiles) = channel();
    let mut running = Engine::builder(&definition)
        .empty_source("web")
        .source("orders", [json!({"order": "1", "email": "ada@example.com", "amount": "19.90"})])
        .output("profiles", move |record| sender.send(record).expect("somebody listens"))
        .start()?;

    // Two people, as far as anybody knows.
    running.push("web", [Visit { device: "phone", email: None, page: "/hats" }])?;
    running.tick()?;
    println!("before the login:");
    profiles.try_iter().for_each(|record| println!("  {}", record.json()["attributes"]));

    // The phone is Ada's: with one tick both are one person, and one of the two ids is no more.
    running
        .push("web", [Visit { device: "phone", email: Some("ada@example.com"), page: "/cart" }])?;
    running.tick()?;
    println!("after the login:");
    for record in profiles.try_iter() {
        match &record.merged_into {
            Some(person) => println!("  one is merged into {}…", &person[..6]),
            None => println!("  {}", record.json()["attributes"]),
        }
    }
    let summary = running.stop()?;
    println!("{} rows, {} person", summary.rows(), summary.people());
    Ok(())
}
