//! A shop's history, as messages for topics, and its definition over them.
//!
//! It has what real topics have: events sent twice and events that come late, customers who are
//! corrected, deleted (by a null payload) and come back, devices that turn out to be somebody's, rows
//! that are no rows. The same seed tells the same history.

// Each test uses its part of this.
#![allow(dead_code)]

pub mod expected;

use std::path::Path;

use crate::broker::client::{Message, unique};

/// 2025-07-01T00:00:00Z, in milliseconds: when it begins.
const START: i64 = 1_751_328_000_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// What `now()` is held at.
pub const CLOCK: &str = "fixed:2025-08-01T00:00:00Z";

/// What is sent to each source, in order.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub web: Vec<Message>,
    pub crm: Vec<Message>,
}

/// The topics of one test.
pub struct Topics {
    pub web: String,
    pub crm: String,
    pub outputs: [(&'static str, String); 5],
}

impl Topics {
    pub fn new() -> Self {
        let outputs = ["profiles", "segments", "identities", "rejects", "vips"];
        let outputs = outputs.map(|output| (output, unique(output)));
        Topics { web: unique("web.events"), crm: unique("crm.customers"), outputs }
    }

    /// The output that a topic holds.
    pub fn output_of(&self, topic: &str) -> &'static str {
        let of = self.outputs.iter().find(|(_, name)| name == topic);
        of.expect("a topic of these").0
    }

    pub fn of(&self, output: &str) -> &str {
        let of = self.outputs.iter().find(|(name, _)| *name == output);
        &of.expect("an output").1
    }

    /// Writes the definition that reads and writes topics.
    pub fn define(&self, brokers: &str, path: &Path) {
        let sources = [&self.web, &self.crm].map(|topic| format!("kafka: {{topic: {topic}}}"));
        let outputs =
            self.outputs.each_ref().map(|(_, topic)| format!("kafka: {{topic: {topic}}}"));
        let text = definition(&sources, &outputs);
        let text = format!("kafka: {{brokers: \"{brokers}\"}}\n{text}");
        std::fs::write(path, text).expect("room on the disk");
    }
}

fn definition(sources: &[String; 2], outputs: &[String; 5]) -> String {
    let [web, crm] = sources;
    let [profiles, segments, identities, rejects, vips] = outputs;
    format!(
        r#"name: shop
sources:
  web:
    {web}
    format: json
    kind: events
    id: id
    time: at
    fields:
      id: text
      at: timestamp
      user: text
      device: text
      email: {{type: text, path: context.email}}
      event: text
      price: decimal(12,2)
    where: event <> 'heartbeat'
  crm:
    {crm}
    format: json
    kind: records
    key: customer
    time: updated
    deleted: status = 'erased'
    fields: {{customer: text, email: text, name: text, country: text, status: text,
             updated: timestamp}}
identity:
  customer: {{from: {{crm: customer, web: user}}}}
  email:
    from: {{crm: email, web: email}}
    normalize: lower(trim(value))
    ignore: ["", none]
  device: {{from: {{web: device}}}}
attributes:
  name: {{from: crm, select: last(name)}}
  country: {{from: crm, select: last(country)}}
  views: {{from: web, select: count(*), where: event = 'view'}}
  spent: {{from: web, select: sum(price), where: event = 'order'}}
  spent_20d: {{from: web, select: sum(price), where: event = 'order', within: 20 days}}
  last_seen: {{from: web, select: max(at)}}
segments:
  buyers: spent > 0
  big: spent > 300 and country in ('DE', 'AT')
  lapsed: last_seen < now() - interval '10 days'
outputs:
  profiles: {{{profiles}}}
  segments: {{{segments}}}
  identities: {{{identities}}}
  rejects: {{{rejects}}}
  vips: {{publish: profiles, where: big, attributes: [name, spent], {vips}}}
"#
    )
}

/// Numbers that look random (the finaliser of SplitMix64).
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

const CUSTOMERS: u64 = 80;

/// Tells so many hours of the shop's history, from some hour on.
pub fn tell(from_hour: i64, hours: i64) -> History {
    let mut history = History::default();
    for hour in from_hour..from_hour + hours {
        let mut draws = Draws(hour as u64);
        for step in 0..4 {
            let at = START + hour * HOUR + step * 600_000;
            event(&mut history, &mut draws, at);
        }
        record(&mut history, &mut draws, START + hour * HOUR);
    }
    history
}

fn event(history: &mut History, draws: &mut Draws, mut at: i64) {
    let id = format!("e{at}");
    if draws.below(10) == 0 {
        at -= (draws.below(3 * DAY as u64)) as i64;
    }
    let customer = draws.below(CUSTOMERS);
    let mut fields = vec![format!(r#""id":"{id}","at":{at}"#)];
    match draws.below(8) {
        0 => fields.push(format!(r#""user":"c{customer}""#)),
        1 => fields.push(format!(r#""context":{{"email":" C{customer}@Example.org"}}"#)),
        _ => {}
    }
    fields.push(format!(r#""device":"d{}""#, customer * 3 + draws.below(3)));
    fields.push(match draws.below(6) {
        0 => format!(r#""event":"order","price":{}.{:02}"#, draws.below(200), draws.below(100)),
        1 => r#""event":"heartbeat""#.to_owned(),
        _ => r#""event":"view""#.to_owned(),
    });
    let mut payload = format!("{{{}}}", fields.join(",")).into_bytes();
    match draws.below(60) {
        0 => payload.truncate(payload.len() / 2),
        1 => payload = br#"{"id":7,"at":"yesterday","event":["view"]}"#.to_vec(),
        2 => payload = format!(r#"{{"id":"{id}","at":{at},"event":"view"}}"#).into_bytes(),
        3 => payload = b"\xff\xfe{}".to_vec(),
        _ => {}
    }
    let message = Message {
        partition: (customer % 2) as i32,
        key: Some(format!("c{customer}")),
        payload: Some(payload),
        timestamp: Some(at),
    };
    history.web.push(message.clone());
    if draws.below(12) == 0 {
        history.web.push(message);
    }
}

fn record(history: &mut History, draws: &mut Draws, at: i64) {
    let customer = draws.below(CUSTOMERS);
    let email = match draws.below(5) {
        0 => format!("c{}@example.org", draws.below(CUSTOMERS)),
        1 => "none".to_owned(),
        _ => format!("c{customer}@example.org"),
    };
    let country = ["DE", "AT", "FR"][draws.below(3) as usize];
    // Some are older than what is known: they correct nothing.
    let at = if draws.below(8) == 0 { at - 5 * DAY + 1_000 } else { at };
    let payload = format!(
        r#"{{"customer":"c{customer}","email":"{email}","name":"N{}","country":"{country}","updated":{at}}}"#,
        draws.below(1_000)
    );
    history.crm.push(Message {
        partition: (customer % 2) as i32,
        key: Some(format!("c{customer}")),
        payload: (draws.below(6) != 0).then(|| payload.into_bytes()),
        timestamp: Some(at),
    });
}
