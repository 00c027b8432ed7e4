//! Constant folding: what is known of rows and people whatever comes, such as columns that are null in every row, attributes
//! that are the same for everybody, and the bounds between which others lie.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{DFSchema, ScalarValue};
use datafusion_expr::expr::AggregateFunction;
use datafusion_expr::{Expr, lit};

use super::satisfiability::{Constraint, Supposed};
use crate::definition::read::from_rows::columns;
use crate::definition::read::object::SqlText;
use crate::definition::read::sessions;
use crate::definition::sql::Dialect;
use crate::definition::sql::aggregate::has_aggregate;
use crate::plan::{Attribute, Source};

/// The rows of one or several sources.
pub struct KnownRows {
    pub schema: SchemaRef,
    pub supposed: Supposed,
    /// Columns that are null in every row.
    pub nulls: BTreeSet<String>,
    /// Whether no row ever counts.
    pub is_empty: bool,
}

impl KnownRows {
    /// Those that attributes from these sources are about, by their indexes.
    pub fn of(dialect: &Dialect, sources: &[Source], from: &[usize]) -> Self {
        let schema = columns(dialect, sources, from);
        let mut supposed = Supposed::new(df_schema(&schema));
        let has_sessions = schema.fields().len() > sources[from[0]].columns().fields().len();
        for (name, least) in sessions::LEAST.into_iter().filter(|_| has_sessions) {
            supposed.within(name, least, None);
        }
        KnownRows { schema, supposed, nulls: BTreeSet::new(), is_empty: false }
    }

    /// An expression with what is null in every row put in, worked out as far as it can be.
    pub fn simplified(&self, dialect: &Dialect, expression: Expr) -> Option<Expr> {
        let is_null = |name: &str| self.nulls.contains(name).then(null);
        simplified(dialect, expression, &self.schema, is_null)
    }

    /// Whether no row is ever as it is asked.
    pub fn never(
        &self,
        dialect: &Dialect,
        expression: Expr,
        asked: fn(Expr) -> Constraint,
    ) -> bool {
        let simple = self.simplified(dialect, expression);
        simple.is_some_and(|simple| self.supposed.clone().require(vec![asked(simple)]).is_err())
    }
}

/// What is known of people.
pub struct KnownPeople {
    pub supposed: Supposed,
    /// What stands for attributes and segments: a constant, or a condition.
    pub instead: BTreeMap<String, Expr>,
}

impl KnownPeople {
    pub fn new(schema: &SchemaRef) -> Self {
        KnownPeople { supposed: Supposed::new(df_schema(schema)), instead: BTreeMap::new() }
    }

    /// An expression over people, worked out as far as it can be.
    pub fn simplified(&self, dialect: &Dialect, text: &SqlText, schema: &Schema) -> Option<Expr> {
        let planned = dialect.plan(&text.text, schema).ok()?;
        simplified(dialect, planned, schema, |name| self.instead.get(name).cloned())
    }

    /// An attribute or segment that a text looks at and that is the same for everybody, and what it is.
    pub fn constant_in(
        &self,
        dialect: &Dialect,
        text: &SqlText,
        schema: &Schema,
    ) -> Option<(&str, String)> {
        let planned = dialect.plan(&text.text, schema).ok()?;
        let used = planned.column_refs();
        self.instead.iter().find_map(|(name, instead)| match instead {
            Expr::Literal(value, _) if used.iter().any(|column| column.name == *name) => {
                let value = if value.is_null() { "null".to_owned() } else { value.to_string() };
                Some((name.as_str(), value))
            }
            _ => None,
        })
    }

    /// Takes in what gives an attribute, if that is a constant.
    pub fn is_constant(&mut self, of: &Attribute, expression: Option<Expr>) {
        if let Some(Expr::Literal(value, _)) = expression
            && let Ok(value) = value.cast_to(&of.data_type)
        {
            self.instead.insert(of.name.clone(), Expr::Literal(value, None));
        }
    }
}

/// An expression over aggregates with those put in that are over no rows, or over nulls alone; `None` if
/// there are others.
pub fn of_no_rows(dialect: &Dialect, rows: &KnownRows, planned: Expr) -> Option<Expr> {
    let over_none = |AggregateFunction { params, .. }: &AggregateFunction| {
        let filter = params.filter.as_deref().cloned();
        let of_nulls = |argument: &Expr| rows.never(dialect, argument.clone(), Constraint::NotNull);
        rows.is_empty
            || filter.is_some_and(|filter| rows.never(dialect, filter, Constraint::True))
            || params.args.first().is_some_and(of_nulls)
    };
    let replaced = planned.transform_up(|part| {
        Ok(match &part {
            Expr::AggregateFunction(function) if over_none(function) => {
                let is_count = function.func.name() == "count";
                Transformed::yes(if is_count { lit(0i64) } else { null() })
            }
            _ => Transformed::no(part),
        })
    });
    let replaced = replaced.ok()?.data;
    if has_aggregate(&replaced) { None } else { rows.simplified(dialect, replaced) }
}

/// The expression once columns are replaced and what is constant is worked out.
pub fn simplified(
    dialect: &Dialect,
    expression: Expr,
    schema: &Schema,
    replace: impl Fn(&str) -> Option<Expr>,
) -> Option<Expr> {
    let replaced = expression.transform_up(|part| {
        let replacement = match &part {
            Expr::Column(column) => replace(&column.name),
            _ => None,
        };
        Ok(replacement.map_or_else(|| Transformed::no(part), Transformed::yes))
    });
    let schema = Arc::new(df_schema(schema));
    dialect.folded(replaced.ok()?.data, &schema).ok()
}

fn df_schema(schema: &Schema) -> DFSchema {
    DFSchema::try_from(schema.clone()).expect("its names differ")
}

fn null() -> Expr {
    Expr::Literal(ScalarValue::Null, None)
}
