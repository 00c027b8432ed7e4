//! What is legal in a definition but hardly meant: each with its place and what would be right.

pub mod constant_folding;
pub mod difference_bounds;
pub mod endings;
pub mod ignored;
pub mod missing_guards;
pub mod operators;
pub mod satisfiability;
pub mod sum;
pub mod texts;

use std::collections::BTreeSet;

use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_expr::Expr;

use super::file::diagnostic::Diagnostic;
use super::file::fields;
use super::file::yaml::{self, YamlKey, YamlNode, YamlValue};
use super::lint::constant_folding::{KnownPeople, KnownRows, of_no_rows, simplified};
use super::lint::missing_guards::missing_guards;
use super::lint::satisfiability::{Constraint, Never};
use super::read::object::{Object, ReadContext, SqlText, sql};
use super::read::{funnel, rfm};
use super::sql::{habits, ranks};
use crate::plan::{Attribute, Kind, Plan, Publish, Source, Step};

/// How many parts a condition may have that stands in the place of its segment: the time in which one is simplified
/// grows with the square of them.
const MOST_PARTS: usize = 200;

/// The warnings about a definition in which nothing is wrong.
pub fn warnings(document: &yaml::YamlNode, plan: &Plan) -> Vec<Diagnostic> {
    let dialect = super::sql::Dialect::new(&plan.time_zone).with_limits(plan.limits);
    let mut context = ReadContext::new(Vec::new(), dialect);
    let Some(file) = Object::read(&mut context, "the definition", document, fields::DEFINITION)
    else {
        return Vec::new();
    };
    let mut rows = Vec::new();
    for source in &plan.sources {
        let entries = file.map(&mut context, "sources");
        let entry = entries.iter().find(|(key, _)| key.name == source.name);
        if let Some((key, _)) = entry {
            idle(&mut context, plan, source, key);
        }
        rows.push(match entry {
            Some((key, node)) => self::source(&mut context, source, key, node),
            None => KnownRows::of(&context.dialect, std::slice::from_ref(source), &[0]),
        });
    }
    for (kind, identifier) in plan.identifiers.iter().enumerate() {
        let entries = file.map(&mut context, "identity");
        if let Some((key, node)) = entries.iter().find(|(key, _)| key.name == identifier.name) {
            missing_guards(&mut context, plan, kind, key);
            let what = format!("identifier type '{}'", key.name);
            if let Some(object) = Object::read(&mut context, what, node, fields::IDENTIFIER) {
                ignored::classes(&mut context, &object);
            }
        }
    }
    let mut people = KnownPeople::new(&plan.profile_schema);
    limits(&context, plan, &mut people);
    // Each after those that it looks at.
    let mut attributes: Vec<&Attribute> = plan.attributes.iter().collect();
    attributes.sort_by_key(|attribute| attribute.column);
    for of in attributes {
        let entries = file.map(&mut context, "attributes");
        if let Some((key, node)) = entries.iter().find(|(key, _)| key.name == of.name) {
            unused(&mut context, plan, of, key);
            attribute(&mut context, plan, &rows, of, node, &mut people);
        }
    }
    segments(&mut context, plan, &file, &mut people);
    outputs(&mut context, plan, &file, &people);
    context.found
}

/// Takes in how many identifiers of a type a person has at most.
fn limits(context: &ReadContext, plan: &Plan, people: &mut KnownPeople) {
    for of in &plan.identifiers {
        let Some(most) = of.at_most.into_iter().chain(plan.at_most).min() else { continue };
        for function in ["cardinality", "array_length"] {
            let number = format!("{function}(identifiers['{}'])", of.name.replace('\'', "''"));
            let schema = &plan.profile_schema;
            let planned = context.dialect.plan(&number, schema).ok();
            let simple = planned.and_then(|it| simplified(&context.dialect, it, schema, |_| None));
            if let Some(number) = simple {
                people.supposed.lies_within(number, 0, Some(most.into()));
            }
        }
    }
}

