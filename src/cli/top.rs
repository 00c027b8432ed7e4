//! `selfsame top`: how a running engine does, drawn again and again from what it tells at `/metrics`.

mod samples;
mod view;
mod watched;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use selfsame::internals::time::wall_clock;

use super::print::{CommandResult, print};
use samples::Samples;
use watched::WatchedEngine;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Args)]
pub struct TopArgs {
    /// Where the engine listens: its `http`, as in 127.0.0.1:8080
    #[arg(default_value = "127.0.0.1:8080")]
    address: String,
    /// A read key, where the engine has keys
    #[arg(long, env = "SELFSAME_KEY", hide_env_values = true, value_name = "KEY")]
    key: Option<String>,
    /// How often it is asked, in seconds
    #[arg(long, default_value_t = 1, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
    every: u64,
    /// Ask twice, print what there is, and end
    #[arg(long)]
    once: bool,
}

/// Asks an engine.
struct AskedEngine<'a> {
    args: &'a TopArgs,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl<'a> AskedEngine<'a> {
    fn new(args: &'a TopArgs) -> Result<Self, Box<dyn std::error::Error>> {
        let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(AskedEngine { args, client, runtime })
    }

    fn ask(&self) -> Result<Samples, String> {
        let address = &self.args.address;
        let at =
            if address.contains("://") { address.clone() } else { format!("http://{address}") };
        let mut request = self.client.get(format!("{at}/metrics"));
        if let Some(key) = &self.args.key {
            request = request.bearer_auth(key);
        }
        let answer = self.runtime.block_on(async {
            let answer = request.send().await?;
            let status = answer.status();
            Ok::<_, reqwest::Error>((status, answer.text().await?))
        });
        match answer {
            Ok((status, text)) if status.is_success() => Ok(Samples::read(&text, Instant::now())),
            Ok((status, _)) if status.as_u16() == 401 || status.as_u16() == 403 => {
                Err(format!("{at} wants a read key: give it by --key or SELFSAME_KEY"))
            }
            Ok((_, text)) if text.contains("\"tls_wanted\"") => {
                Err(format!("{at} speaks TLS alone: write https:// before the address"))
            }
            Ok((status, _)) => Err(format!("{at} answers {status}")),
            Err(error) => Err(format!("{at} does not answer: {}", causes(&error))),
        }
    }
}

/// An error with what it comes from: of TLS, that alone says what is wrong.
fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut told: Vec<String> = causes.map(ToString::to_string).collect();
    told.dedup_by(|later, before| before.contains(&**later));
    told.join(": ")
}

pub fn top(args: &TopArgs) -> CommandResult {
    let asking = AskedEngine::new(args)?;
    let every = Duration::from_secs(args.every);
    // Who gives a wrong address, or no key, is told at once.
    let first = asking.ask()?;
    if args.once || !std::io::stdout().is_terminal() {
        std::thread::sleep(every);
        return print(&view::text(&first, &asking.ask()?));
    }
    let mut terminal = ratatui::try_init()?;
    let drawn = (|| -> Result<(), Box<dyn std::error::Error>> {
        let mut engine = WatchedEngine::new(first);
        loop {
            terminal.draw(|frame| view::draw(frame, &engine))?;
            let until = Instant::now() + every;
            while let Some(left) = until.checked_duration_since(Instant::now()) {
                if event::poll(left)?
                    && let Event::Key(key) = event::read()?
                    && (matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)
                        || key.modifiers.contains(KeyModifiers::CONTROL)
                            && key.code == KeyCode::Char('c'))
                {
                    return Ok(());
                }
            }
            engine.hear(asking.ask(), wall_clock());
        }
    })();
    ratatui::restore();
    drawn?;
    Ok(ExitCode::SUCCESS)
}
