//! `selfsame report`: what does not fit, by rule with examples.

use clap::Args;
use selfsame::internals::changelog;

use super::outputs::{WhereArgs, outputs};
use super::print::{CommandResult, print};

#[derive(Args)]
pub struct ReportArgs {
    /// How many examples of each rule to print
    #[arg(long, short = 'n', default_value_t = 3, value_name = "N")]
    examples: usize,
    #[command(flatten)]
    from: WhereArgs,
}

pub fn report(args: &ReportArgs) -> CommandResult {
    print(&changelog::report(&outputs(&args.from)?.1, args.examples)?)
}