fn source(context: &mut ReadContext, source: &Source, key: &YamlKey, node: &YamlNode) -> KnownRows {
    let mut rows = KnownRows::of(&context.dialect, std::slice::from_ref(source), &[0]);
    let what = format!("source '{}'", key.name);
    let Some(object) = Object::read(context, what, node, fields::SOURCE) else { return rows };
    for (key, node) in object.map(context, "derive") {
        let text = sql(context, format!("derived column '{}'", key.name), node);
        if let Some(text) = &text {
            hardly_meant(context, text);
        }
        let planned = text.and_then(|text| context.dialect.plan(&text.text, &rows.schema).ok());
        if planned.is_some_and(|it| rows.never(&context.dialect, it, Constraint::NotNull)) {
            rows.nulls.insert(key.name.clone());
        }
    }
    if let Some(text) = object.sql(context, "where") {
        rows.is_empty = no_row_passes(context, &text, &rows);
    }
    rows
}

/// Notes what is compared with null, and whether there is such, and the wildcards of file names.
fn hardly_meant(context: &mut ReadContext, text: &SqlText) -> bool {
    for ((line, column), meant) in habits::with_stars(&text.text) {
        let message = format!(
            "in {}: to 'like' a '*' is a star, and '%' stands for any text: '{meant}' is meant",
            text.what
        );
        context.complain(text.place_at(line, column), message);
    }
    let all = habits::compared_with_null(&text.text);
    for ((line, column), meant) in &all {
        let message = format!(
            "in {}: what is compared with null is null, whatever it is, and so never true: '{meant}' is meant",
            text.what
        );
        context.complain(text.place_at(*line, *column), message);
    }
    !all.is_empty()
}

/// Whether a condition lets no row pass. Notes that, or that it looks at a column which is always null.
fn no_row_passes(context: &mut ReadContext, text: &SqlText, rows: &KnownRows) -> bool {
    let Ok(planned) = context.dialect.plan(&text.text, &rows.schema) else { return false };
    let never = rows.never(&context.dialect, planned.clone(), Constraint::True);
    if hardly_meant(context, text) {
        return never;
    }
    if let Some(column) = null_in(&planned, rows) {
        let message = format!(
            "in {}: '{column}' is null in every row, as it is derived: derive it from a field, or \
             leave it out here",
            text.what
        );
        context.complain(text.place_of(&column), message);
    } else if never {
        context.complain(text.place, format!("in {}: no row ever passes it", text.what));
    }
    never
}

/// A column that an expression looks at and that is always null.
fn null_in(expression: &Expr, rows: &KnownRows) -> Option<String> {
    let used = expression.column_refs();
    let used: BTreeSet<&str> = used.iter().map(|column| column.name.as_str()).collect();
    rows.nulls.iter().find(|column| used.contains(column.as_str())).cloned()
}

/// Notes records from which nothing follows.
fn idle(context: &mut ReadContext, plan: &Plan, source: &Source, key: &YamlKey) {
    let is_it = |index: usize| plan.sources[index].name == source.name;
    let is_joined = plan.sources.iter().any(|of| {
        let tables = of.joined.iter().flat_map(|joined| &joined.tables);
        { tables }.any(|table| is_it(table.source))
    });
    let is_decisions = plan.decisions.as_ref().is_some_and(|of| is_it(of.source));
    if source.kind == Kind::Records && source.identifiers.is_empty() && !is_joined && !is_decisions
    {
        let message = format!(
            "source '{}': nothing follows from its records, since no identifier is taken from it and nothing looks at \
             its columns by 'join': name one of its columns in 'identity', join it with a source whose rows refer to \
             it, or leave it out",
            source.name
        );
        context.complain(key.place, message);
    }
}

