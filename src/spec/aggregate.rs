//! Aggregates in a definition: found in an expression, and given the types of their results.
//!
//! DataFusion only plans them; computing them is ours. So each is registered as a function that has a
//! signature and no accumulator.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_common::{Column, not_impl_err};
use datafusion_expr::expr::AggregateFunction;
use datafusion_expr::function::AccumulatorArgs;
use datafusion_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility};

use super::plan::Function;
use super::sql::SqlError;

/// Aggregates of the language that are not there yet.
const NOT_YET: [&str; 5] = ["mode", "median", "recent", "top", "array_agg"];

const KNOWN: [(&str, Function); 14] = [
    ("count", Function::Count),
    ("sum", Function::Sum),
    ("avg", Function::Avg),
    ("mean", Function::Avg),
    ("min", Function::Min),
    ("max", Function::Max),
    ("first", Function::First),
    ("last", Function::Last),
    ("bool_and", Function::BoolAnd),
    ("bool_or", Function::BoolOr),
    ("stddev", Function::Stddev),
    ("stddev_samp", Function::Stddev),
    ("var", Function::Variance),
    ("var_samp", Function::Variance),
];

/// An aggregate as it stands in an expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub function: Function,
    /// `None` for `count(*)`.
    pub argument: Option<Expr>,
    /// Of `filter (where …)`.
    pub filter: Option<Expr>,
}

/// What DataFusion has to know of aggregates to plan them.
pub fn functions() -> HashMap<String, Arc<AggregateUDF>> {
    let names = KNOWN.iter().map(|(name, _)| *name).chain(NOT_YET);
    names
        .map(|name| {
            let signature = Signature::variadic_any(Volatility::Immutable);
            let planned = Planned { name: name.to_owned(), signature };
            (name.to_owned(), Arc::new(AggregateUDF::new_from_impl(planned)))
        })
        .collect()
}

/// The type an argument is brought to, and the type of the result.
pub fn types(
    function: Function,
    argument: Option<&DataType>,
) -> Result<(Option<DataType>, DataType), SqlError> {
    let Some(argument) = argument else { return Ok((None, DataType::Int64)) };
    let numeric =
        matches!(argument, DataType::Int64 | DataType::Float64 | DataType::Decimal128(..));
    let wrong = |wanted: &str| {
        let name = name_of(function);
        Err(SqlError::new(format!("{name} takes {wanted}, found {}", describe(argument))))
    };
    let kept = argument.clone();
    Ok(match function {
        Function::Count | Function::CountDistinct => (Some(kept), DataType::Int64),
        Function::Min | Function::Max | Function::First | Function::Last => {
            (Some(kept.clone()), kept)
        }
        Function::BoolAnd | Function::BoolOr => match argument {
            DataType::Boolean => (Some(kept), DataType::Boolean),
            _ => return wrong("a boolean"),
        },
        _ if !numeric => return wrong("a number"),
        Function::Stddev | Function::Variance => (Some(DataType::Float64), DataType::Float64),
        Function::Sum | Function::Avg => match argument {
            DataType::Decimal128(_, scale) if function == Function::Avg => {
                if *scale > 34 {
                    return wrong("a decimal of at most 34 fraction digits");
                }
                (Some(kept), DataType::Decimal128(38, scale + 4))
            }
            DataType::Decimal128(_, scale) => (Some(kept), DataType::Decimal128(38, *scale)),
            DataType::Int64 if function == Function::Sum => (Some(kept), DataType::Int64),
            _ => (Some(kept), DataType::Float64),
        },
    })
}

fn name_of(function: Function) -> &'static str {
    KNOWN.iter().find(|(_, known)| *known == function).map_or("count", |(name, _)| name)
}

/// A type as users write it.
pub fn describe(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 => "text".to_owned(),
        DataType::Int64 => "integer".to_owned(),
        DataType::Float64 => "number".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Timestamp(..) => "timestamp".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::List(item) => format!("[{}]", describe(item.data_type())),
        other => other.to_string().to_lowercase(),
    }
}

/// Whether an expression has an aggregate in it.
pub fn has_aggregate(expression: &Expr) -> bool {
    expression.exists(|part| Ok(matches!(part, Expr::AggregateFunction(_)))).unwrap_or(false)
}

/// Takes the aggregates out of an expression. `number` files each and says which column it is.
pub fn take_out(
    expression: Expr,
    mut number: impl FnMut(Call) -> Result<usize, SqlError>,
) -> Result<Expr, SqlError> {
    let mut failure = None;
    let replaced = expression.transform_down(|part| {
        let Expr::AggregateFunction(function) = &part else { return Ok(Transformed::no(part)) };
        Ok(match call(function).and_then(&mut number) {
            Ok(index) => {
                let column = Expr::Column(Column::new_unqualified(format!("#{index}")));
                Transformed::new(column, true, TreeNodeRecursion::Jump)
            }
            Err(error) => {
                failure.get_or_insert(error);
                Transformed::new(part, false, TreeNodeRecursion::Stop)
            }
        })
    })?;
    match failure {
        Some(error) => Err(error),
        None => Ok(replaced.data),
    }
}

fn call(function: &AggregateFunction) -> Result<Call, SqlError> {
    let name = function.func.name();
    let params = &function.params;
    if NOT_YET.contains(&name) {
        return Err(SqlError::new(format!("the aggregate '{name}' is not available yet")));
    }
    let (_, known) =
        KNOWN.iter().find(|(known, _)| *known == name).expect("no other is registered");
    if !params.order_by.is_empty() {
        return Err(SqlError::new(format!(
            "'order by' has no place in {name}(…): first and last go by the row's time"
        )));
    }
    if params.args.iter().any(has_aggregate) {
        return Err(SqlError::new(format!("an aggregate in {name}(…): aggregates do not nest")));
    }
    let mut arguments = params.args.iter();
    let argument = arguments.next();
    if arguments.next().is_some() {
        let found = params.args.len();
        return Err(SqlError::new(format!("{name} takes one argument, found {found}")));
    }
    let function = match (known, params.distinct) {
        (Function::Count, true) => Function::CountDistinct,
        (Function::Sum | Function::Avg | Function::Stddev | Function::Variance, true) => {
            return Err(SqlError::new(format!(
                "{name}(distinct …) is not available: only count(distinct …) is"
            )));
        }
        (function, _) => *function,
    };
    let counts_rows = |argument: &Expr| match argument {
        #[expect(deprecated)]
        Expr::Wildcard { .. } => true,
        Expr::Literal(value, _) => !value.is_null(),
        _ => false,
    };
    let argument = match argument {
        None if function == Function::Count => None,
        None => return Err(SqlError::new(format!("{name} takes an argument"))),
        Some(argument) if function == Function::Count && counts_rows(argument) => None,
        Some(argument) => Some(argument.clone()),
    };
    Ok(Call { function, argument, filter: params.filter.as_deref().cloned() })
}

/// An aggregate that can be planned, not run.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Planned {
    name: String,
    signature: Signature,
}

impl AggregateUDFImpl for Planned {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> datafusion_common::Result<DataType> {
        Ok(arguments.first().cloned().unwrap_or(DataType::Int64))
    }

    fn accumulator(
        &self,
        _: AccumulatorArgs<'_>,
    ) -> datafusion_common::Result<Box<dyn Accumulator>> {
        not_impl_err!("aggregates are computed elsewhere")
    }
}
