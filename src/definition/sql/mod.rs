//! SQL expressions of the definition file, planned by DataFusion and evaluated by column.
//!
//! What is ours: names are matched as written; timestamps are microseconds in the definition's time
//! zone, literals too; a day in an interval is 24 hours; `now()` is a column, so that nothing folds
//! it into a constant.

pub mod aggregate;
pub mod arithmetic;
mod by_key;
pub mod calendar;
pub mod call;
pub mod coercion;
pub mod compile;
pub mod cost;
pub mod decimals;
pub mod describe;
pub mod direct;
pub mod elsewhere;
mod functions;
pub mod habits;
pub mod instant;
pub mod limits;
pub mod mistake;
pub mod names;
pub mod node;
mod pair;
pub mod parse;
mod pattern;
pub mod predicate_terms;
pub mod provider;
pub mod ranks;
mod syntax;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion_common::config::ConfigOptions;
use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_common::{Column, DFSchema, DataFusionError};
use datafusion_expr::expr::Cast;
use datafusion_expr::planner::ExprPlanner;
use datafusion_expr::{AggregateUDF, Expr, ExprSchemable, ScalarUDF};
use datafusion_sql::planner::{ParserOptions, PlannerContext, SqlToRel};
use datafusion_sql::sqlparser::dialect::GenericDialect;
use datafusion_sql::sqlparser::tokenizer::{Token, Tokenizer};

use super::file::diagnostic::nearest;
use crate::aggregate::{map_of, parts_of_pair};
use crate::plan::{Expression, Limits};
use crate::time::zone::Zone;
use elsewhere::said_here;
use mistake::position_of;
use ranks::NTILE;

pub use mistake::SqlError;
pub use names::{NOW, QUALIFIED};

/// What differs between two evaluations of the same row has no place in a definition.
const VOLATILE: [(&str, &str); 5] = [
    ("random", "it would give another answer each time"),
    ("uuid", "it would give another answer each time"),
    ("current_date", "the only clock is now(), in segments, and the day is cast(now() as date)"),
    ("current_time", "the only clock is now(), in segments"),
    ("today", "the only clock is now(), in segments, and the day is cast(now() as date)"),
];

/// What is not of a row, or of a type that no column has.
const OF_NO_ROW: [&str; 8] = [
    "arrow_field",
    "arrow_metadata",
    "file_row_index",
    "input_file_name",
    "union_extract",
    "union_tag",
    "version",
    "with_metadata",
];

/// The dialect of one definition.
pub struct Dialect {
    pub functions: HashMap<String, Arc<ScalarUDF>>,
    pub aggregates: HashMap<String, Arc<AggregateUDF>>,
    pub planners: Vec<Arc<dyn ExprPlanner>>,
    pub options: ConfigOptions,
    pub limits: Limits,
    zone: &'static Zone,
}

impl Dialect {
    pub fn new(time_zone: &str) -> Self {
        let zone = Zone::named(time_zone).expect("the definition's is checked");
        let volatile = |name: &str| VOLATILE.iter().any(|(known, _)| *known == name);
        let mut functions = HashMap::new();
        let all = datafusion_functions::all_default_functions()
            .into_iter()
            .chain(datafusion_functions_nested::all_default_nested_functions());
        let has_place = |name: &str| !volatile(name) && !OF_NO_ROW.contains(&name);
        for function in all.filter(|function| has_place(function.name())) {
            for alias in function.aliases().iter().filter(|alias| !volatile(alias)) {
                functions.insert(alias.clone(), Arc::clone(&function));
            }
            functions.insert(function.name().to_owned(), function);
        }
        functions.insert(NTILE.to_owned(), ranks::function());
        calendar::replace(&mut functions, zone);
        functions::add(&mut functions);
        for pair in [pair::BY, pair::WEIGHTED] {
            functions.insert(pair.to_owned(), pair::function(pair));
        }
        let planners: Vec<Arc<dyn ExprPlanner>> = vec![
            Arc::new(aggregate::Subscripts),
            Arc::new(datafusion_functions::core::planner::CoreFunctionPlanner::default()),
            Arc::new(datafusion_functions_nested::planner::NestedFunctionPlanner),
            Arc::new(datafusion_functions_nested::planner::FieldAccessPlanner),
            Arc::new(calendar::Extract(Arc::clone(&functions["date_part"]))),
            Arc::new(datafusion_functions::unicode::planner::UnicodeFunctionPlanner),
        ];
        let mut options = ConfigOptions::default();
        options.execution.time_zone = Some(time_zone.to_string());
        Dialect {
            functions,
            aggregates: aggregate::functions(),
            planners,
            options,
            limits: Limits::default(),
            zone,
        }
    }

