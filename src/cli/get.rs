//! `selfsame get`: the profile of a person.

use std::process::ExitCode;

use clap::Args;
use selfsame::internals::changelog::{self, LookupResult};
use selfsame::internals::console;

use super::outputs::{WhereArgs, outputs};
use super::print::{CommandResult, print};

#[derive(Args)]
pub struct GetArgs {
    /// A person id (p_…), an identifier as type:value, or a value of whatever type
    id: String,
    #[command(flatten)]
    from: WhereArgs,
}

pub fn get(args: &GetArgs) -> CommandResult {
    let (plan, changelogs) = outputs(&args.from)?;
    match changelog::lookup(&changelogs, plan.as_ref(), &args.id)? {
        LookupResult::Profile { profile, merged } => {
            for person in merged {
                eprintln!("{person} was merged into:");
            }
            print(&format!("{}\n", changelog::indented(&profile.json())))
        }
        LookupResult::Gone { person } => {
            eprintln!("{person} is gone");
            Ok(ExitCode::FAILURE)
        }
        LookupResult::Nobody { near } => {
            let hint = match (near.as_slice(), &plan) {
                ([], Some(plan)) => {
                    let types = plan.types_in_place_of(&args.id);
                    types.map_or_else(String::new, |types| format!("; {types}"))
                }
                ([], None) => "; with --spec FILE it is normalised as the definition says".into(),
                (near, _) => format!("; did you mean {}?", near.join(" or ")),
            };
            let text = format!("nobody is known as '{}'{hint}", args.id);
            eprintln!("{}", console::shown(&text));
            Ok(ExitCode::FAILURE)
        }
    }
}
