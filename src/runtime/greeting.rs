//! What processes tell each other before anything else, and whether they belong together.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use serde::{Deserialize, Serialize};

use super::Clock;
use super::options::RunOptions;
use crate::plan::Plan;
use crate::plan::stated::{Stated, differences};
use crate::store::Recovered;
use crate::time::{Tick, rfc3339};

/// A greeting has at most so many bytes; it holds what the definition says.
const GREETING: usize = 16 << 20;

/// What processes meet for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MeetingPurpose {
    /// A run.
    Run,
    /// To agree on changes of it.
    Agreement,
    /// A run that is built beside it, by the number of the change.
    Successor(u64),
    /// What ran before, in place of what could not be built.
    Again(u64),
}

/// What processes tell each other before anything else.
#[derive(Debug, Serialize, Deserialize)]
pub struct Greeting {
    selfsame: String,
    pub process: usize,
    pub processes: usize,
    /// What they meet for: those who want something else of each other try again.
    pub meeting: MeetingPurpose,
    workers: usize,
    /// What was said on the command line of when the run begins and ends and of what `now()` follows.
    said: Vec<String>,
    definition: Vec<Stated>,
    /// What is stored, where anything is.
    stored: Option<Storing>,
    /// Why it could not start, of a process that does not come.
    #[serde(default)]
    pub failed: Option<String>,
}

/// Which store a run goes on with, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Storing {
    store: String,
    run: u64,
    until: Tick,
    checkpoint: Option<Tick>,
}

impl Greeting {
    pub fn new(
        plan: &Plan,
        options: &RunOptions,
        recovered: Option<&Recovered>,
        meeting: MeetingPurpose,
    ) -> Self {
        Greeting {
            selfsame: env!("CARGO_PKG_VERSION").to_owned(),
            process: options.process,
            processes: options.hosts.len(),
            meeting,
            workers: options.workers,
            said: said(plan, options),
            definition: plan.stated.clone(),
            stored: recovered.map(|recovered| Storing {
                store: recovered.store.clone(),
                run: recovered.next_run,
                until: recovered.until,
                checkpoint: recovered.checkpoint.as_ref().map(|checkpoint| checkpoint.of.tick),
            }),
            failed: None,
        }
    }

    /// What a process that could not start says to those that wait for it.
    pub fn of_failed(process: usize, processes: usize, why: String) -> Self {
        Greeting {
            selfsame: env!("CARGO_PKG_VERSION").to_owned(),
            process,
            processes,
            meeting: MeetingPurpose::Run,
            workers: 0,
            said: Vec::new(),
            definition: Vec::new(),
            stored: None,
            failed: Some(why),
        }
    }

    pub fn send(&self, stream: &mut TcpStream) -> io::Result<()> {
        let json = serde_json::to_vec(self)?;
        stream.write_all(&(json.len() as u32).to_be_bytes())?;
        stream.write_all(&json)
    }

    pub fn receive(stream: &mut TcpStream) -> io::Result<Self> {
        let foreign = || io::Error::new(io::ErrorKind::InvalidData, "what answers is no selfsame");
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > GREETING {
            return Err(foreign());
        }
        let mut json = vec![0; length];
        stream.read_exact(&mut json)?;
        serde_json::from_slice(&json).map_err(|_| foreign())
    }

    /// Whether both store their rows, or neither does.
    pub fn stores_as(&self, other: &Greeting) -> bool {
        self.stored.is_some() == other.stored.is_some()
    }

    /// Whether the other one belongs to the same run.
    pub fn check(&self, other: &Greeting, expected: usize, host: &str) -> Result<(), String> {
        let who = format!("process {} at {host}", other.process);
        if other.selfsame != self.selfsame {
            let (found, own) = (&other.selfsame, &self.selfsame);
            return Err(format!("{who} is selfsame {found}, this one {own}: run the same version"));
        }
        if other.processes != self.processes {
            let (found, own) = (other.processes, self.processes);
            return Err(format!(
                "{who} has a hosts file with {found} processes, this one {own}: give all the same"
            ));
        }
        if other.process != expected {
            return Err(format!(
                "what answers at {host} is process {}, not {expected}: give all processes the \
                 same hosts file, and each its own --process",
                other.process
            ));
        }
        if other.workers != self.workers {
            let (found, own) = (other.workers, self.workers);
            return Err(format!(
                "{who} has --workers {found}, this one --workers {own}: give all the same number"
            ));
        }
        if other.said != self.said {
            let (found, own) = (other.said.join(" "), self.said.join(" "));
            return Err(format!(
                "{who} was started with {found}, this one with {own}: give all the same"
            ));
        }
        if other.stored != self.stored {
            let why = match (&other.stored, &self.stored) {
                (None, _) => "has no data folder, and this one has".to_owned(),
                (_, None) => "has a data folder, and this one has none".to_owned(),
                (Some(found), Some(own)) if found.store != own.store => {
                    "has another data folder".to_owned()
                }
                _ => "sees other rows in the data folder".to_owned(),
            };
            return Err(format!(
                "{who} {why}: give all processes one data folder that all of them see, and start them when no \
                 process of an earlier run is left"
            ));
        }
        let differences = differences(&other.definition, &self.definition);
        if !differences.is_empty() {
            return Err(format!(
                "{who} runs another definition: give all the same. They differ in{differences}"
            ));
        }
        Ok(())
    }
}

/// What all processes have to be told alike beside the number of workers.
fn said(plan: &Plan, options: &RunOptions) -> Vec<String> {
    let clock = match options.clock {
        Clock::Wall => "--clock wall".to_owned(),
        Clock::Event => "--clock event".to_owned(),
        Clock::Fixed(instant) => format!("--clock fixed:{}", rfc3339(instant)),
    };
    // Where each listens is its own matter: whether it does is not, since the first one is told what is served.
    let listens = options.is_served(plan);
    let flags =
        [(options.until_end, "--until-end"), (options.follow, "--follow"), (listens, "--http")];
    let given = flags.into_iter().filter(|(given, _)| *given).map(|(_, flag)| flag.to_owned());
    [clock].into_iter().chain(given).collect()
}
