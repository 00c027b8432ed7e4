//! What is legal in a definition but hardly meant: each with its place and what would be right.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_common::{DFSchema, ScalarValue};
use datafusion_expr::Expr;

use super::diagnostic::Diagnostic;
use super::plan::{Attribute, Plan, Publish, Source, Step};
use super::ranges::{Never, Ranges};
use super::read::{Context, Object, SqlText, sql};
use super::yaml::{Key, Node, Value};
use super::{fields, read, yaml};

/// Identifiers of these kinds are shared in real data, and so would make many people one.
const SHARED: [&str; 11] = [
    "email",
    "mail",
    "phone",
    "mobile",
    "telephone",
    "tel",
    "msisdn",
    "device",
    "cookie",
    "ip",
    "household",
];
/// Of these a person has one, as a rule.
const OWN: [&str; 8] =
    ["customer", "client", "user", "account", "member", "person", "contact", "subscriber"];

/// Of a definition that has been found well.
pub fn warnings(document: &yaml::Node, plan: &Plan) -> Vec<Diagnostic> {
    let mut context = Context::new(Vec::new(), super::sql::Dialect::new(&plan.time_zone));
    let Some(file) = Object::read(&mut context, "the definition", document, fields::DEFINITION)
    else {
        return Vec::new();
    };
    let mut nulls = Vec::new();
    for (key, node) in file.map(&mut context, "sources") {
        let of = plan.sources.iter().find(|source| source.name == key.name);
        if let Some(of) = of {
            nulls.push((key.name.as_str(), source(&mut context, of, key, node)));
        }
    }
    let nulls: BTreeMap<&str, Nulls> = nulls.into_iter().collect();
    for (kind, identifier) in plan.identifiers.iter().enumerate() {
        let entries = file.map(&mut context, "identity");
        if let Some((key, _)) = entries.iter().find(|(key, _)| key.name == identifier.name) {
            unguarded(&mut context, plan, kind, key);
        }
    }
    let mut ranges = Ranges::default();
    for (key, node) in file.map(&mut context, "attributes") {
        if let Some(of) = plan.attributes.iter().find(|of| of.name == key.name) {
            unused(&mut context, plan, of, key);
        }
        attribute(&mut context, plan, &nulls, key, node, &mut ranges);
    }
    segments(&mut context, plan, &file, &ranges);
    context.found
}

/// Columns that are null in every row.
type Nulls = BTreeSet<String>;

/// The expression once columns are replaced and what is constant is worked out.
fn simplified(
    context: &Context,
    text: &SqlText,
    schema: &Schema,
    replace: impl Fn(&str) -> Option<Expr>,
) -> Option<Expr> {
    let planned = context.dialect.plan(&text.text, schema).ok()?;
    let replaced = planned.transform_up(|part| {
        let replacement = match &part {
            Expr::Column(column) => replace(&column.name),
            _ => None,
        };
        Ok(replacement.map_or_else(|| Transformed::no(part), Transformed::yes))
    });
    simple(context, replaced.ok()?.data, schema)
}

fn simple(context: &Context, expression: Expr, schema: &Schema) -> Option<Expr> {
    let schema = Arc::new(DFSchema::try_from(schema.clone()).ok()?);
    let simplifier = context.dialect.simplifier(&schema);
    simplifier.simplify(simplifier.coerce(expression, &schema).ok()?).ok()
}

fn null() -> Expr {
    Expr::Literal(ScalarValue::Null, None)
}

fn source(context: &mut Context, source: &Source, key: &Key, node: &Node) -> Nulls {
    let what = format!("source '{}'", key.name);
    let mut nulls = Nulls::new();
    let Some(object) = Object::read(context, what, node, fields::SOURCE) else { return nulls };
    for (key, node) in object.map(context, "derive") {
        let text = sql(context, format!("derived column '{}'", key.name), node);
        let is_null = |name: &str| nulls.contains(name).then(null);
        let derived = text.and_then(|text| simplified(context, &text, &source.schema, is_null));
        if let Some(Expr::Literal(value, _)) = derived
            && value.is_null()
        {
            nulls.insert(key.name.clone());
        }
    }
    if let Some(text) = object.sql(context, "where") {
        looks_at_nulls(context, &text, &source.schema, &nulls);
    }
    nulls
}

