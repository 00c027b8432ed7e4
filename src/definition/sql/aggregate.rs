//! Aggregates in a definition: found in an expression, and given the types of their results.
//!
//! DataFusion only plans them; computing them is ours. So each is registered as a function that has a
//! signature and no accumulator.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_common::{Column, DFSchema, ScalarValue, not_impl_err};
use datafusion_expr::expr::AggregateFunction;
use datafusion_expr::function::AccumulatorArgs;
use datafusion_expr::planner::{ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, GetFieldAccess, Signature, Volatility,
};
use datafusion_functions_nested::expr_fn::array_element;

use super::SqlError;
use super::arithmetic::{DIGITS, digits_behind};
use crate::plan::Function;

/// How many values `recent` and `top` may be asked for, and how many `array_agg` gives.
pub const MOST_VALUES: u16 = 1_000;

/// By name; of those that take a number, it is filled in where it is read.
const KNOWN: [(&str, Function); 20] = [
    ("count", Function::Count),
    ("sum", Function::Sum),
    ("avg", Function::Avg),
    ("mean", Function::Avg),
    ("median", Function::Median),
    ("mode", Function::Mode),
    ("min", Function::Min),
    ("max", Function::Max),
    // Of all values that it may be the one that is the same on every machine.
    ("any_value", Function::Min),
    ("first", Function::First),
    ("last", Function::Last),
    ("recent", Function::Recent(0)),
    ("top", Function::Top(0)),
    ("array_agg", Function::Distinct),
    ("bool_and", Function::BoolAnd),
    ("bool_or", Function::BoolOr),
    ("stddev", Function::Stddev),
    ("stddev_samp", Function::Stddev),
    ("var", Function::Variance),
    ("var_samp", Function::Variance),
];

/// An aggregate as it stands in an expression.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateCall {
    pub function: Function,
    /// `None` for `count(*)`.
    pub argument: Option<Expr>,
    /// Of `filter (where …)`.
    pub filter: Option<Expr>,
}

/// What DataFusion has to know of aggregates to plan them.
pub fn functions() -> HashMap<String, Arc<AggregateUDF>> {
    KNOWN
        .iter()
        .map(|(name, function)| {
            let signature = Signature::variadic_any(Volatility::Immutable);
            let planned = Planned { name, function: *function, signature };
            ((*name).to_owned(), Arc::new(AggregateUDF::new_from_impl(planned)))
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
        Function::Min | Function::Max | Function::First | Function::Last | Function::Mode => {
            (Some(kept.clone()), kept)
        }
        Function::Recent(_) | Function::Distinct => (Some(kept.clone()), list_of(kept)),
        Function::Top(_) => (Some(kept.clone()), list_of(counted(kept))),
        Function::BoolAnd | Function::BoolOr => match argument {
            DataType::Boolean => (Some(kept), DataType::Boolean),
            _ => return wrong("a boolean"),
        },
        Function::Timeline | Function::Funnel { .. } => unreachable!("they have no name"),
        _ if !numeric => return wrong("a number"),
        Function::Stddev | Function::Variance => (Some(DataType::Float64), DataType::Float64),
        // The mean of two decimals has at most one digit more.
        Function::Median => (Some(kept), with_more_digits(argument, 1)),
        Function::Avg => (Some(kept), with_more_digits(argument, 4)),
        _ => match argument {
            DataType::Decimal128(digits, behind) => {
                // Ten thousand million values of a type come to no more.
                let digits = digits.saturating_add(10).min(DIGITS);
                (Some(kept), DataType::Decimal128(digits, *behind))
            }
            _ => (Some(kept.clone()), kept),
        },
    })
}

/// Of decimals the type with more digits behind the point, where there is room for them; else a number.
fn with_more_digits(argument: &DataType, more: i8) -> DataType {
    let DataType::Decimal128(digits, behind) = *argument else { return DataType::Float64 };
    let before = i16::from(digits) - i16::from(behind);
    DataType::Decimal128(DIGITS, digits_behind(before, behind, behind + more))
}

fn name_of(function: Function) -> &'static str {
    let function = if function == Function::SumDistinct { Function::Sum } else { function };
    let same =
        |known: &Function| std::mem::discriminant(known) == std::mem::discriminant(&function);
    KNOWN.iter().find(|(_, known)| same(known)).map_or("count", |(name, _)| name)
}

/// A list of such values.
pub fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, true)))
}

