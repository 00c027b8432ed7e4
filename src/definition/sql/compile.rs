//! Planned expressions made ready to be evaluated.
//!
//! Types are brought together, what is constant is worked out, and the rest is evaluated as it is written.
//! DataFusion's own simplification is left out: many of its rules forget nulls (`i not in (1) or i not in
//! (2)` becomes true, `s ~ '.*'` becomes `s is not null`). What is put in the place of DataFusion's nodes
//! gives an error where these would wrap a number.

use std::sync::Arc;

use arrow::array::{RecordBatch, new_null_array};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::error::ArrowError;
use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_common::{
    Column as ExprColumn, DFSchema, DataFusionError, Result, ScalarValue, plan_datafusion_err,
};
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::expr::InList;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion_expr::{BinaryExpr, ColumnarValue, Expr, Operator};
use datafusion_optimizer::simplify_expressions::ExprSimplifier;
use datafusion_physical_expr::expressions::{
    self, CastExpr, Column, LikeExpr, NegativeExpr, TryCastExpr,
};
use datafusion_physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion_physical_expr::{PhysicalExpr, ScalarFunctionExpr, create_physical_expr};

use super::call::LimitedCall;
use super::mistake::SqlError;
use super::node::{ExpressionNode, NodeKind};
use super::{Dialect, arithmetic, calendar};
use crate::plan::Limits;
use crate::plan::caught::caught;

/// Functions that are another expression, and can't be evaluated themselves.
const REWRITTEN: [&str; 4] = ["arrow_cast", "arrow_try_cast", "cast_to_type", "try_cast_to_type"];

impl Dialect {
    /// Types brought together, constants worked out; fails where what is always evaluated always fails.
    pub fn folded(&self, expression: Expr, schema: &Arc<DFSchema>) -> Result<Expr> {
        let compiler = Compiler { dialect: self, schema };
        compiler.fold(compiler.coerced(expression)?, false)
    }

    /// Types brought together.
    pub fn coerced(&self, expression: Expr, schema: &Arc<DFSchema>) -> Result<Expr> {
        Compiler { dialect: self, schema }.coerced(expression)
    }

    /// What evaluates a folded expression.
    pub fn physical(
        &self,
        expression: &Expr,
        schema: &Arc<DFSchema>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let physical = Compiler { dialect: self, schema }.physical(expression)?;
        fails_anyway(&physical, &Arc::clone(schema.inner()))?;
        Ok(physical)
    }
}

struct Compiler<'a> {
    dialect: &'a Dialect,
    schema: &'a Arc<DFSchema>,
}