/// Notes an attribute that nobody uses.
fn unused(context: &mut ReadContext, plan: &Plan, attribute: &Attribute, key: &YamlKey) {
    let index = plan.attributes.iter().position(|of| of.name == attribute.name);
    let published = plan.outputs.iter().any(|output| {
        let profiles = output.publish == Publish::Profiles;
        let condition = output.condition.as_ref();
        profiles && index.is_some_and(|index| output.attributes.contains(&index))
            || condition.is_some_and(|condition| condition.uses(attribute.column))
    });
    let used = plan.steps.iter().any(|step| match step {
        Step::Derived(expression) => expression.uses(attribute.column),
        Step::Aggregates(_) => false,
        Step::Rank(rank) => plan.ranks[*rank].expression.uses(attribute.column),
    });
    if !published && !used {
        let message = format!(
            "attribute '{}': no output publishes it and nothing looks at it: name it in \
             'attributes' of an output, or leave it out",
            attribute.name
        );
        context.complain(key.place, message);
    }
}

fn attribute(
    context: &mut ReadContext,
    plan: &Plan,
    sources: &[KnownRows],
    of: &Attribute,
    node: &YamlNode,
    people: &mut KnownPeople,
) {
    let what = format!("attribute '{}'", of.name);
    let Some(object) = Object::read(context, what, node, fields::ATTRIBUTE) else { return };
    if let Some(node) = object.get("rfm")
        && let Some(object) = Object::read(context, "'rfm'", node, fields::RFM)
        && let Some(bins) = rfm::bins(context, &object)
    {
        rfm::names(&of.name)
            .iter()
            .for_each(|name| people.supposed.within(name, 1, Some(bins.into())));
    }
    if let Some(text) = object.sql(context, "sql") {
        hardly_meant(context, &text);
        let planned = context.dialect.plan(&text.text, &plan.profile_schema);
        match planned.ok().as_ref().and_then(ranks::bins) {
            Some(bins) => people.supposed.within(&of.name, 1, Some(bins.into())),
            None => {
                let simple = people.simplified(&context.dialect, &text, &plan.profile_schema);
                people.is_constant(of, simple);
            }
        }
    }
    let from = object.texts(context, "from").unwrap_or_default();
    let position = |name: &str| plan.sources.iter().position(|source| source.name == name);
    let mut from: Vec<usize> = from.iter().filter_map(|(name, _)| position(name)).collect();
    from.sort_unstable();
    if from.is_empty() {
        return;
    }
    let mut rows = KnownRows::of(&context.dialect, &plan.sources, &from);
    rows.is_empty = from.iter().all(|source| sources[*source].is_empty);
    let nulls = from.iter().map(|source| sources[*source].nulls.clone());
    rows.nulls = nulls.reduce(|one, other| &one & &other).unwrap_or_default();
    if let Some(text) = object.sql(context, "where") {
        rows.is_empty |= no_row_passes(context, &text, &rows);
    }
    if object.get("funnel").is_some() {
        let steps = funnel::steps(context, &object).unwrap_or_default();
        let passes = |text: &SqlText| !no_row_passes(context, text, &rows);
        let passed: Vec<bool> = steps.iter().map(passes).collect();
        let reached = passed.iter().take_while(|passed| **passed && !rows.is_empty).count();
        people.supposed.within(&of.name, 0, Some(reached as i64));
    }
    if let Some(text) = object.sql(context, "select") {
        select(context, &text, &rows, of, people);
    }
}

