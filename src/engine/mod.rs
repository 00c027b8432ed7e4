//! The library: a definition, the engine that runs it, and its collections for dataflows of one's own.
//!
//! Nothing here handles signals, ends the process or writes to the console: that is the command line's business.

mod administered;
mod applied;
mod apply;
mod asks;
mod builder;
mod change;
mod control;
mod definition;
mod elsewhere;
mod erase;
mod error;
mod feeder;
mod followers;
mod following;
mod forget;
mod forgotten;
mod in_force;
mod pushed;
mod recognised;
mod redacted;
mod running;
mod serving;
mod silence;
mod summary;
mod surveyed;
mod switch;
mod waiting;

use crate::runtime::{Collections, StageInputs, collections_of};

pub use applied::Applied;
pub use builder::{CommandOptions, Engine, EngineBuilder};
pub use control::Control;
pub use definition::Definition;
pub use error::{EngineError, Unchanged};
pub use feeder::Feeder;
pub use forgotten::{Forgetting, Forgotten};
pub use running::Running;
pub use summary::Summary;

/// What a dataflow of one's own takes in: rows, and the clock. [`Feeder::new`] makes it.
pub struct Inputs<'scope>(StageInputs<'scope>);

/// Builds a definition's stages in a dataflow of one's own, up to what outputs would tell: in the scope that
/// [`Feeder::new`] made the inputs in.
///
/// Every worker builds the same. Where an engine runs the definition anyhow, [`EngineBuilder::attach`] gives the
/// same collections of that run.
///
/// ```
/// use selfsame::{Definition, Feeder, build};
/// use selfsame::timely::{self, dataflow::ProbeHandle};
///
/// let text = "
/// sources:
///   visits: {files: unused, kind: events, fields: {email: text}}
/// identity:
///   email: {from: {visits: email}}
/// attributes:
///   visits: {from: visits, select: count(*)}
/// outputs:
///   profiles: {files: unused}
/// ";
/// let definition = Definition::parse(text, "visits.yaml").unwrap();
/// timely::execute_directly(move |worker| {
///     let (mut feeder, probe) = worker.dataflow(|scope| {
///         let (feeder, inputs) = Feeder::new(scope, &definition);
///         let collections = selfsame::build(&definition, inputs);
///         let (probe, _) = collections.profiles.inspect(|(profile, _, _)| println!("{profile:?}")).probe();
///         (feeder, probe)
///     });
///     feeder.push("visits", [serde_json::json!({"email": "ada@example.com"})]).unwrap();
///     let tick = feeder.tick(0);
///     worker.step_while(|| probe.less_equal(&tick));
/// });
/// ```
pub fn build<'scope>(definition: &Definition, inputs: Inputs<'scope>) -> Collections<'scope> {
    collections_of(&definition.plan, inputs.0)
}
