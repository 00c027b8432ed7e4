//! Where an attribute comes from, as people read it.

use std::fmt::{self, Formatter};

use super::layout::{cells, published, reading, table};
use crate::console::counted;
use crate::console::shown;
use crate::explain::attribute::AttributeAnswer;
use crate::explain::attribute_said::{AttributeSaid, MovingRow, PartSaid, StepRow, StepSaid};
use crate::explain::ranks::RankSaid;

/// How many rows are printed of an attribute that another one is made from; JSON has more.
const ROWS_BELOW: usize = 3;
/// Where there are more borders than these, only those beside the person are printed.
const BORDERS: usize = 10;

pub fn attribute(f: &mut Formatter<'_>, answer: &AttributeAnswer) -> fmt::Result {
    writeln!(f, "{}, at {}", answer.person, reading(&answer.now, answer.clock))?;
    said(f, &answer.attribute, usize::MAX)?;
    published(f, answer.published.iter())
}

fn said(f: &mut Formatter<'_>, said: &AttributeSaid, most_rows: usize) -> fmt::Result {
    writeln!(f, "\n{} = {}", shown(&said.attribute), shown(&said.value.to_string()))?;
    // What a note says of ranks is told with the borders.
    let note = said.note.as_ref().filter(|_| said.ranks.is_empty());
    let note = note.map(|note| format!(" {note}")).unwrap_or_default();
    writeln!(f, "  {}{}", shown(&said.sql), shown(&note))?;
    said.ranks.iter().try_for_each(|of| rank(f, of))?;
    if !said.steps.is_empty() {
        writeln!(f, "\n  steps, the furthest that there is")?;
        table(f, 4, &said.steps.iter().flat_map(step).collect::<Vec<_>>())?;
    }
    if !said.parts.is_empty() {
        writeln!(f, "\n  by identifier and source, each from its rows alone")?;
        table(f, 4, &said.parts.iter().map(part).collect::<Vec<_>>())?;
        if said.of_parts > said.parts.len() {
            writeln!(f, "    and {} more", said.of_parts - said.parts.len())?;
        }
    }
    if said.rows.is_empty() && said.from.is_empty() {
        writeln!(f, "  no row gives it a value")?;
    }
    if !said.rows.is_empty() {
        writeln!(f, "\n  rows, the newest first")?;
        let shown = said.rows.len().min(most_rows);
        let is_funnel = !said.steps.is_empty();
        let lines = said.rows[..shown].iter().map(|row| moved(row, is_funnel));
        table(f, 4, &lines.collect::<Vec<_>>())?;
        if said.of_rows > shown {
            writeln!(f, "    and {} more", said.of_rows - shown)?;
        }
    }
    said.from.iter().try_for_each(|from| self::said(f, from, ROWS_BELOW))
}

fn rank(f: &mut Formatter<'_>, rank: &RankSaid) -> fmt::Result {
    let RankSaid { by, value, bins, people, less, same, greater, .. } = rank;
    let (by, value) = (shown(by), value.to_string());
    let value = shown(&value);
    let Some(score) = rank.score else {
        return writeln!(f, "\n  by {by} = {value}: who has no value has no score");
    };
    writeln!(f, "\n  by {by} = {value}: {score} of {bins}")?;
    writeln!(
        f,
        "    of {} a value {less} have a lesser one, {same} the same and {greater} a greater one",
        counted(*people, "person who has", "people who have")
    )?;
    let own = score as usize;
    let is_shown = |of: &usize| usize::from(*bins) <= BORDERS || of.abs_diff(own) <= 1;
    let lines = (1..=usize::from(*bins)).filter(is_shown).map(|of| {
        let border = match rank.borders.get(of - 1) {
            Some(border) => format!("up to {border}"),
            None => format!("above {}", rank.borders[of - 2]),
        };
        let here = if of == own { "this person" } else { "" };
        vec![of.to_string(), border, here.to_owned()]
    });
    table(f, 4, &lines.collect::<Vec<_>>())
}

fn step(said: &StepSaid) -> Vec<Vec<String>> {
    let mut first = vec![said.step.to_string(), said.sql.clone()];
    let Some(at) = &said.at else {
        let rows = counted(said.of_rows, "row", "rows");
        let satisfy = if said.of_rows == 1 { "satisfies" } else { "satisfy" };
        first.extend(["not reached".to_owned(), format!("{rows} {satisfy} it")]);
        return vec![first];
    };
    first.push(at.clone());
    let mut lines: Vec<Vec<String>> = Vec::new();
    for StepRow { row, identifier } in &said.rows {
        let mut line = if lines.is_empty() { first.clone() } else { vec![String::new(); 3] };
        line.push(format!("{}  {}  {identifier}", row.source, row.position));
        lines.push(line);
    }
    lines
}

fn part(part: &PartSaid) -> Vec<String> {
    let rows = counted(part.rows, "row", "rows");
    vec![part.identifier.clone(), part.source.clone(), rows, part.value.to_string()]
}

fn moved(moved: &MovingRow, is_funnel: bool) -> Vec<String> {
    let mut line = cells(&moved.row);
    line.push(moved.identifier.clone());
    let gives: Vec<String> = moved.gives.iter().map(ToString::to_string).collect();
    line.push(match (gives.join(", "), is_funnel) {
        (gives, _) if gives.is_empty() => "counted".to_owned(),
        (gives, true) => format!("step {gives}"),
        (gives, false) => gives,
    });
    line.extend(moved.session.as_ref().map(|of| {
        let events = counted(of.events as usize, "row", "rows");
        format!("session {}: {events} in {} s", of.session, of.seconds)
    }));
    let mut window = Vec::new();
    window.extend(moved.enters.as_ref().map(|at| format!("enters at {at}")));
    window.extend(moved.leaves.as_ref().map(|at| format!("leaves at {at}")));
    window.extend(moved.left.as_ref().map(|at| format!("left at {at}")));
    line.push(window.join(", "));
    line
}
