//! `selfsame why`: why identifiers are one person, why somebody is in a segment, where a value comes from.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use selfsame::internals::control::{AskError, ControlAnswer, ControlRequest, ask};
use selfsame::internals::explain::{self, AllRows, Question};
use selfsame::internals::plan::Plan;
use selfsame::internals::runtime::Clock;
use selfsame::internals::store::{self, StoreError};

use super::asked::AskedRun;
use super::print::{CommandResult, print};

const WHY_HELP: &str = "\
Examples:
  selfsame why ada@example.com                       identifiers, links and the rows that carry them
  selfsame why email:ada@example.com customer_id:C7  the links that make the two one, or what keeps
                                                     them apart
  selfsame why ada@example.com --segment lapsed      each term of the condition with its value, and
                                                     when time alone changes it
  selfsame why ada@example.com --attribute spend     what each identifier and source brings, and the
                                                     rows that moved it last

The answer is computed from the rows that runs have stored in the data folder. An engine that runs with \
the folder answers itself, by the definition and the clock that it has. Where nothing is stored it is computed \
from the definition's sources: files whole, topics from their earliest offset to their present end.

Of what is stored those rows are looked up that say something of this person. Sources are read twice: meanwhile it takes \
the memory of everyone's identifiers, links, ids and keys, as a run does. Where a rank is asked about (ntile, rfm) all \
rows are read, and it takes the time and memory of a whole run. \
Rows that are not stored and that a topic holds no longer, by retention or compaction, are not known to it: so identifiers \
may have been first seen later than the running engine knows, and people have other ids.

What the output of profiles says of the person, if there is one, stands beside the answer, unless an engine that \
runs has given it.

Of a run from another folder give the clock that it has, or now() is another and so may be the answer.";

#[derive(Args)]
#[command(after_help = WHY_HELP)]
pub struct WhyArgs {
    /// A person id (p_…, also one that was merged), an identifier as type:value, or a value of
    /// whatever type
    id: String,
    /// Another one: what makes the two one person, or keeps them apart?
    #[arg(conflicts_with_all = ["segment", "attribute"])]
    other: Option<String>,
    /// Why are they in this segment, or not?
    #[arg(long, value_name = "NAME", conflicts_with = "attribute")]
    segment: Option<String>,
    /// Where does the value of this attribute come from?
    #[arg(long, value_name = "NAME")]
    attribute: Option<String>,
    /// The definition file [default: the one that was last run from this folder, or is in force in the data folder that is named]
    #[arg(long, env = "SELFSAME_SPEC", value_name = "FILE")]
    spec: Option<PathBuf>,
    /// The data folder of the runs [default: that of the last run from this folder, or the definition's `data`]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// What now() is: as in `selfsame run` [default: as in the last run from this folder, or `wall`]
    #[arg(long)]
    clock: Option<Clock>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl WhyArgs {
    fn question(&self) -> Question {
        match (&self.other, &self.segment, &self.attribute) {
            (Some(other), ..) => Question::With(other.clone()),
            (_, Some(segment), _) => Question::Segment(segment.clone()),
            (_, _, Some(attribute)) => Question::Attribute(attribute.clone()),
            _ => Question::Person,
        }
    }
}

pub fn why(args: &WhyArgs) -> CommandResult {
    let AskedRun { definition, clock, data } =
        AskedRun::new(args.spec.as_deref(), args.data.as_deref(), args.clock)?;
    let plan = Plan::clone(definition.plan());
    // Before the first run of the definition nothing is stored yet.
    let rows = match data.or_else(|| plan.data.clone()) {
        None => AllRows::of_sources(plan, clock)?,
        Some(place) => {
            let request = ControlRequest::Why { id: args.id.clone(), question: args.question() };
            match ask(&place, &request, |text| tracing::info!("{text}")) {
                Ok(ControlAnswer::Why { text, json }) => {
                    return print(&if args.json { format!("{json}\n") } else { text });
                }
                Ok(ControlAnswer::Failed(why)) => return Err(why.into()),
                Ok(other) => {
                    return Err(format!("the engine answered something else: {other:?}").into());
                }
                Err(AskError::NotRunning { .. }) => {}
                Err(error @ AskError::Silent { .. }) => {
                    return Err(format!("{error}; then ask again").into());
                }
                Err(error) => return Err(error.into()),
            }
            match store::open_existing(&place) {
                Err(StoreError::NotThere { .. }) if args.data.is_none() => {
                    AllRows::of_sources(plan, clock)?
                }
                recovered => AllRows::of_folder(Arc::new(plan), clock, Arc::new(recovered?)),
            }
        }
    };
    let answer = explain::why(rows, true, &args.id, &args.question())?;
    match args.json {
        true => print(&format!("{}\n", serde_json::to_string_pretty(&answer)?)),
        false => print(&answer.to_string()),
    }
}