/// Notes filters that no row passes, and takes in what is known of what is selected.
fn select(
    context: &mut ReadContext,
    text: &SqlText,
    rows: &KnownRows,
    of: &Attribute,
    people: &mut KnownPeople,
) {
    let Ok(planned) = context.dialect.plan(&text.text, &rows.schema) else { return };
    let is_told = hardly_meant(context, text);
    let mut filters = Vec::new();
    let walked = planned.apply(|part| {
        if let Expr::AggregateFunction(function) = part {
            filters.extend(function.params.filter.as_deref().cloned());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    debug_assert!(walked.is_ok());
    for filter in filters {
        if let Some(column) = null_in(&filter, rows) {
            let message = format!(
                "in {}: its filter looks at '{column}', which is null in every row, as it is derived",
                text.what
            );
            context.complain(text.place_of(&column), message);
        } else if !is_told && rows.never(&context.dialect, filter, Constraint::True) {
            context
                .complain(text.place, format!("in {}: no row ever passes its filter", text.what));
        }
    }
    if matches!(&planned, Expr::AggregateFunction(function) if function.func.name() == "count") {
        people.supposed.within(&of.name, 0, None);
        people.supposed.never_null(&of.name);
    }
    let constant = of_no_rows(&context.dialect, rows, planned);
    people.is_constant(of, constant);
}

/// Notes segments that nobody can ever be in.
fn segments(context: &mut ReadContext, plan: &Plan, file: &Object<'_>, people: &mut KnownPeople) {
    let entries = file.map(context, "segments");
    let mut segments: Vec<_> = plan.segments.iter().collect();
    // Each after those that it looks at.
    segments.sort_by_key(|segment| segment.column);
    for segment in segments {
        let Some((_, node)) = entries.iter().find(|(key, _)| key.name == segment.name) else {
            continue;
        };
        let what = format!("segment '{}'", segment.name);
        let text = match &node.value {
            YamlValue::Mapping(_) => Object::read(context, what, node, fields::SEGMENT)
                .and_then(|object| object.sql(context, "where")),
            _ => sql(context, what, node),
        };
        if let Some(text) = text
            && let Some(condition) = nobody(context, plan, &text, people)
            && is_short(&condition)
        {
            people.instead.insert(segment.name.clone(), condition);
        }
    }
}

/// Whether a condition may stand in the place of its segment: those that build on one another would
/// double with each.
fn is_short(condition: &Expr) -> bool {
    let mut parts = 0;
    let walked = condition.apply(|_| {
        parts += 1;
        Ok(match parts > MOST_PARTS {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    });
    walked.is_ok() && parts <= MOST_PARTS
}

/// Notes outputs that nobody can ever be in, and files that are called otherwise than they are written.
fn outputs(context: &mut ReadContext, plan: &Plan, file: &Object<'_>, people: &KnownPeople) {
    for (key, node) in file.map(context, "outputs") {
        let output = plan.outputs.iter().find(|output| output.name == key.name);
        if let Some(message) = output.and_then(endings::told) {
            context.complain(key.place, message);
        }
        let what = format!("output '{}'", key.name);
        let object = Object::read(context, what, node, fields::OUTPUT);
        if let Some(text) = object.and_then(|object| object.sql(context, "where")) {
            nobody(context, plan, &text, people);
        }
    }
}

/// Notes a condition that nobody ever meets; returns it simplified.
fn nobody(
    context: &mut ReadContext,
    plan: &Plan,
    text: &SqlText,
    people: &KnownPeople,
) -> Option<Expr> {
    let condition = people.simplified(&context.dialect, text, &plan.profile_schema)?;
    let asked = vec![Constraint::True(condition.clone())];
    let is_told = hardly_meant(context, text);
    if !is_told && let Err(never) = people.supposed.clone().require(asked) {
        let (place, why) = match never {
            Never::Constant => {
                let schema = &plan.profile_schema;
                match people.constant_in(&context.dialect, text, schema) {
                    Some((name, value)) => {
                        (text.place_of(name), format!(": '{name}' is {value} for everybody"))
                    }
                    None => (text.place, String::new()),
                }
            }
            Never::Contradiction(values) => {
                let places = values.iter().map(|value| text.place_of(value));
                let place = places.clone().find(|place| *place != text.place);
                let values = match values.as_slice() {
                    [value] => format!("no value of {value} meets"),
                    values => format!("no values of {} meet", values.join(" and ")),
                };
                (place.unwrap_or(text.place), format!(": {values} all that it asks"))
            }
        };
        let message = format!("in {}: it is never true, so nobody is in it{why}", text.what);
        context.complain(place, message);
    }
    Some(condition)
}
