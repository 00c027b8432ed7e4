//! Typed columns → rows, in the order in which a definition speaks: derived columns, time, which
//! rows count, identifiers, what they give to aggregates.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use thin_vec::ThinVec;

use super::context::{DecodeContext, RowFate};
use super::decoded::Decoded;
use super::derived::{derived, with_time};
use super::evaluate::{Failures, Room, evaluate_where, in_parts, matches};
use super::given::GivenColumn;
use super::identifiers::RowIdentifiers;
use super::keys::{key_hash, texts};
use super::latest::{Dated, Which};
use super::named::named;
use super::needs::{check_key, check_time, excused, message_key};
use super::packed::PackedRows;
use super::placeholders::IS_PLACEHOLDER;
use super::raw_row::{Flaws, RawReading, RawRow};
use super::scalar::beginning;
use super::{decisions, identifiers};
use crate::plan::{Expression, Kind, Plan, Source};
use crate::row::{Body, BodyBuilder, OwnKey, Position, Row, Verdict};
use crate::source::Payload;
use crate::time::Micros;

/// Adds the rows that are accepted to `decoded`; the others get their reasons. Where what is evaluated for them
/// would be too much together, they are taken in parts.
pub(super) fn accept(
    context: &DecodeContext<'_>,
    raw: &mut [RawRow],
    fields: &[ArrayRef],
    decoded: &mut Decoded,
) {
    in_parts(raw.len(), &mut |rows, room| {
        let fields: Vec<ArrayRef> =
            fields.iter().map(|field| field.slice(rows.start, rows.len())).collect();
        let raw = &mut raw[rows.clone()];
        let with_flaws = |(place, row): (usize, &RawRow)| {
            let has_none = row.flaws.reasons.is_empty() && row.flaws.columns.is_empty();
            (!has_none).then(|| (place, row.flaws.clone()))
        };
        let before: Vec<(usize, Flaws)> = raw.iter().enumerate().filter_map(with_flaws).collect();
        let named = decoded.named.len();
        let accepted = accept_within(context, raw, &fields, decoded, room);
        decoded.named[named..].iter_mut().for_each(|of| of.place += rows.start);
        if accepted.is_none() {
            raw.iter_mut().for_each(|row| row.flaws = Flaws::default());
            before.into_iter().for_each(|(place, flaws)| raw[place].flaws = flaws);
        }
        decoded.held += accepted.map_or(0, |()| room.taken());
        accepted
    });
}

/// Nothing, and `decoded` is as it was, where there is no room.
fn accept_within(
    context: &DecodeContext<'_>,
    raw: &mut [RawRow],
    fields: &[ArrayRef],
    decoded: &mut Decoded,
    room: &mut Room,
) -> Option<()> {
    let source = context.source;
    let derived = derive(context, raw, fields, room)?;
    let times = times(context, raw, &derived);
    let batch = with_time(source, derived, &times);
    let fates = fates(context, raw, &batch);
    let keys = source.key.map(|key| texts(batch.column(key)));

    check_time(context, raw, &fates, &times);
    check_key(context, raw, &fates, keys.as_ref());
    let verdicts = verdicts(context, raw, &fates, &batch);
    let identifiers = carried(context, raw, &fates, &batch, room)?;
    let inputs = inputs(context, raw, &fates, &batch, room)?;
    let packed = context.packing.map(|packing| PackedRows::new(packing, source, &batch));
    if context.names_all {
        let named = named(context, raw, fields, (&fates, &times), &identifiers, room)?;
        decoded.named.extend(named);
    }

    let mut builder = BodyBuilder::default();
    // Most are accepted, and what a vector has beyond its length is held as long as it is.
    decoded.rows.reserve_exact(raw.len());
    for (place, row) in raw.iter_mut().enumerate() {
        if !row.flaws.reasons.is_empty() {
            continue;
        }
        let fate = fates[place];
        row.is_dropped = fate == RowFate::Dropped;
        decoded.dropped += u64::from(row.is_dropped);
        if fate == RowFate::Dropped && source.kind == Kind::Events {
            continue;
        }
        let time = times[place].expect("checked just now");
        let key = match &row.reading {
            RawReading::Tombstone { key } => message_key(context.chunk, key.as_ref()).ok(),
            _ => keys.as_ref().map(|keys| keys.value(place)),
        };
        let key = key.map(key_hash);
        let position = Position { part: context.chunk.part, offset: row.offset };
        // A null payload is dated by the broker: when it was sent, not when something happened.
        if source.has_event_times() && !matches!(row.reading, RawReading::Tombstone { .. }) {
            let which = key.map_or(Which::At(position), Which::Keyed);
            let (source, max_ahead) = (context.chunk.source, source.max_ahead);
            decoded.latest.add(Dated { time, source, max_ahead, which });
        }
        let body = (fate == RowFate::Stands).then(|| {
            let verdict = verdicts.as_ref().map_or(Verdict::Together, |all| all[place]);
            let joining = packed.as_ref().map(|packed| {
                Arc::new(packed.joining(place, context.chunk.source, (position, row.element), key))
            });
            identifiers.put(place, &mut builder);
            inputs.iter().for_each(|input| input.put(place, &mut builder));
            builder.build(verdict, joining, ThinVec::new())
        });
        decoded.held += (size_of::<Row>() + body.as_ref().map_or(0, Body::held)) as u64;
        let (source, arrived) = (context.chunk.source, row.arrived);
        let key = key.map(OwnKey::new);
        decoded.rows.push(Row { source, key, time, position, arrived, body });
    }
    Some(())
}

