//! Answers as people read them.

mod attribute;
mod layout;

use std::fmt::{self, Display, Formatter};

use super::Answer;
use super::chain::ChainAnswer;
use super::person::{DecisionSaid, LinkSaid, PersonAnswer};
use super::ranks::RankSaid;
use super::segment::{SegmentAnswer, TermOf, TermSaid};
use super::term_turn::TermTurn;
use crate::console::counted;

use crate::console::shown;
use layout::{cells, published, reading, table};

/// How many links, and decisions, are printed; JSON has all.
const LINKS: usize = 50;

impl Display for Answer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Person(answer) => person(f, answer),
            Answer::Chain(answer) => chain(f, answer),
            Answer::Segment(answer) => segment(f, answer),
            Answer::Attribute(answer) => attribute::attribute(f, answer),
        }
    }
}

fn person(f: &mut Formatter<'_>, answer: &PersonAnswer) -> fmt::Result {
    writeln!(f, "{}", answer.person)?;
    if let Some(formerly) = &answer.formerly {
        writeln!(f, "  {formerly} was merged into it")?;
    }
    writeln!(f, "\nidentifiers")?;
    let lines: Vec<Vec<String>> = answer
        .identifiers
        .iter()
        .map(|of| {
            let mut line = vec![
                of.r#type.clone(),
                of.value.clone(),
                of.first_seen.as_ref().map_or("undated".into(), |at| format!("first seen {at}")),
                counted(of.rows.max(0) as usize, "row", "rows"),
            ];
            line.extend(of.shared.as_ref().map(|_| "shared".to_owned()));
            line
        })
        .collect();
    table(f, 2, &lines)?;
    let reasons = answer.identifiers.iter().filter_map(|of| of.shared.as_ref());
    for reason in reasons {
        writeln!(f, "\nshared\n  {}: while it is, none of its links count", shown(reason))?;
    }
    if !answer.links.is_empty() {
        writeln!(f, "\nlinks")?;
    }
    links(f, &answer.links)?;
    if !answer.withheld.is_empty() {
        writeln!(f, "\nlinks withheld")?;
    }
    links(f, &answer.withheld)?;
    if answer.links.is_empty() && answer.withheld.is_empty() {
        writeln!(f, "\nno row links it with another identifier")?;
    }
    decisions(f, &answer.decisions)?;
    published(f, answer.published.iter())
}

fn links(f: &mut Formatter<'_>, links: &[LinkSaid]) -> fmt::Result {
    for said in links.iter().take(LINKS) {
        link(f, said, usize::MAX)?;
    }
    more(f, links.len())
}

fn more(f: &mut Formatter<'_>, all: usize) -> fmt::Result {
    match all.saturating_sub(LINKS) {
        0 => Ok(()),
        more => writeln!(f, "  and {more} more: --json has all"),
    }
}

fn decisions(f: &mut Formatter<'_>, decisions: &[DecisionSaid]) -> fmt::Result {
    if !decisions.is_empty() {
        writeln!(f, "\ndecisions")?;
    }
    for DecisionSaid { one, other, verdict, row } in decisions.iter().take(LINKS) {
        writeln!(f, "  {} — {}: {}", shown(one), shown(other), shown(verdict))?;
        table(f, 6, &[cells(row)])?;
    }
    more(f, decisions.len())
}

fn link(f: &mut Formatter<'_>, said: &LinkSaid, most_rows: usize) -> fmt::Result {
    let by = match (said.decided, said.of) {
        (true, 0) => "by decision".to_owned(),
        (true, of) => format!("{}, and by decision", counted(of, "row", "rows")),
        (false, of) => counted(of, "row", "rows"),
    };
    writeln!(f, "  {} — {}: {by}", shown(&said.one), shown(&said.other))?;
    let most = said.rows.len().min(most_rows);
    let lines: Vec<Vec<String>> = said.rows[..most].iter().map(cells).collect();
    table(f, 6, &lines)?;
    if said.of > most {
        writeln!(f, "      and {} more", said.of - most)?;
    }
    if let Some(withheld) = &said.withheld {
        let [one, other] = &withheld.people;
        writeln!(f, "      does not count ({}): {}", withheld.rule, shown(&withheld.reason))?;
        writeln!(f, "      it would make {one} and {other} one")?;
    }
    Ok(())
}