/// Notes a condition that looks at a column which is always null, or lets no row pass.
fn looks_at_nulls(context: &mut Context, text: &SqlText, schema: &Schema, nulls: &Nulls) {
    let Ok(planned) = context.dialect.plan(&text.text, schema) else { return };
    let mut used: Vec<String> =
        planned.column_refs().iter().map(|column| column.name.clone()).collect();
    used.sort_unstable();
    if let Some(column) = used.iter().find(|column| nulls.contains(*column)) {
        let message = format!(
            "in {}: '{column}' is null in every row, as it is derived: derive it from a field, or \
             leave it out here",
            text.what
        );
        context.complain(text.place_of(column), message);
        return;
    }
    let simple = simple(context, planned, schema);
    if simple.is_some_and(|simple| Ranges::default().suppose(&simple).is_err()) {
        context.complain(text.place, format!("in {}: no row ever passes it", text.what));
    }
}

/// Notes an identifier type whose values tie strangers together where nothing guards it.
fn unguarded(context: &mut Context, plan: &Plan, kind: usize, key: &Key) {
    let of = &plan.identifiers[kind];
    if of.at_most.is_some() || of.shared_after.is_some() {
        return;
    }
    let name = of.name.to_lowercase();
    let mut words = name.split(|character: char| !character.is_alphanumeric());
    let message = if kind == 0 {
        let own = words.any(|word| OWN.contains(&word) || SHARED.contains(&word));
        own.then_some(
            "a row that names two by mistake would make two people one: add at_most: 1, and no \
             person ever has two",
        )
    } else {
        words.any(|word| SHARED.contains(&word)).then_some(
            "a value that many people share would make them one person: add shared_after: 5, and \
             one that is tied to more than 5 of a more trusted type links nobody",
        )
    };
    if let Some(message) = message {
        context.complain(key.place, format!("identifier type '{}': {message}", of.name));
    }
}

/// Notes an attribute that nobody uses.
fn unused(context: &mut Context, plan: &Plan, attribute: &Attribute, key: &Key) {
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
    context: &mut Context,
    plan: &Plan,
    nulls: &BTreeMap<&str, Nulls>,
    key: &Key,
    node: &Node,
    ranges: &mut Ranges,
) {
    let what = format!("attribute '{}'", key.name);
    let Value::Mapping(_) = &node.value else { return };
    let Some(object) = Object::read(context, what, node, fields::ATTRIBUTE) else { return };
    let Some(from) = object.texts(context, "from") else { return };
    let sources: Vec<&Source> = from
        .iter()
        .filter_map(|(name, _)| plan.sources.iter().find(|source| source.name == *name))
        .collect();
    let Some(first) = sources.first() else { return };
    let of = |name: &str| nulls.get(name).cloned().unwrap_or_default();
    let all = sources.iter().map(|source| of(&source.name));
    let nulls = all.reduce(|one, other| &one & &other).unwrap_or_default();
    if let Some(text) = object.sql(context, "where") {
        looks_at_nulls(context, &text, &first.schema, &nulls);
    }
    let Some(text) = object.sql(context, "select") else { return };
    let Ok(planned) = context.dialect.plan(&text.text, &first.schema) else { return };
    if matches!(&planned, Expr::AggregateFunction(function) if function.func.name() == "count") {
        ranges.is_count(&key.name);
    }
    let mut filtered = BTreeSet::new();
    let walked = planned.apply(|part| {
        if let Expr::AggregateFunction(function) = part
            && let Some(filter) = &function.params.filter
        {
            filtered.extend(filter.column_refs().into_iter().map(|column| column.name.clone()));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    debug_assert!(walked.is_ok());
    if let Some(column) = filtered.iter().find(|column| nulls.contains(*column)) {
        let message = format!(
            "in {}: its filter looks at '{column}', which is null in every row, as it is derived",
            text.what
        );
        context.complain(text.place_of(column), message);
    }
}

/// Notes segments that nobody can ever be in.
fn segments(context: &mut Context, plan: &Plan, file: &Object<'_>, ranges: &Ranges) {
    let mut conditions: BTreeMap<String, Expr> = BTreeMap::new();
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
            Value::Mapping(_) => Object::read(context, what, node, fields::SEGMENT)
                .and_then(|object| object.sql(context, "where")),
            _ => read::sql(context, what, node),
        };
        let Some(text) = text else { continue };
        let replace = |name: &str| conditions.get(name).cloned();
        let Some(simple) = simplified(context, &text, &plan.profile_schema, replace) else {
            continue;
        };
        match ranges.clone().suppose(&simple) {
            Ok(()) => {}
            Err(Never::Constant) => {
                let message = format!("in {}: it is never true, so nobody is in it", text.what);
                context.complain(text.place, message);
            }
            Err(Never::Contradiction(value)) => {
                let message = format!(
                    "in {}: it is never true, so nobody is in it: no value of {value} meets all \
                     that it asks",
                    text.what
                );
                context.complain(text.place_of(&value), message);
            }
        }
        conditions.insert(segment.name.clone(), simple);
    }
}
