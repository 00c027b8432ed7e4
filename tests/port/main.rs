//! What the port of a served run does beside answering: it encrypts, lets pages of other hosts read, holds keys to their
//! limits, and goes on where a client left.

#[path = "../http/certificate.rs"]
mod certificate;
mod changes;
#[path = "../serve/client.rs"]
mod client;
#[path = "../events/mod.rs"]
mod events;
mod flood;
#[path = "../http/mod.rs"]
mod http;
mod keys;
mod limits;
mod origins;
#[path = "../program/mod.rs"]
mod program;
mod slow;
mod tls;
mod vanished;

use std::net::SocketAddr;
use std::path::Path;

use selfsame::{Definition, Engine, EngineError, Running};

/// A shop with more of `http`, such as `limits: {…}`.
fn definition(folder: &Path, http: &str) -> Definition {
    let text = format!(
        "
sources:
  orders: {{http: {{}}, kind: events, fields: {{email: text, amount: integer}}}}
identity:
  email: {{from: {{orders: email}}}}
attributes:
  spent: {{from: orders, select: sum(amount)}}
outputs:
  profiles: {{files: none}}
http: {{listen: \"127.0.0.1:0\", {http}}}
"
    );
    Definition::parse(&text, folder.join("shop.yaml")).expect("it is right")
}

fn start(definition: &Definition) -> Result<(Running, SocketAddr), EngineError> {
    let running = Engine::builder(definition).output("profiles", |_| ()).start()?;
    let address = running.http().expect("it is served");
    Ok((running, address))
}