/// What `top` says of a value.
fn counted(value: DataType) -> DataType {
    DataType::Struct(Fields::from(vec![
        Field::new("value", value, true),
        Field::new("count", DataType::Int64, true),
    ]))
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
        DataType::Struct(fields) => {
            let field =
                |field: &FieldRef| format!("{}: {}", field.name(), describe(field.data_type()));
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
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
    mut number: impl FnMut(AggregateCall) -> Result<usize, SqlError>,
) -> Result<Expr, SqlError> {
    replace_calls(expression, |part| {
        let Expr::AggregateFunction(function) = part else { return None };
        Some(call(function).and_then(&mut number).map(|index| format!("#{index}")))
    })
}

/// Puts columns in the place of calls. `name` says of a part that is one which column it becomes; the
/// first failure stands.
pub fn replace_calls(
    expression: Expr,
    mut name: impl FnMut(&Expr) -> Option<Result<String, SqlError>>,
) -> Result<Expr, SqlError> {
    let mut failure = None;
    let replaced = expression.transform_down(|part| {
        Ok(match name(&part) {
            None => Transformed::no(part),
            Some(Ok(name)) => {
                let column = Expr::Column(Column::new_unqualified(name));
                Transformed::new(column, true, TreeNodeRecursion::Jump)
            }
            Some(Err(error)) => {
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

fn call(function: &AggregateFunction) -> Result<AggregateCall, SqlError> {
    let name = function.func.name();
    let params = &function.params;
    let (_, known) =
        KNOWN.iter().find(|(known, _)| *known == name).expect("no other is registered");
    if !params.order_by.is_empty() {
        return Err(SqlError::new(format!(
            "'order by' has no place in {name}(…): first, last and recent go by the row's time"
        )));
    }
    if params.args.iter().any(has_aggregate) {
        return Err(SqlError::new(format!("an aggregate in {name}(…): aggregates do not nest")));
    }
    let function = distinct(*known, name, params.distinct)?;
    let (function, arguments) = match function {
        Function::Recent(_) => (Function::Recent(number(name, &params.args)?), &params.args[..1]),
        Function::Top(_) => (Function::Top(number(name, &params.args)?), &params.args[..1]),
        other => (other, params.args.as_slice()),
    };
    let argument = match arguments {
        [] if function == Function::Count => None,
        [] => return Err(SqlError::new(format!("{name} takes an argument"))),
        [argument] if function == Function::Count && counts_rows(argument) => None,
        [argument] => Some(argument.clone()),
        more => {
            let found = more.len();
            return Err(SqlError::new(format!("{name} takes one argument, found {found}")));
        }
    };
    Ok(AggregateCall { function, argument, filter: params.filter.as_deref().cloned() })
}

fn distinct(function: Function, name: &str, distinct: bool) -> Result<Function, SqlError> {
    match (function, distinct) {
        (Function::Count, true) => Ok(Function::CountDistinct),
        (Function::Sum, true) => Ok(Function::SumDistinct),
        (Function::Distinct, false) => Err(SqlError::new(
            "array_agg takes distinct values, as in array_agg(distinct category): for the newest \
             ones, each as often as it came, there is recent(category, 10)",
        )),
        (
            Function::Avg
            | Function::Stddev
            | Function::Variance
            | Function::Median
            | Function::Mode
            | Function::Recent(_)
            | Function::Top(_),
            true,
        ) => Err(SqlError::new(format!(
            "{name}(distinct …) is not available: only count(distinct …), sum(distinct …) and \
             array_agg(distinct …) are"
        ))),
        (function, _) => Ok(function),
    }
}

fn counts_rows(argument: &Expr) -> bool {
    match argument {
        #[expect(deprecated)]
        Expr::Wildcard { .. } => true,
        Expr::Literal(value, _) => !value.is_null(),
        _ => false,
    }
}

/// How many values are asked for.
fn number(name: &str, arguments: &[Expr]) -> Result<u16, SqlError> {
    let wanted = format!(
        "{name} takes a value and a whole number from 1 to 1,000, as in {name}(category, 5)"
    );
    match arguments {
        [_, Expr::Literal(ScalarValue::Int64(Some(number)), _)] => match u16::try_from(*number) {
            Ok(number @ 1..=MOST_VALUES) => Ok(number),
            _ => Err(SqlError::new(format!("{wanted}: found {number}"))),
        },
        [_, other] => Err(SqlError::new(format!("{wanted}: found '{}'", other.clone().unalias()))),
        [_] => Err(SqlError::new(format!("{wanted}: found no number"))),
        other => Err(SqlError::new(format!("{wanted}: found {} arguments", other.len()))),
    }
}

/// An aggregate that can be planned, not run.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Planned {
    name: &'static str,
    function: Function,
    signature: Signature,
}

impl AggregateUDFImpl for Planned {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> datafusion_common::Result<DataType> {
        // Only so that what is done to a result can be planned: `types` decides.
        let argument = arguments.first().cloned().unwrap_or(DataType::Int64);
        Ok(match self.function {
            Function::Recent(_) | Function::Distinct => list_of(argument),
            Function::Top(_) => list_of(counted(argument)),
            _ => argument,
        })
    }

    fn accumulator(
        &self,
        _: AccumulatorArgs<'_>,
    ) -> datafusion_common::Result<Box<dyn Accumulator>> {
        not_impl_err!("aggregates are computed elsewhere")
    }
}

/// `array_agg(…)[1]` is the first of its values. DataFusion's own planner makes an aggregate of it.
#[derive(Debug)]
pub struct Subscripts;

impl ExprPlanner for Subscripts {
    fn plan_field_access(
        &self,
        expression: RawFieldAccessExpr,
        _: &DFSchema,
    ) -> datafusion_common::Result<PlannerResult<RawFieldAccessExpr>> {
        Ok(match expression {
            RawFieldAccessExpr {
                expr: list @ Expr::AggregateFunction(_),
                field_access: GetFieldAccess::ListIndex { key },
            } => PlannerResult::Planned(array_element(list, *key)),
            other => PlannerResult::Original(other),
        })
    }
}
