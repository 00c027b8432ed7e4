//! Aggregates in a definition: found in an expression, and given the types of their results.
//!
//! DataFusion only plans them; computing them is ours. So each is registered as a function that has a
//! signature and no accumulator.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
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
use crate::aggregate::{CallForm, Called, Function, MOST_VALUES, Typed, ValueShare};

/// An aggregate as it stands in an expression.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateCall {
    pub function: Function,
    /// `None` for `count(*)`.
    pub argument: Option<Expr>,
    /// The condition of `filter (where …)`.
    pub filter: Option<Expr>,
}

/// The functions that a name stands for, each with how it is called.
fn known_as(name: &str) -> impl Iterator<Item = (Function, Called)> {
    let all = Function::all().into_iter();
    let called = all.filter_map(|function| Some((function, function.called()?)));
    called.filter(move |(_, called)| called.names.contains(&name))
}

/// What DataFusion has to know of aggregates to plan them.
pub fn functions() -> HashMap<String, Arc<AggregateUDF>> {
    let called = Function::all().into_iter().filter_map(Function::called);
    let names = called.flat_map(|called| called.names);
    names
        .map(|name| {
            let signature = Signature::variadic_any(Volatility::Immutable);
            let planned = Planned { name, signature };
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
    let called = function.called().expect("only what has a name is called");
    match (called.types)(argument) {
        Ok(Typed { argument, output }) => Ok((Some(argument), output)),
        Err(wanted) => {
            let (name, found) = (called.name(), describe(argument));
            Err(SqlError::new(format!("{name} takes {wanted}, found {found}")))
        }
    }
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
    let (function, form) = meant(name, params.distinct)?;
    if form == CallForm::Share && params.order_by.iter().any(|sort| !sort.asc) {
        return Err(SqlError::new(format!(
            "{name} goes from the least value up: leave 'desc' out, and ask for 1 - p, as in {name}(0.1) for {name}(0.9)"
        )));
    }
    if form != CallForm::Share && !params.order_by.is_empty() {
        return Err(SqlError::new(format!(
            "'order by' has no place in {name}(…): first, last and recent go by the row's time"
        )));
    }
    if params.args.iter().any(has_aggregate) {
        return Err(SqlError::new(format!("an aggregate in {name}(…): aggregates do not nest")));
    }
    let (function, arguments) = match form {
        CallForm::Share => (function.with_share(share(name, &params.args)?), &params.args[..1]),
        CallForm::Number => (function.with_number(number(name, &params.args)?), &params.args[..1]),
        CallForm::Each | CallForm::EachOrRows | CallForm::Distinct | CallForm::Either => {
            (function, params.args.as_slice())
        }
    };
    let of_rows = form == CallForm::EachOrRows;
    let argument = match arguments {
        [] if of_rows => None,
        [] => return Err(SqlError::new(format!("{name} takes an argument"))),
        [argument] if of_rows && counts_rows(argument) => None,
        [argument] => Some(argument.clone()),
        more => {
            let found = more.len();
            return Err(SqlError::new(format!("{name} takes one argument, found {found}")));
        }
    };
    Ok(AggregateCall { function, argument, filter: params.filter.as_deref().cloned() })
}

/// The function that is called by a name, of all values or of each different one once.
fn meant(name: &str, distinct: bool) -> Result<(Function, CallForm), SqlError> {
    let takes = |form: CallForm| match form {
        CallForm::Either => true,
        CallForm::Distinct => distinct,
        CallForm::Each | CallForm::EachOrRows | CallForm::Number | CallForm::Share => !distinct,
    };
    let found = known_as(name).find(|(_, called)| takes(called.form));
    if let Some((function, called)) = found {
        return Ok((function, called.form));
    }
    if !distinct {
        return Err(SqlError::new(format!(
            "{name} takes distinct values, as in {name}(distinct category): for the newest ones, each \
             as often as it came, there is recent(category, 10)"
        )));
    }
    let all = Function::all().into_iter().filter_map(Function::called);
    let distinct = all.filter(|called| called.form == CallForm::Distinct);
    let mut distinct: Vec<String> =
        distinct.map(|called| format!("{}(distinct …)", called.name())).collect();
    let last = distinct.pop().unwrap_or_default();
    let others = distinct.join(", ");
    Err(SqlError::new(format!("{name}(distinct …) is not available: only {others} and {last} are")))
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

/// Which share of the values is asked for.
fn share(name: &str, arguments: &[Expr]) -> Result<ValueShare, SqlError> {
    let wanted = format!(
        "{name} takes a share from 0 to 1 of up to nine digits, and a value, as in {name}(0.9) within group (order by \
         amount)"
    );
    match arguments {
        [_, Expr::Literal(value, _)] => {
            let share = match value {
                ScalarValue::Int64(Some(number)) => ValueShare::new(i128::from(*number), 0),
                ScalarValue::Decimal128(Some(number), _, behind) => {
                    ValueShare::new(*number, *behind)
                }
                _ => None,
            };
            share.ok_or_else(|| SqlError::new(format!("{wanted}: found {value}")))
        }
        [_, other] => Err(SqlError::new(format!("{wanted}: found '{}'", other.clone().unalias()))),
        [_] => Err(SqlError::new(format!("{wanted}: found one argument"))),
        other => Err(SqlError::new(format!("{wanted}: found {} arguments", other.len()))),
    }
}

/// An aggregate that can be planned, not run.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Planned {
    name: &'static str,
    signature: Signature,
}

impl AggregateUDFImpl for Planned {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn supports_within_group_clause(&self) -> bool {
        known_as(self.name).any(|(_, called)| called.form == CallForm::Share)
    }

    fn return_type(&self, arguments: &[DataType]) -> datafusion_common::Result<DataType> {
        // Only so that what is done to a result can be planned: `types` decides.
        let argument = arguments.first().cloned().unwrap_or(DataType::Int64);
        let mut outputs = known_as(self.name).filter_map(|(_, of)| (of.types)(&argument).ok());
        let list = outputs.find(|of| matches!(of.output, DataType::List(_)));
        Ok(list.map_or(argument, |of| of.output))
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