impl Compiler<'_> {
    fn context(&self) -> SimplifyContext {
        SimplifyContext::builder()
            .with_schema(Arc::clone(self.schema))
            .with_config_options(Arc::new(self.dialect.options.clone()))
            .build()
    }

    fn coerced(&self, expression: Expr) -> Result<Expr> {
        let divided = expression
            .transform_up(|part| arithmetic::with_quotient(part, self.schema.as_ref()))?
            .data;
        let context = self.context();
        let coerced = ExprSimplifier::new(self.context()).coerce(divided, self.schema)?;
        let rewritten = coerced.transform_up(|part| {
            Ok(match part {
                Expr::ScalarFunction(function) if REWRITTEN.contains(&function.func.name()) => {
                    let (func, args) = (function.func, function.args);
                    match func.simplify(args, &context)? {
                        ExprSimplifyResult::Simplified(part) => Transformed::yes(part),
                        ExprSimplifyResult::Original(_) => {
                            return Err(plan_datafusion_err!(
                                "{} has no meaning here",
                                func.name()
                            ));
                        }
                    }
                }
                part => Transformed::no(part),
            })
        })?;
        calendar::fitted(rewritten.data, self.schema, self.dialect.zone())
    }

    /// Works out what looks at no column. What fails in a part that need not be evaluated (a branch of a
    /// `case`) is left to fail where it is.
    fn fold(&self, expression: Expr, may_be_left_out: bool) -> Result<Expr> {
        let always = evaluated_always(&expression);
        let mut place = 0;
        let folded = expression.map_children(|child| {
            let may_be_left_out = may_be_left_out || place >= always;
            place += 1;
            Ok(Transformed::yes(self.fold(child, may_be_left_out)?))
        })?;
        let expression = folded.data;
        let is_zero =
            |of: &Expr| matches!(of, Expr::Literal(value, _) if arithmetic::is_zero(value));
        if !may_be_left_out && arithmetic::divisor(&expression).is_some_and(is_zero) {
            return Err(always_fails(&expression, ArrowError::DivideByZero.into()));
        }
        if !self.is_constant(&expression)? {
            return Ok(expression);
        }
        let row = RecordBatch::try_new_with_options(
            Arc::new(Schema::empty()),
            Vec::new(),
            &arrow::array::RecordBatchOptions::new().with_row_count(Some(1)),
        )?;
        let physical = self.physical(&expression)?;
        match caught(|| physical.evaluate(&row)).and_then(one_value) {
            Ok(value) => Ok(Expr::Literal(value, None)),
            Err(_) if may_be_left_out => Ok(expression),
            Err(error) => Err(always_fails(&expression, error)),
        }
    }

    /// Whether it is made of literals.
    fn is_constant(&self, expression: &Expr) -> Result<bool> {
        if matches!(
            expression,
            Expr::Column(_)
                | Expr::Literal(..)
                | Expr::Lambda(_)
                | Expr::LambdaVariable(_)
                | Expr::HigherOrderFunction(_)
                | Expr::AggregateFunction(_)
        ) {
            return Ok(false);
        }
        let mut constant = true;
        expression.apply_children(|child| {
            constant &= matches!(child, Expr::Literal(..));
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(constant && !super::ranks::has_ntile(expression))
    }

    fn physical(&self, expression: &Expr) -> Result<Arc<dyn PhysicalExpr>> {
        let expression = &expression.clone().transform_up(by_one_after_the_other)?.data;
        let mut properties = ExecutionProps::new();
        properties.config_options = Some(Arc::new(self.dialect.options.clone()));
        let physical = create_physical_expr(
            expression,
            self.schema,
            &properties,
            &PhysicalPlanningContext::default(),
        )?;
        let schema = self.schema.as_arrow();
        Ok(physical.transform_up(|node| own(node, schema, self.dialect.limits))?.data)
    }
}

/// `x in (a, b)` as `x = a or x = b`, where not all of these are constants: DataFusion takes for one whatever
/// it can work out without a row, such as the branch of a case that no row enters.
fn by_one_after_the_other(part: Expr) -> Result<Transformed<Expr>> {
    let Expr::InList(InList { expr, list, negated }) = part else {
        return Ok(Transformed::no(part));
    };
    if list.iter().all(|item| matches!(item, Expr::Literal(..))) {
        return Ok(Transformed::no(Expr::InList(InList { expr, list, negated })));
    }
    let mut terms: Vec<Expr> =
        list.into_iter().map(|item| expr.as_ref().clone().eq(item)).collect();
    // Evenly, so that it is no deeper than it must be.
    while terms.len() > 1 {
        let mut rest = terms.into_iter();
        let mut pairs = Vec::new();
        while let Some(one) = rest.next() {
            pairs.push(match rest.next() {
                Some(other) => one.or(other),
                None => one,
            });
        }
        terms = pairs;
    }
    let any = terms.remove(0);
    Ok(Transformed::yes(if negated { Expr::Not(Box::new(any)) } else { any }))
}

/// How many of its first parts are evaluated whatever these come to.
fn evaluated_always(expression: &Expr) -> usize {
    match expression {
        Expr::BinaryExpr(BinaryExpr { op: Operator::And | Operator::Or, .. }) => 1,
        Expr::Case(case) => 1 + usize::from(case.expr.is_some()),
        Expr::ScalarFunction(function) if ["coalesce", "nvl"].contains(&function.func.name()) => 1,
        Expr::HigherOrderFunction(_) | Expr::Lambda(_) => 0,
        _ => usize::MAX,
    }
}

fn always_fails(expression: &Expr, error: DataFusionError) -> DataFusionError {
    match expression {
        // It says which value is none of which type.
        Expr::Cast(_) => error,
        Expr::ScalarFunction(function) if function.func.name() == "cast" => error,
        _ => {
            let why = SqlError::from(error).message;
            let text = match expression {
                Expr::ScalarFunction(function) if function.func.name() == arithmetic::QUOTIENT => {
                    let sides = function.args.iter().map(shown);
                    sides.collect::<Vec<_>>().join(" / ")
                }
                Expr::ScalarFunction(function) => format!("{}(…)", function.func.name()),
                other => shown(other),
            };
            plan_datafusion_err!("`{text}` always fails: {why}")
        }
    }
}

/// An expression as messages show it: what an aggregate comes to is a column that no definition names.
fn shown(expression: &Expr) -> String {
    let named = expression.clone().transform_up(|part| {
        Ok(match part {
            Expr::Column(column) if column.name.starts_with('#') => {
                Transformed::yes(Expr::Column(ExprColumn::new_unqualified("…")))
            }
            other => Transformed::no(other),
        })
    });
    named.map_or_else(|_| "…".to_owned(), |named| named.data.human_display().to_string())
}

fn one_value(value: ColumnarValue) -> Result<ScalarValue> {
    match value {
        ColumnarValue::Scalar(value) => Ok(value),
        ColumnarValue::Array(values) => ScalarValue::try_from_array(&values, 0),
    }
}

/// Fails where a type that no kernel takes makes it fail whatever the row: with no row at all, and with one
/// that is null throughout.
fn fails_anyway(physical: &Arc<dyn PhysicalExpr>, schema: &SchemaRef) -> Result<()> {
    let mut used: Vec<usize> = collect_columns(physical).iter().map(Column::index).collect();
    used.sort_unstable();
    let schema = Arc::new(schema.project(&used)?);
    let physical = reassign_expr_columns(Arc::clone(physical), &schema)?;
    let none = RecordBatch::new_empty(Arc::clone(&schema));
    let Err(error) = caught(|| physical.evaluate(&none)) else { return Ok(()) };
    let columns = schema.fields().iter().map(|field| new_null_array(field.data_type(), 1));
    let nulls = RecordBatch::try_new_with_options(
        Arc::clone(&schema),
        columns.collect(),
        &arrow::array::RecordBatchOptions::new().with_row_count(Some(1)),
    )?;
    // What fails with no row at all says what of the types is wrong.
    caught(|| physical.evaluate(&nulls)).map_or(Err(error), |_| Ok(()))
}

/// DataFusion's node, or ours in its place.
fn own(
    node: Arc<dyn PhysicalExpr>,
    schema: &Schema,
    limits: Limits,
) -> Result<Transformed<Arc<dyn PhysicalExpr>>> {
    use Operator::*;
    let put = |kind: NodeKind, parts: Vec<&Arc<dyn PhysicalExpr>>, output: DataType| {
        let parts = parts.into_iter().map(Arc::clone).collect();
        Ok(Transformed::yes(
            Arc::new(ExpressionNode { kind, parts, output }) as Arc<dyn PhysicalExpr>
        ))
    };
    let hold = |name: &str, node: Arc<dyn PhysicalExpr>| {
        let call = LimitedCall::new(name, node, schema, limits)?;
        Ok(Transformed::yes(Arc::new(call) as Arc<dyn PhysicalExpr>))
    };
    if let Some(binary) = node.downcast_ref::<expressions::BinaryExpr>() {
        let (parts, op) = (vec![binary.left(), binary.right()], *binary.op());
        return match (op, node.data_type(schema)?) {
            (Plus | Minus | Multiply | Modulo, output @ DataType::Decimal128(..)) => {
                put(NodeKind::Decimals(op), parts, output)
            }
            (BitwiseShiftLeft | BitwiseShiftRight, output @ DataType::Int64) => {
                put(NodeKind::Shift(op), parts, output)
            }
            (Plus | Minus | Multiply | Divide | Modulo, output @ DataType::Float64) => {
                put(NodeKind::Finite { or_null: false }, vec![&node], output)
            }
            (Plus | Minus | Multiply, _) => {
                Ok(Transformed::yes(Arc::new(binary.clone().with_fail_on_overflow(true))))
            }
            (StringConcat, _) => hold("||", node),
            (RegexMatch | RegexNotMatch, _) => hold("~", node),
            (RegexIMatch | RegexNotIMatch, _) => hold("~*", node),
            (LikeMatch | ILikeMatch | NotLikeMatch | NotILikeMatch, _) => hold("like", node),
            _ => Ok(Transformed::no(node)),
        };
    }
    let or_null = node.is::<TryCastExpr>();
    if or_null || node.is::<CastExpr>() {
        let of = Arc::clone(node.children()[0]);
        return match node.data_type(schema)? {
            output @ DataType::Float64 => put(NodeKind::Finite { or_null }, vec![&node], output),
            output @ DataType::Decimal128(..) if matches!(of.data_type(schema)?, of if of.is_string() || of.is_floating()) => {
                put(NodeKind::Decimal { or_null }, vec![&of], output)
            }
            _ => Ok(Transformed::no(node)),
        };
    }
    if let Some(negative) = node.downcast_ref::<NegativeExpr>() {
        return put(NodeKind::Negated, vec![negative.arg()], node.data_type(schema)?);
    }
    if let Some(function) = node.downcast_ref::<ScalarFunctionExpr>() {
        if ["coalesce", "nvl"].contains(&function.name()) {
            let output = function.return_type().clone();
            return put(NodeKind::Coalesce, function.args().iter().collect(), output);
        }
        let name = function.name().to_owned();
        return hold(&name, node);
    }
    if node.is::<LikeExpr>() {
        return hold("like", node);
    }
    Ok(Transformed::no(node))
}
