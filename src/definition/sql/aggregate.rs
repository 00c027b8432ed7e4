//! Aggregates in a definition: found in an expression, and given the types of their results.
//!
//! DataFusion only plans them; computing them is ours. So each is registered as a function that has a
//! signature and no accumulator.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_common::{Column, DFSchema, ScalarValue, not_impl_err};
use datafusion_expr::expr::AggregateFunction;
use datafusion_expr::function::AccumulatorArgs;
use datafusion_expr::planner::{ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, ExprSchemable, GetFieldAccess, Signature,
    Volatility, lit,
};
use datafusion_functions_nested::expr_fn::{array_element, map_extract};

use super::SqlError;
use super::describe::describe;
use super::pair;
use crate::aggregate::{
    ADD_UP, CallForm, Called, Function, MOST_VALUES, Typed, ValueShare, list_of, map_of,
    parts_of_pair, with_sum,
};
use crate::plan::failure::STAR_ALONE;

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
            // The values of pairs are what is added up.
            let (name, found) = match (function, parts_of_pair(argument)) {
                (Function::ByKey { of }, Some((_, value))) => (ADD_UP[of as usize], value),
                (Function::TopBySum(_) | Function::ModeBySum, Some((_, value))) => ("sum", value),
                _ => (called.name(), argument),
            };
            let remedy = match (found, wanted) {
                (DataType::Utf8, "a number") => ": cast(x as double) makes one",
                _ => "",
            };
            Err(SqlError::new(format!("{name} takes {wanted}, found {}{remedy}", describe(found))))
        }
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
    if let [argument] = params.args.as_slice()
        && pair::is_by(argument)
    {
        if has_aggregate(argument) {
            return Err(nested(name));
        }
        let function = match params.distinct {
            true => None,
            false => function.by_key(),
        };
        let Some(function) = function else { return Err(no_by(name, params.distinct)) };
        let (argument, filter) = (Some(argument.clone()), params.filter.as_deref().cloned());
        return Ok(AggregateCall { function, argument, filter });
    }
    let mut weight = None;
    let mut args = params.args.as_slice();
    if let (CallForm::Number | CallForm::Each, [rest @ .., last @ Expr::AggregateFunction(_)]) =
        (form, args)
        && !rest.is_empty()
        && function.by_sum().is_some()
    {
        (args, weight) = (rest, Some(weight_of(name, last)?));
    }
    if args.iter().chain(&weight).any(has_aggregate) {
        return Err(nested(name));
    }
    let (function, arguments) = match form {
        CallForm::Share => (function.with_share(share(name, args)?), &args[..1]),
        CallForm::Number => (function.with_number(number(name, args)?), &args[..1]),
        _ => (function, args),
    };
    let of_rows = form == CallForm::EachOrRows;
    if arguments.iter().chain(&weight).any(is_wildcard) && !(of_rows && arguments.len() == 1) {
        return Err(SqlError::new(STAR_ALONE));
    }
    let argument = match arguments {
        [] if of_rows => None,
        [] => return Err(SqlError::new(format!("{name} takes an argument"))),
        [argument] if of_rows && counts_rows(argument) => None,
        [argument] => Some(argument.clone()),
        [_, other] if function == Function::Mode => {
            let other = other.clone().unalias();
            return Err(SqlError::new(format!(
                "mode takes one argument, or a sum as a second: mode(x, sum({other}))"
            )));
        }
        more => {
            let found = more.len();
            return Err(SqlError::new(format!("{name} takes one argument, found {found}")));
        }
    };
    let (function, argument) = match (weight, argument) {
        (Some(weight), Some(argument)) => {
            let function = function.by_sum().expect("it was asked for");
            (function, Some(pair::weighted(argument, weight)))
        }
        (_, argument) => (function, argument),
    };
    Ok(AggregateCall { function, argument, filter: params.filter.as_deref().cloned() })
}

fn nested(name: &str) -> SqlError {
    SqlError::new(format!("an aggregate in {name}(…): aggregates do not nest"))
}