    pub fn with_limits(self, limits: Limits) -> Self {
        Dialect { limits, ..self }
    }

    /// The names of the scalar functions, sorted, and what each is about.
    pub fn scalar_functions(&self) -> Vec<(&str, &'static str)> {
        let named = self.functions.iter().filter(|(name, function)| {
            // It is written as an operator.
            let is_written = *name != calendar::AT_TIME_ZONE && !name.starts_with('#');
            *name == function.name() && is_written
        });
        let about = named.map(|(name, function)| {
            let section = function.documentation().map(|about| about.doc_section.label);
            (name.as_str(), section.unwrap_or("Other Functions"))
        });
        let mut functions: Vec<_> = about.collect();
        functions.sort_unstable();
        functions
    }

    /// Parses a text to an expression over a schema. Aggregates are left in it, `now()` is a column.
    pub fn plan(&self, text: &str, schema: &Schema) -> Result<Expr, SqlError> {
        let df_schema = DFSchema::try_from(schema.clone())?;
        let expression = self.rewrite(self.parse(text, schema)?)?;
        let expression =
            expression.transform_up(|part| calendar::multiplied(part, &df_schema, self.zone))?.data;
        coercion::coerced(expression, &df_schema, &self.timestamp())
    }

    /// As SQL has it, before anything of ours is done to it.
    pub fn parse(&self, text: &str, schema: &Schema) -> Result<Expr, SqlError> {
        let mut parsed = parse::parse(text, schema)?;
        calendar::name_zones(&mut parsed);
        syntax::meant(&mut parsed);
        let options = ParserOptions {
            parse_float_as_decimal: true,
            enable_ident_normalization: false,
            map_string_types_to_utf8view: false,
            ..ParserOptions::new()
        };
        let df_schema = DFSchema::try_from(schema.clone())?;
        let planner = SqlToRel::new_with_options(self, options);
        let expression = planner
            .sql_to_expr(parsed, &df_schema, &mut PlannerContext::new())
            .map_err(|error| self.unplanned(error, text, schema))?;
        let mut wrong = None;
        expression.apply(|part| {
            wrong = mistake::out_of_place(part);
            Ok(if wrong.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        match wrong {
            Some(message) => Err(SqlError::new(message)),
            None => Ok(expression),
        }
    }

    /// What is wrong, with the function that was meant where there is none of the name.
    fn unplanned(&self, error: DataFusionError, text: &str, schema: &Schema) -> SqlError {
        let error = SqlError::planning(error, text, schema);
        let no_place = |name: &str| {
            let (_, why) = VOLATILE.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
            Some(format!("{name} has no place in a definition: {why}"))
        };
        if let Some(message) = error.unknown.as_deref().and_then(no_place) {
            return SqlError { message, ..error };
        }
        // A function that is called without parentheses elsewhere.
        let is_now = |here: &&str| here.starts_with("now()");
        if let Some(name) = error.unknown.as_deref()
            && let Some(here) = said_here(name).filter(is_now)
        {
            return SqlError {
                message: format!("unknown column '{name}': here that is {here}"),
                ..error
            };
        }
        let Some(rest) = error.message.strip_prefix("Invalid function '") else { return error };
        let name = rest.trim_end_matches(['.', '\'']);
        let functions = self.functions.keys().chain(self.aggregates.keys());
        let names: Vec<&str> = functions.map(String::as_str).collect();
        let message = if let Some(message) = no_place(name) {
            message
        } else if let Some(here) = said_here(name) {
            format!("unknown function '{name}': here that is {here}")
        } else if let Some(near) = nearest(name, &names) {
            format!("unknown function '{name}': did you mean '{near}'?")
        } else {
            format!("unknown function '{name}': docs/reference.md lists those there are")
        };
        SqlError::at_name(message, text, name)
    }

    /// At the aggregate that an error is about.
    pub fn at_aggregate(&self, error: SqlError, text: &str) -> SqlError {
        let mut words = error.message.split(|character: char| !character.is_alphanumeric());
        let name = words.find(|word| self.aggregates.contains_key(*word));
        let at = error.at.or_else(|| position_of(text, name?));
        SqlError { at, ..error }
    }

    /// The first aggregate that a text calls, whether or not it can be planned.
    pub fn aggregate_in(&self, text: &str) -> Option<String> {
        let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize().ok()?;
        let calls = tokens.windows(2).filter_map(|pair| match pair {
            [Token::Word(word), Token::LParen] => Some(word.value.to_lowercase()),
            _ => None,
        });
        let mut calls = calls.filter(|name| !self.functions.contains_key(name));
        calls.find(|name| self.aggregates.contains_key(name))
    }

    /// `now()` to its column, and casts to timestamps to such as there are.
    fn rewrite(&self, expression: Expr) -> Result<Expr, SqlError> {
        let rewritten = expression.transform_up(|expression| {
            Ok(match expression {
                Expr::ScalarFunction(function) if function.func.name() == "now" => {
                    Transformed::yes(Expr::Column(Column::new_unqualified(NOW)))
                }
                other => calendar::meant(other, self.zone)?,
            })
        })?;
        Ok(rewritten.data)
    }

    /// The definition's time zone.
    pub fn zone(&self) -> &'static Zone {
        self.zone
    }

    pub fn timestamp(&self) -> DataType {
        calendar::timestamp(self.zone)
    }

    /// The type that a planned expression has over a schema, once coerced.
    pub fn type_of(&self, expression: &Expr, schema: &Schema) -> Result<DataType, SqlError> {
        let df_schema = Arc::new(DFSchema::try_from(schema.clone())?);
        let over = |error| SqlError::over(error, schema);
        let coerced = self.coerced(expression.clone(), &df_schema);
        coerced.map_err(over)?.get_type(&df_schema).map_err(over)
    }

    /// Compiles a planned expression; its result is of a type of the language, or of `wanted`.
    pub fn compile(
        &self,
        expression: Expr,
        schema: &SchemaRef,
        wanted: Option<&DataType>,
        text: &str,
    ) -> Result<Expression, SqlError> {
        if ranks::has_ntile(&expression) {
            return Err(SqlError::at_name(
                format!(
                    "{NTILE}(…) has its place in 'sql' of attributes only: give it a name there"
                ),
                text,
                NTILE,
            ));
        }
        let wrong = |error| SqlError::planning(error, text, schema);
        let df_schema = Arc::new(DFSchema::try_from(Arc::clone(schema))?);
        let folded = self.folded(expression, &df_schema).map_err(wrong)?;
        let found = folded.get_type(&df_schema).map_err(wrong)?;
        let data_type = match wanted {
            Some(wanted) => wanted.clone(),
            None => self.language_type(&found)?,
        };
        let folded = match found == data_type {
            true => folded,
            false => {
                let cast = Expr::Cast(Cast::new(Box::new(folded), data_type.clone()));
                self.folded(cast, &df_schema).map_err(wrong)?
            }
        };
        let physical = self.physical(&folded, &df_schema).map_err(wrong)?;
        Ok(Expression::new(physical, data_type, text))
    }

    /// The type of the language that holds what an Arrow type holds.
    pub fn language_type(&self, found: &DataType) -> Result<DataType, SqlError> {
        Ok(match found {
            DataType::Null => DataType::Utf8,
            DataType::Boolean
            | DataType::Int64
            | DataType::Float64
            | DataType::Utf8
            | DataType::Date32
            | DataType::Decimal128(..) => found.clone(),
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32
            | DataType::UInt64 => DataType::Int64,
            DataType::Float16 | DataType::Float32 => DataType::Float64,
            DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
            DataType::Date64 => DataType::Date32,
            DataType::Timestamp(..) => self.timestamp(),
            DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
                DataType::Decimal128(*precision, *scale)
            }
            DataType::Decimal256(_, scale) => DataType::Decimal128(38, *scale),
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                let item = self.language_type(item.data_type())?;
                DataType::List(Arc::new(Field::new("item", item, true)))
            }
            DataType::Struct(fields) => {
                let field = |field: &FieldRef| {
                    let data_type = self.language_type(field.data_type())?;
                    Ok(Field::new(field.name(), data_type, true))
                };
                let fields = fields.iter().map(field).collect::<Result<Vec<_>, SqlError>>()?;
                DataType::Struct(fields.into())
            }
            DataType::Interval(_) | DataType::Duration(_) => {
                return Err(SqlError::new(
                    "an interval is no value to keep: take its seconds, \
                     as in extract(epoch from a) - extract(epoch from b)",
                ));
            }
            DataType::Map(entries, _) => match parts_of_pair(entries.data_type()) {
                Some((key, value)) if self.language_type(key)? == DataType::Utf8 => {
                    map_of(self.language_type(value)?)
                }
                _ => {
                    return Err(SqlError::new(
                        "a map whose keys are no texts is no value to keep: take what it has of a key, as in m[1]",
                    ));
                }
            },
            other => return Err(SqlError::new(format!("{other} is no type of the language"))),
        })
    }
}
