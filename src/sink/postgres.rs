//! Changelogs in tables of PostgreSQL: a row a key, as it holds now.
//!
//! In a durable run a tick's changes and the progress that tells of them are one transaction, so that each takes effect
//! once, however the run ends. A transaction of which nobody knows whether it was committed is looked up by that progress.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio_postgres::{Client, Error, GenericClient, NoTls};

use super::catalog::Catalog;
use super::commit::DurableOutputs;
use super::delivered::{self, Awaiting};
use super::durable::LocalStanding;
use super::encoder::{EncodedMessage, MessageEncoder};
use super::failure::SinkError;
use super::formats::message_encoder;
use super::local_progress::FilePart;
use super::medium::{Medium, Readership, until_it_works};
use super::record::Record;
use super::storable::{storable, stored_key};
use super::target::{Opened, Opening};
use crate::plan::{Destination, PostgresTable, Publish};
use crate::time::Tick;
use crate::wait::Retry;

/// The first pause before it is tried again, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(5)];
/// How long a connection may linger that a killed run had.
const LINGERING: Duration = Duration::from_secs(5);
/// Locks a table by the schema that it is in, or will be, and its name: `people` and `public.people` are mostly one.
const LOCK: &str = "select pg_try_advisory_lock(hashtextextended(coalesce(
    (select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.oid = to_regclass($1)),
    case when strpos($2, '.') > 0 then $2 else current_schema() || '.' || $2 end), 7))";
/// Why nothing more is written.
const ENDED: &str = "the run ends without it";
/// Rows of one statement.
const ROWS: usize = 5_000;

pub fn open(opening: &mut Opening<'_>) -> Result<Opened, SinkError> {
    let mut opened = Opened::new();
    for (index, output) in opening.plan.outputs.iter().enumerate() {
        let Destination::Postgres(table) = &output.target else { continue };
        if opening.process > 0 {
            continue;
        }
        let failed =
            |message: String| SinkError::Target { target: output.target.to_string(), message };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| failed(error.to_string()))?;
        let awaiting = Awaiting::of(opening, index);
        let is_log = output.publish == Publish::Rejects;
        let mut medium = PostgresMedium {
            table: OutputTable { of: table.clone(), output: output.name.clone(), is_log },
            progress: opening.durable.clone(),
            encoder: message_encoder(&opening.names),
            changes: TableChanges::default(),
            is_cleared: false,
            runtime,
            client: None,
            awaiting: awaiting.clone(),
        };
        let standing = medium.begin().map_err(failed)?;
        medium.is_cleared = standing > 0;
        let standing = LocalStanding::Withheld(standing);
        opened.push((index, delivered::start(opening, &output.name, standing, medium, awaiting)?));
    }
    Ok(opened)
}

/// What an error says, with what is behind it.
fn said(error: &Error) -> String {
    let mut said = error.to_string();
    if let Some(behind) = std::error::Error::source(error) {
        said = format!("{said}: {behind}");
    }
    said
}

/// A table, and how it is spoken of.
struct OutputTable {
    of: PostgresTable,
    output: String,
    /// Whether it is added to, and nothing in it is replaced.
    is_log: bool,
}

impl OutputTable {
    /// Quoted, part by part: `public.people` is a table in a schema.
    fn quoted(&self) -> String {
        let parts = self.of.table.split('.');
        let quoted: Vec<String> =
            parts.map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect();
        quoted.join(".")
    }

    fn made(&self) -> String {
        let columns = match self.is_log {
            true => {
                "number bigint generated always as identity primary key, key text not null, value jsonb"
            }
            false => "key text primary key, value jsonb not null",
        };
        format!(
            "create table if not exists {} ({columns});
             create table if not exists selfsame_progress (output text primary key, store text not null, \
             definition text not null, tick bigint not null)",
            self.quoted()
        )
    }

    /// The key of an output and a table, whatever stands in their names.
    fn progress_key(&self) -> String {
        let part = |name: &str| name.replace('%', "%25").replace(':', "%3A");
        stored_key(format!("{}:{}", part(&self.output), part(&self.of.table)))
    }
}

/// What a transaction is to do.
#[derive(Default)]
struct TableChanges {
    /// By key, what holds at last; `None`: nothing.
    by_key: HashMap<String, Option<String>>,
    /// In order.
    log: Vec<(String, String)>,
}