/// That what a name stands for is not added up by key.
pub fn no_by(name: &str, distinct: bool) -> SqlError {
    let name = if distinct { format!("{name}(distinct …)") } else { name.to_owned() };
    let (last, others) = ADD_UP.split_last().expect("there are some");
    SqlError::new(format!("{name} has no 'by': what adds up has, {} and {last}", others.join(", ")))
}

/// What values weigh, by `sum(y)`.
fn weight_of(name: &str, weight: &Expr) -> Result<Expr, SqlError> {
    if let Expr::AggregateFunction(AggregateFunction { func, params }) = weight
        && let ("sum", [weight]) = (func.name(), params.args.as_slice())
        && !params.distinct
        && params.filter.is_none()
        && params.order_by.is_empty()
        && !pair::is_by(weight)
    {
        return Ok(weight.clone());
    }
    let form = if name == "mode" { "mode(x, sum(y))" } else { "top(x, 5, sum(y))" };
    Err(SqlError::new(format!(
        "{name} weighs values by a sum alone, as in {form}: a 'filter' stands behind the whole"
    )))
}

/// The function that is called by a name, of all values or of each different one once.
fn meant(name: &str, distinct: bool) -> Result<(Function, CallForm), SqlError> {
    let takes = |form: CallForm| match form {
        CallForm::Either => true,
        CallForm::Distinct => distinct,
        CallForm::Each | CallForm::EachOrRows | CallForm::Number | CallForm::Share => !distinct,
        // Known by what they are called with.
        CallForm::ByKey | CallForm::BySum | CallForm::NumberBySum => false,
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
    let is_distinct = |form| matches!(form, CallForm::Distinct | CallForm::Either);
    let distinct = all.filter(|called| is_distinct(called.form));
    let mut distinct: Vec<&str> = distinct.map(|called| called.name()).collect();
    let last = distinct.pop().unwrap_or_default();
    let others = distinct.join(", ");
    Err(SqlError::new(format!(
        "{name}(distinct …) is not available: {others} and {last} take distinct values, as in \
         count(distinct category)"
    )))
}

fn counts_rows(argument: &Expr) -> bool {
    match argument {
        Expr::Literal(value, _) => !value.is_null(),
        other => is_wildcard(other),
    }
}

fn is_wildcard(argument: &Expr) -> bool {
    #[expect(deprecated)]
    let is_wildcard = matches!(argument, Expr::Wildcard { .. });
    is_wildcard
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
        if let Some((_, value)) = parts_of_pair(&argument) {
            let by_key = known_as(self.name).find_map(|(function, _)| function.by_key());
            let typed = by_key.and_then(|of| types(of, Some(&argument)).ok());
            return Ok(typed.map_or_else(|| map_of(value.clone()), |(_, map)| map));
        }
        if let [value, _, weight] = arguments {
            return Ok(list_of(with_sum(value, weight.clone())));
        }
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

/// `array_agg(…)[1]` is the first of its values, of which DataFusion's own planner makes an aggregate; and
/// `spent[currency]` what a map has of a key, which it knows of constants alone.
#[derive(Debug)]
pub struct Subscripts;

impl ExprPlanner for Subscripts {
    fn plan_field_access(
        &self,
        expression: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> datafusion_common::Result<PlannerResult<RawFieldAccessExpr>> {
        let is_map = matches!(expression.expr.get_type(schema), Ok(DataType::Map(..)));
        Ok(match expression {
            // A name is no column here, so that its value is looked up in each row's map.
            RawFieldAccessExpr { expr: map, field_access: GetFieldAccess::ListIndex { key } }
                if is_map =>
            {
                PlannerResult::Planned(array_element(map_extract(map, *key), lit(1i64)))
            }
            RawFieldAccessExpr {
                expr: list @ Expr::AggregateFunction(_),
                field_access: GetFieldAccess::ListIndex { key },
            } => PlannerResult::Planned(array_element(list, *key)),
            other => PlannerResult::Original(other),
        })
    }
}