/// The fields and, behind them, the derived columns. Rows on which one fails get their reason.
fn derive(
    context: &DecodeContext<'_>,
    raw: &mut [RawRow],
    fields: &[ArrayRef],
    room: &mut Room,
) -> Option<RecordBatch> {
    let source = context.source;
    let (batch, failed) = derived(context, fields, raw.len(), room)?;
    for (column, ((name, expression), failures)) in source.derived.iter().zip(failed).enumerate() {
        let place = format!("sources.{}.derive.{name}", source.name);
        let column = fields.len() + column;
        set_aside(raw, failures, Some(column), &place, expression, |_| true);
    }
    Some(batch)
}

/// Each row's time, where it has one.
fn times(context: &DecodeContext<'_>, raw: &[RawRow], batch: &RecordBatch) -> Vec<Option<Micros>> {
    let column = context.source.time.map(|time| {
        let instant = DataType::Timestamp(TimeUnit::Microsecond, None);
        cast(batch.column(time), &instant).expect("a time is an instant")
    });
    let column = column.as_ref().map(|column| column.as_primitive::<TimestampMicrosecondType>());
    let broker = matches!(context.chunk.payload, Payload::Messages { .. });
    raw.iter()
        .enumerate()
        .map(|(place, row)| match column {
            _ if matches!(row.reading, RawReading::Tombstone { .. }) => row.timestamp,
            Some(column) => column.is_valid(place).then(|| column.value(place)),
            None if broker => row.timestamp,
            // The file's order, as an instant.
            None => {
                let place = Micros::from(context.chunk.part) << 32 | row.offset as Micros;
                // A stored row may be a message's.
                Some(row.timestamp.unwrap_or(place))
            }
        })
        .collect()
}

/// Which rows count. What means "gone" is gone, also where it would not count.
fn fates(context: &DecodeContext<'_>, raw: &mut [RawRow], batch: &RecordBatch) -> Vec<RowFate> {
    let source = context.source;
    let mut rows_where = |expression: &Option<Expression>, name: &str| {
        let expression = expression.as_ref()?;
        let (rows, failures) = matches(expression, batch);
        let place = format!("sources.{}.{name}", source.name);
        set_aside(raw, failures, None, &place, expression, |_| true);
        Some(rows)
    };
    let deleted = rows_where(&source.deleted, "deleted");
    let counting = rows_where(&source.condition, "where");
    let is = |rows: &Option<BooleanArray>, place: usize| rows.as_ref().map(|r| r.value(place));
    raw.iter()
        .enumerate()
        .map(|(place, row)| match row.reading {
            RawReading::Tombstone { .. } => RowFate::Gone,
            _ if is(&deleted, place) == Some(true) => RowFate::Gone,
            _ if row.is_bare || is(&counting, place) == Some(false) => RowFate::Dropped,
            _ => RowFate::Stands,
        })
        .collect()
}

/// What rows of the table of decisions say.
fn verdicts(
    context: &DecodeContext<'_>,
    raw: &mut [RawRow],
    fates: &[RowFate],
    batch: &RecordBatch,
) -> Option<Vec<Verdict>> {
    let counts: Vec<bool> = raw
        .iter()
        .zip(fates)
        .map(|(row, fate)| *fate == RowFate::Stands && row.reading == RawReading::Fields)
        .collect();
    let decisions = context.decisions()?;
    Some(decisions::verdicts(context.plan, decisions, batch, raw, |row| counts[row]))
}