struct PostgresMedium {
    table: OutputTable,
    /// `None`: nothing outlives the run.
    progress: Option<DurableOutputs>,
    encoder: Box<dyn MessageEncoder>,
    changes: TableChanges,
    /// Whether what was in the table before this run is its own.
    is_cleared: bool,
    runtime: Runtime,
    client: Option<Client>,
    awaiting: Awaiting,
}

impl Medium for PostgresMedium {
    fn write(&mut self, records: &[Record], names: &Catalog) -> Readership {
        for record in records {
            let mut message = EncodedMessage::default();
            self.encoder.encode(record, names, &mut message);
            let key = stored_key(message.key);
            let value = message.value.map(storable);
            match (self.table.is_log, value) {
                (true, value) => self.changes.log.extend(value.map(|value| (key, value))),
                (false, value) => drop(self.changes.by_key.insert(key, value)),
            }
        }
        Readership::Stays
    }

    /// The transaction is not committed.
    fn takes_back(&self) -> bool {
        true
    }

    /// Commits what was written, with the progress that tells of it.
    fn commit(&mut self, tick: Tick) -> (Readership, Option<FilePart>) {
        let changes = std::mem::take(&mut self.changes);
        let mut retry = Retry::new(PAUSES[0], PAUSES[1]);
        let mut may_be_done = false;
        while let Err(error) = self.commit(&changes, tick, may_be_done) {
            if self.awaiting.is_over() {
                return (Readership::Left, None);
            }
            self.awaiting.note_retry();
            let pause = retry.failed(&format!("{} can't be written", self.table.of), &error);
            self.client = None;
            may_be_done = true;
            if !self.awaiting.rest(pause) {
                return (Readership::Left, None);
            }
        }
        retry.works(&format!("{} can be written", self.table.of));
        self.is_cleared = true;
        (Readership::Stays, None)
    }

    fn until_it_works(&self, what: &str, work: &dyn Fn() -> std::io::Result<()>) -> bool {
        until_it_works(what, &self.awaiting.is_abandoned, work).is_some()
    }
}

impl PostgresMedium {
    fn connect(&mut self) -> Result<(), String> {
        if self.client.as_ref().is_some_and(|client| !client.is_closed()) {
            return Ok(());
        }
        let (connection, runtime) = (&self.table.of.connection, &self.runtime);
        let (quoted, table) = (self.table.quoted(), &self.table.of.table);
        let client = self.awaiting.wait(runtime, async {
            let (client, connection) = tokio_postgres::connect(connection, NoTls).await?;
            // It goes on whenever something is waited for; what ends it, the client tells.
            tokio::spawn(async move { drop(connection.await) });
            // One run, and one output of it, at a time, by whichever name of the table; a connection that was lost
            // gives its lock back when the server notices.
            let row = client.query_one(LOCK, &[&quoted, table]).await?;
            Ok(row.get::<_, bool>(0).then_some(client))
        });
        match client.ok_or(ENDED)?.map_err(|error| said(&error))? {
            Some(client) => {
                self.client = Some(client);
                Ok(())
            }
            None => {
                Err("another run writes it, or another output of this one: end that one first, or give this one \
                     another table"
                    .into())
            }
        }
    }

    /// Makes the tables where they are not there; the last tick that was committed by this definition on this store.
    fn begin(&mut self) -> Result<Tick, String> {
        let started = Instant::now();
        // The connection of a run that was killed may linger.
        while let Err(why) = self.connect() {
            if started.elapsed() > LINGERING || !why.starts_with("another run") {
                return Err(why);
            }
            std::thread::sleep(PAUSES[0]);
        }
        let client = self.client.as_ref().expect("connected");
        let (made, table) = (self.table.made(), &self.table);
        let standing = self.runtime.block_on(async {
            client.batch_execute(&made).await?;
            match &self.progress {
                None => Ok(0),
                Some(durable) => {
                    let committed = committed(client, table, durable).await?;
                    let known = committed
                        .filter(|tick| *tick <= durable.replayed && durable.can_compute(*tick));
                    Ok(known.map_or(0, |tick| durable.told_up_to(tick)))
                }
            }
        });
        standing.map_err(|error: Error| said(&error))
    }