fn chain(f: &mut Formatter<'_>, answer: &ChainAnswer) -> fmt::Result {
    let (one, other) = (&answer.one, &answer.other);
    let [this, that] = [one, other].map(|of| shown(&of.identifier));
    match (&answer.chain, answer.same_person) {
        (Some(chain), true) if chain.is_empty() => {
            return writeln!(f, "{this} is one identifier, of {}", one.person);
        }
        (Some(chain), true) => {
            let links = counted(chain.len(), "link", "links");
            writeln!(f, "{this} and {that} are one person,")?;
            writeln!(f, "{}, by {links}:\n", one.person)?;
        }
        (chain, _) => {
            writeln!(f, "{this} and {that} are two people:")?;
            let lines = [one, other].map(|of| vec![of.person.clone(), of.identifier.clone()]);
            table(f, 2, &lines)?;
            match chain {
                None => writeln!(f, "\nnothing links them")?,
                Some(_) => writeln!(f, "\nrows link them so, but not all of it counts:\n")?,
            }
        }
    }
    for said in answer.chain.iter().flatten() {
        link(f, said, 1)?;
    }
    decisions(f, &answer.decisions)?;
    published(f, [one, other].into_iter().filter_map(|of| of.published.as_ref()))
}

fn segment(f: &mut Formatter<'_>, answer: &SegmentAnswer) -> fmt::Result {
    let SegmentAnswer { person, segment, now, clock, .. } = answer;
    let stands = if answer.is_in { "is in" } else { "is not in" };
    writeln!(f, "{person} {stands} {}, at {}", shown(segment), reading(now, clock))?;
    if let Some(description) = &answer.description {
        writeln!(f, "  {}", shown(description))?;
    }
    writeln!(f)?;
    let mut lines = Vec::new();
    term(&answer.terms, 0, &mut lines);
    table(f, 2, &lines)?;
    match (&answer.turns, &answer.looked_until) {
        (None, None) => writeln!(f, "\ntime alone does not change it")?,
        (None, Some(until)) => {
            writeln!(
                f,
                "\ntime alone does not change it until {until}: no further was looked ahead"
            )?;
        }
        (Some(TermTurn { at, value }), _) => {
            let what = if *value == Some(true) { "enters" } else { "leaves" };
            writeln!(f, "\n{what} at {at}, if nothing else happens")?;
        }
    }
    published(f, answer.published.iter())
}

fn term(said: &TermSaid, depth: usize, lines: &mut Vec<Vec<String>>) {
    let indent = "  ".repeat(depth);
    let value = truth(said.value);
    let mut line = |text: String| lines.push(vec![value.to_owned(), format!("{indent}{text}")]);
    match &said.of {
        TermOf::All(parts) => {
            line("all of".to_owned());
            parts.iter().for_each(|part| term(part, depth + 1, lines));
        }
        TermOf::Any(parts) => {
            line("any of".to_owned());
            parts.iter().for_each(|part| term(part, depth + 1, lines));
        }
        TermOf::Not(inner) => {
            line("not".to_owned());
            term(inner, depth + 1, lines);
        }
        TermOf::Segment { name, terms } => {
            line(format!("segment {name}"));
            term(terms, depth + 1, lines);
        }
        TermOf::Term { sql, attributes, turns } => {
            let values = attributes.iter().map(|of| format!("{} = {}", of.name, of.value));
            let ranks = attributes.iter().flat_map(|of| &of.ranks).map(rank_in_short);
            let turn = |turn: &TermTurn| format!("{} from {}", truth(turn.value), turn.at);
            let mut notes = ranks.chain(turns.iter().map(turn));
            let mut first = values.collect::<Vec<_>>().join(", ");
            if first.is_empty() {
                first = notes.next().unwrap_or_default();
            }
            lines.push(vec![value.to_owned(), format!("{indent}{sql}"), first]);
            lines.extend(notes.map(|note| vec![String::new(), String::new(), note]));
        }
    }
}

fn truth(value: Option<bool>) -> &'static str {
    match value {
        Some(true) => "true",
        Some(false) => "false",
        None => "null",
    }
}

/// A person's place between the nearest borders.
fn rank_in_short(rank: &RankSaid) -> String {
    let RankSaid { by, value, score, bins, people, .. } = rank;
    let Some(score) = score else {
        return format!("by {by} = {value}: no score");
    };
    let own = *score as usize;
    let above = own.checked_sub(2).map(|border| format!(" above {}", rank.borders[border]));
    let up_to = rank.borders.get(own - 1).map(|border| format!(" up to {border}"));
    let (above, up_to) = (above.unwrap_or_default(), up_to.unwrap_or_default());
    let people = counted(*people, "person", "people");
    format!("by {by} = {value}: {score} of {bins} over {people},{above}{up_to}")
}