/// The identifiers of the rows that stand.
fn carried(
    context: &DecodeContext<'_>,
    raw: &mut [RawRow],
    fates: &[RowFate],
    batch: &RecordBatch,
    room: &mut Room,
) -> Option<RowIdentifiers> {
    let source = context.source;
    let stands = fates.iter().map(|fate| *fate == RowFate::Stands).collect();
    let mut carried = RowIdentifiers::of_rows(stands);
    for (kind, column) in &source.identifiers {
        let failures =
            identifiers::add(context.plan, *kind, batch.column(*column), &mut carried, room)?;
        let of = &context.plan.identifiers[usize::from(*kind)];
        if let Some(normalize) = &of.normalize {
            let place = format!("identity.{}.normalize", of.name);
            set_aside(raw, failures, Some(*column), &place, normalize, |_| true);
        }
    }
    if let Some(decisions) = context.decisions() {
        let named = decisions::identifiers(context.plan, decisions, batch, &mut carried, room)?;
        for (kind, failures) in named {
            let of = &context.plan.identifiers[usize::from(kind)];
            if let Some(normalize) = &of.normalize {
                let place = format!("identity.{}.normalize", of.name);
                set_aside(raw, failures, None, &place, normalize, |_| true);
            }
        }
    }
    carried.sort_and_dedup();
    for (place, row) in raw.iter_mut().enumerate() {
        let stands = fates[place] == RowFate::Stands && row.reading == RawReading::Fields;
        if context.decisions().is_some() {
            if stands && carried.number(place) < 2 && row.flaws.reasons.is_empty() {
                let message = "a decision is about two identifiers that differ, each as type:value; a \
                               placeholder or what is ignored is none";
                row.flaws.add("unidentified", "", message);
            }
            continue;
        }
        let needed = source.kind == Kind::Events || !source.identifiers.is_empty();
        // An identifier may hide behind a value that is bad.
        let hidden = source.identifiers.iter().any(|(_, column)| excused(source, row, *column));
        if needed && stands && carried.number(place) == 0 && !hidden {
            let why = nothing_of(context.plan, source, batch, place);
            let message = format!("none of the row's columns gives an identifier{why}");
            row.flaws.add("unidentified", "", &message);
        }
    }
    Some(carried)
}

/// Why what stands in a row's columns of identifiers is none.
fn nothing_of(plan: &Plan, source: &Source, batch: &RecordBatch, row: usize) -> String {
    let placeholder = source.identifiers.iter().find_map(|(kind, column)| {
        let text = identifiers::placeholder(plan, *kind, batch.column(*column), row)?;
        Some((
            text,
            batch.schema_ref().field(*column).name(),
            &plan.identifiers[usize::from(*kind)].name,
        ))
    });
    if let Some((text, column, of)) = placeholder {
        let text = beginning(&text);
        return format!(
            ": '{text}' in {column} {IS_PLACEHOLDER}; '{of}' keeps it with `placeholders: keep`"
        );
    }
    let has_some = |(_, column): &(u8, usize)| batch.column(*column).is_valid(row);
    let ignored = source.identifiers.iter().any(has_some);
    if ignored { ": what they have is ignored".to_owned() } else { String::new() }
}

/// What rows that stand give to aggregates, by aggregate.
fn inputs(
    context: &DecodeContext<'_>,
    raw: &mut [RawRow],
    fates: &[RowFate],
    batch: &RecordBatch,
    room: &mut Room,
) -> Option<Vec<GivenColumn>> {
    let stands: BooleanArray = raw
        .iter()
        .zip(fates)
        .map(|(row, fate)| Some(*fate == RowFate::Stands && row.flaws.reasons.is_empty()))
        .collect();
    let mut given = Vec::with_capacity(context.source.inputs.len());
    for input in &context.source.inputs {
        let chosen = match &input.condition {
            None => stands.clone(),
            Some(condition) => {
                let (chosen, failures) = matches(condition, batch);
                set_aside(raw, failures, None, "attributes", condition, |place| {
                    stands.value(place)
                });
                arrow::compute::and(&chosen, &stands).expect("columns of one batch")
            }
        };
        if chosen.true_count() == 0 {
            continue;
        }
        let Some(argument) = &input.argument else {
            given.push(GivenColumn::rows(input.aggregate, chosen));
            continue;
        };
        let (column, failures) = evaluate_where(argument, batch, &chosen, room)?;
        given.push(GivenColumn::values(input.aggregate, &column, &chosen));
        set_aside(raw, failures, None, "attributes", argument, |_| true);
    }
    given.sort_by_key(|column| column.aggregate);
    Some(given)
}

/// Gives rows on which an expression failed their reason, those that it concerns.
fn set_aside(
    raw: &mut [RawRow],
    failures: Failures,
    column: Option<usize>,
    place: &str,
    expression: &Expression,
    concerns: impl Fn(usize) -> bool,
) {
    for (row, why) in failures {
        if concerns(row) && raw[row].reading == RawReading::Fields {
            let flaws = &mut raw[row].flaws;
            flaws.add("expression", place, format!("`{}`: {why}", expression.text));
            flaws.columns.extend(column);
        }
    }
}