    /// `may_be_done`: it was tried before, and nobody knows how that ended.
    fn commit(
        &mut self,
        changes: &TableChanges,
        tick: Tick,
        may_be_done: bool,
    ) -> Result<(), String> {
        self.connect()?;
        let PostgresMedium { runtime, client, table, progress, is_cleared, awaiting, .. } = self;
        let client = client.as_mut().expect("connected");
        let committed = awaiting.wait(runtime, async {
            if let (Some(durable), true) = (&*progress, may_be_done)
                && committed(client, table, durable).await?.is_some_and(|done| done >= tick)
            {
                return Ok(());
            }
            let transaction = client.transaction().await?;
            let quoted = table.quoted();
            if !*is_cleared {
                transaction.batch_execute(&format!("delete from {quoted}")).await?;
            }
            let (held, gone): (Vec<_>, Vec<_>) =
                changes.by_key.iter().partition(|(_, value)| value.is_some());
            let upsert = format!(
                "insert into {quoted} (key, value) select key, value::jsonb from unnest($1::text[], $2::text[]) \
                 as changed (key, value) on conflict (key) do update set value = excluded.value"
            );
            for held in held.chunks(ROWS) {
                let keys: Vec<&str> = held.iter().map(|(key, _)| key.as_str()).collect();
                let values: Vec<&str> = held.iter().filter_map(|(_, value)| value.as_deref()).collect();
                transaction.execute(&upsert, &[&keys, &values]).await?;
            }
            for gone in gone.chunks(ROWS) {
                let keys: Vec<&str> = gone.iter().map(|(key, _)| key.as_str()).collect();
                let delete = format!("delete from {quoted} where key = any($1::text[])");
                transaction.execute(&delete, &[&keys]).await?;
            }
            let append = format!(
                "insert into {quoted} (key, value) select key, value::jsonb from unnest($1::text[], $2::text[]) \
                 with ordinality as added (key, value, number) order by number"
            );
            for added in changes.log.chunks(ROWS) {
                let keys: Vec<&str> = added.iter().map(|(key, _)| key.as_str()).collect();
                let values: Vec<&str> = added.iter().map(|(_, value)| value.as_str()).collect();
                transaction.execute(&append, &[&keys, &values]).await?;
            }
            if let Some(durable) = &*progress {
                let told = "insert into selfsame_progress (output, store, definition, tick) values ($1, $2, $3, $4) \
                     on conflict (output) do update set store = $2, definition = $3, tick = $4";
                let key = table.progress_key();
                let (of, tick) = (told_of(&transaction, table, durable).await?, tick as i64);
                transaction.execute(told, &[&key, &durable.store, &of, &tick]).await?;
            }
            transaction.commit().await
        });
        committed.ok_or(ENDED)?.map_err(|error: Error| said(&error))
    }
}

/// Which definition, and which table, the progress is of: a table that was dropped and made anew is another, and holds
/// nothing of what was committed to the first.
async fn told_of(
    client: &impl GenericClient,
    table: &OutputTable,
    durable: &DurableOutputs,
) -> Result<String, Error> {
    let asked = "select $1 || ':' || coalesce(to_regclass($2)::oid, 0)::text";
    Ok(client.query_one(asked, &[&durable.definition, &table.quoted()]).await?.get(0))
}

/// The last tick that was committed to a table by this definition on this store.
async fn committed(
    client: &Client,
    table: &OutputTable,
    durable: &DurableOutputs,
) -> Result<Option<Tick>, Error> {
    let asked =
        "select tick from selfsame_progress where output = $1 and store = $2 and definition = $3";
    let (key, definition) = (table.progress_key(), told_of(client, table, durable).await?);
    let told = client.query_opt(asked, &[&key, &durable.store, &definition]).await?;
    Ok(told.map(|row| row.get::<_, i64>(0) as Tick))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::OutputTable;
    use crate::plan::PostgresTable;

    proptest! {
        #[test]
        fn different_outputs_and_tables_have_progress_of_their_own(
            one in ("[a:%3A]{0,5}", "[a:%3A]{0,5}"),
            other in ("[a:%3A]{0,5}", "[a:%3A]{0,5}"),
        ) {
            let of = |(output, table): &(String, String)| {
                let table = PostgresTable { connection: String::new(), table: table.clone() };
                OutputTable { of: table, output: output.clone(), is_log: false }.progress_key()
            };
            prop_assert_eq!(one == other, of(&one) == of(&other));
        }
    }
}
