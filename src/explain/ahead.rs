//! What time alone will change of a condition, if no row comes.
//!
//! Time is let pass from one instant at which anything may change to the next: rows leave windows,
//! comparisons with `now()` turn, and where ranks are asked about, all others' do, too.

use arrow::array::RecordBatch;

use super::term_turn::{TermTurn, is_in};
use super::watch::PersonWatch;
use crate::definition::sql::predicate_terms;
use crate::definition::sql::predicate_terms::{Condition, Term};
use crate::plan::Plan;
use crate::time::{Micros, rfc3339};

/// How many instants are looked at.
const INSTANTS: usize = 10_000;
/// How many turns of a term are told.
const TURNS: usize = 4;

pub struct Forecast {
    /// When the person enters the segment, or leaves it.
    pub turns: Option<TermTurn>,
    /// By term, in the order of the condition.
    pub terms: Vec<Vec<TermTurn>>,
    /// Where there are more instants than are looked at: the last one.
    pub until: Option<Micros>,
}

pub fn forecast(
    plan: &Plan,
    watch: &mut PersonWatch,
    condition: &Condition,
    column: usize,
) -> Forecast {
    let mut terms = Vec::new();
    add_terms(condition, &mut terms);
    let person = |watch: &PersonWatch| watch.person().map(|person| person.columns);
    let values = |person: &RecordBatch| terms.iter().map(|term| term.value(person)).collect();
    let mut ahead = Forecast { turns: None, terms: Vec::new(), until: None };
    ahead.terms.resize_with(terms.len(), Vec::new);
    let Some(mut last) = person(watch) else { return ahead };
    let was_in = is_in(&last, column);
    let mut before: Vec<Option<bool>> = values(&last);
    for instant in 0.. {
        if instant == INSTANTS {
            ahead.until = Some(watch.now);
            break;
        }
        let (Some(at), Some(then)) = (watch.pass(), person(watch)) else { break };
        let is_in = is_in(&then, column);
        if ahead.turns.is_none() && is_in != was_in {
            ahead.turns = Some(TermTurn { at: rfc3339(at), value: Some(is_in) });
        }
        let after: Vec<Option<bool>> = values(&then);
        for (turns, (before, value)) in ahead.terms.iter_mut().zip(before.iter().zip(&after)) {
            if before != value {
                turns.push(TermTurn { at: rfc3339(at), value: *value });
            }
        }
        (last, before) = (then, after);
    }
    if let Some(until) = ahead.until {
        for (turns, term) in ahead.terms.iter_mut().zip(&terms) {
            turns.extend(solved(plan, term, &last, until));
        }
    }
    ahead.terms.iter_mut().for_each(|turns| turns.truncate(TURNS));
    ahead
}

fn add_terms<'a>(condition: &'a Condition, terms: &mut Vec<&'a Term>) {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().for_each(|part| add_terms(part, terms));
        }
        Condition::Not(inner) | Condition::Segment(_, inner) => add_terms(inner, terms),
        Condition::Term(term) => terms.push(term),
    }
}

/// How `now()` turns a term later on, the attributes as they are.
fn solved(plan: &Plan, term: &Term, person: &RecordBatch, after: Micros) -> Vec<TermTurn> {
    let mut before = term.value(person);
    let later = term.turns(person).into_iter().filter(|at| *at > after);
    let turns = later.map(|at| (at, term.value(&predicate_terms::at(plan, person, at))));
    let turns = turns.filter(|(_, value)| std::mem::replace(&mut before, *value) != *value);
    turns.map(|(at, value)| TermTurn { at: rfc3339(at), value }).collect()
}
