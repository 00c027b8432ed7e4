//! How a history ends: everything that came is taken back, and nothing is left of it.
//!
//! Records are deleted. Events can't be: a definition that has some counts them beside a table whose
//! record is deleted with the rest, as in `join: {feeds: feed}` and `where: feeds.feed is not null`.

use std::collections::BTreeSet;

use selfsame::internals::plan::{Kind, Source};
use selfsame::internals::sink::TextRecord as Record;
use selfsame::internals::time::{DAY, Micros, rfc3339};
use serde_json::{Value, json};

use super::check::{Case, folded};
use super::script::{Delivery, Tick};

impl Case {
    /// Runs the history and its end; gives what each tick of the history sent.
    ///
    /// # Panics
    /// If an output holds anything in the end, or an operator more than it has to remember for ever.
    #[track_caller]
    pub fn ends_with_nothing(&self) -> Vec<Vec<Record>> {
        let ended = self.ended();
        let mut sent = ended.run(2);
        let (state, _) = folded(&ended.plan, sent.iter().flatten());
        assert!(state.is_empty(), "still published: {state:#?}");
        ended.keeps(2).inspect(|held| panic!("{held}"));
        sent.truncate(self.script.ticks.len());
        sent
    }

    /// The same, and at its end the deletion of every record that came, and the end of all windows.
    /// Tables in files are of JSON and have a column `gone` that deletes; those of topics take nulls.
    fn ended(&self) -> Self {
        let mut case = self.clone();
        let last = self.script.ticks.last().expect("some ticks").reading;
        let mut rows = Vec::new();
        for (number, source) in self.plan.sources.iter().enumerate() {
            if source.kind == Kind::Records {
                rows.extend(self.deletions(number, source, last));
            }
        }
        case.script.ticks.push(Tick { reading: last, rows });
        case.script.ticks.push(Tick { reading: last + 2_000 * DAY, rows: Vec::new() });
        case
    }

    fn deletions(&self, number: usize, source: &Source, time: Micros) -> Vec<Delivery> {
        let all = || {
            let rows = self.script.ticks.iter().flat_map(|tick| &tick.rows);
            rows.filter(move |row| row.source == number)
        };
        let part = all().map(|row| row.part + 1).max().unwrap_or(0);
        let name = |column: usize| source.fields[column].path.to_string();
        let key_name = name(source.key.expect("a table has a key"));
        let is_topic = source.connector.topic().is_some();
        let key = |row: &Delivery| {
            let payload = || {
                let payload: Value = serde_json::from_str(row.payload.as_ref()?).ok()?;
                payload.get(&key_name).map(Value::to_string)
            };
            if is_topic { row.key.clone() } else { payload() }
        };
        let keys: BTreeSet<String> = all().filter_map(key).collect();
        let deletion = |(key, offset): (String, u64)| {
            let mut delivery = Delivery {
                source: number,
                part,
                offset,
                timestamp: None,
                key: None,
                header: None,
                payload: None,
                joined: offset > 1,
            };
            if is_topic {
                (delivery.timestamp, delivery.key) = (Some(time), Some(key));
                return delivery;
            }
            let mut row = json!({"gone": true});
            row[&key_name] = serde_json::from_str(&key).expect("it was JSON");
            if let Some(column) = source.time {
                row[&name(column)] = json!(rfc3339(time));
            }
            delivery.payload = Some(row.to_string());
            delivery
        };
        keys.into_iter().zip(1..).map(deletion).collect()
    }
}
