//! What a column seems to be, and how far its values fit that.

use selfsame::internals::console::grouped;

use super::texts::shown;

/// What a column seems to be, as a definition says it of a field.
#[derive(Clone, Debug)]
pub struct Guess {
    pub data_type: String,
    /// How times are written, each format tried in turn.
    pub formats: Vec<String>,
    /// Whether some of them are what clocks show.
    pub is_local: bool,
    /// What codes mean, as YAML has it.
    pub words: Vec<(String, &'static str)>,
    pub evidence: String,
    pub is_unsure: bool,
    /// Where it is a text: what makes a number of it, in SQL.
    pub read: Option<String>,
    /// Where it is a text: what it is but for some values, if it says when something was.
    pub nearly: Option<Box<Guess>>,
}

impl Guess {
    pub fn new(data_type: &str, evidence: String) -> Self {
        Guess {
            data_type: data_type.to_owned(),
            formats: Vec::new(),
            is_local: false,
            words: Vec::new(),
            evidence,
            is_unsure: false,
            read: None,
            nearly: None,
        }
    }

    pub fn unsure(data_type: &str, evidence: impl Into<String>) -> Self {
        Guess { is_unsure: true, ..Guess::new(data_type, evidence.into()) }
    }

    /// Becomes a text, whatever its values are.
    pub fn become_text(&mut self) {
        let evidence = std::mem::take(&mut self.evidence);
        *self = Guess { is_unsure: self.is_unsure, ..Guess::new("text", evidence) };
    }
}

/// How many of some values are what a guess says.
pub enum ValueFit {
    All(Guess),
    /// Not all of them.
    Most(PartialFit),
    None,
}

/// A guess that holds of some values.
pub struct PartialFit {
    pub held: usize,
    pub guess: Guess,
    /// Some of the values of which it does not hold.
    pub others: Vec<String>,
}

impl ValueFit {
    /// By what holds of each value.
    pub fn of(texts: &[&str], holds: impl Fn(usize) -> bool, guess: Guess) -> Self {
        let held = (0..texts.len()).filter(|at| holds(*at)).count();
        if held == texts.len() {
            return ValueFit::All(Guess {
                evidence: format!("{}, {}", guess.evidence, all(held)),
                ..guess
            });
        }
        let mut others: Vec<String> = Vec::new();
        for (_, text) in texts.iter().enumerate().filter(|(at, _)| !holds(*at)) {
            let text = shown(text);
            if others.len() < 3 && !others.contains(&text) {
                others.push(text);
            }
        }
        if held == 0 { ValueFit::None } else { ValueFit::Most(PartialFit { held, guess, others }) }
    }
}

impl PartialFit {
    /// What most of so many values are, where these are instants: each row has to have its time.
    pub fn into_time(self, all: usize) -> Option<Box<Guess>> {
        let held = grouped(self.held);
        let evidence = format!(
            "{}, {held} of {} values; the others are rejected, such as '{}', since each row has to have its time",
            self.guess.evidence,
            grouped(all),
            self.others.join("' and '")
        );
        let is_instant = self.guess.data_type == "timestamp";
        is_instant.then(|| Box::new(Guess { evidence, is_unsure: true, ..self.guess }))
    }
}

/// So many values, as all of them.
fn all(values: usize) -> String {
    if values == 1 { "its value".to_owned() } else { format!("all {} values", grouped(values)) }
}
