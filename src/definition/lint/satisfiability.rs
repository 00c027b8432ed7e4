//! Satisfiability: whether a condition can ever be true, by what it asks of values, taken in one by one.
//!
//! Only what is certain is said: a condition that nothing here speaks against may still never be true.
//! Where several ways lead to what is asked, each is tried by itself beside all that has to be.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion_common::{Column, DFSchema, ScalarValue};
use datafusion_expr::expr::{Between, Case, Cast, InList, Like};
use datafusion_expr::utils::split_binary_owned;
use datafusion_expr::{BinaryExpr, Expr, ExprSchemable, Operator, lit};

use super::difference_bounds::{BoundedValue, Constant, DifferenceBounds, Gap};
use super::sum::{SumTerms, sum};
use super::texts::{begins, behind_all, is_no_outcome};

/// How many parts of a condition are looked at, in all the ways there are to what is asked.
const MOST_STEPS: u32 = 20_000;

/// What is known of values.
#[derive(Clone, Debug)]
pub struct Supposed {
    schema: Arc<DFSchema>,
    bounds: DifferenceBounds,
    /// Whether it is null, of what that was said of.
    nulls: HashMap<Expr, bool>,
    /// The first is not this much above the second.
    apart: Vec<(BoundedValue, BoundedValue, i128)>,
}

/// Why something is never so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Never {
    /// It is not, whatever the values.
    Constant,
    /// No values of these columns meet all that is asked of them.
    Contradiction(Vec<String>),
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum Constraint {
    True(Expr),
    /// False or null.
    NotTrue(Expr),
    NotNull(Expr),
    Null(Expr),
}

use super::operators::{is_ordering, is_strict};
use Constraint::*;

/// What something that is asked comes to.
enum Ways {
    All(Vec<Constraint>),
    Any(Vec<Vec<Constraint>>),
}

impl Supposed {
    pub fn new(schema: DFSchema) -> Self {
        let schema = Arc::new(schema);
        Supposed {
            schema,
            bounds: DifferenceBounds::default(),
            nulls: HashMap::new(),
            apart: Vec::new(),
        }
    }

    /// Notes that a column of whole numbers is nowhere else, unless it is null.
    pub fn within(&mut self, column: &str, least: i64, most: Option<i64>) {
        self.lies_within(Expr::Column(Column::new_unqualified(column)), least, most);
    }

    /// Notes that a whole number is nowhere else, unless it is null.
    pub fn lies_within(&mut self, number: Expr, least: i64, most: Option<i64>) {
        let column = BoundedValue::Term(number, true);
        let at = |value: i64| BoundedValue::Constant(Constant::Whole(value.into()));
        let none = Gap { most: 0, open: false };
        let low = self.bounds.above(&at(least), &column, none);
        let high = most.map_or(Ok(()), |most| self.bounds.above(&column, &at(most), none));
        debug_assert!(low.and(high).is_ok(), "it is the first that is said of it");
    }

    /// Notes that a column is never null.
    pub fn never_null(&mut self, column: &str) {
        self.nulls.insert(Expr::Column(Column::new_unqualified(column)), false);
    }

    /// Takes in what is asked, of folded expressions.
    pub fn require(&mut self, asked: Vec<Constraint>) -> Result<(), Never> {
        self.follow(asked, &Cell::new(MOST_STEPS))
    }

    /// Choices within choices are more than can be tried: where the steps are used up, nothing is said.
    fn follow(&mut self, asked: Vec<Constraint>, steps: &Cell<u32>) -> Result<(), Never> {
        let (mut pending, mut choices) = (asked, Vec::new());
        while let Some(asked) = pending.pop() {
            let Some(left) = steps.get().checked_sub(1) else { return Ok(()) };
            steps.set(left);
            match self.take(asked)? {
                Ways::All(more) => pending.extend(more),
                Ways::Any(ways) => choices.push(ways),
            }
        }
        for (one, other, by) in &self.apart {
            if self.bounds.difference(one, other) == Some(*by) {
                return Err(contradiction(&[one, other]));
            }
        }
        choices.into_iter().try_for_each(|ways| {
            let mut why = Never::Constant;
            for way in ways {
                match self.clone().follow(way, steps) {
                    Ok(()) => return Ok(()),
                    Err(never) => why = never,
                }
            }
            Err(why)
        })
    }

    fn take(&mut self, asked: Constraint) -> Result<Ways, Never> {
        match asked {
            True(condition) => self.is_true(condition),
            NotTrue(condition) => is_not_true(condition),
            NotNull(value) => self.is_not_null(value),
            Null(value) => self.is_null(value),
        }
    }

    fn is_true(&mut self, condition: Expr) -> Result<Ways, Never> {
        Ok(match condition {
            Expr::Literal(ScalarValue::Boolean(Some(true)), _) => Ways::All(Vec::new()),
            Expr::Literal(..) => return Err(Never::Constant),
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                Ways::All(vec![True(*right), True(*left)])
            }
            Expr::BinaryExpr(BinaryExpr { op: Operator::Or, .. }) => {
                let parts = split_binary_owned(condition, Operator::Or);
                Ways::Any(parts.into_iter().map(|part| vec![True(part)]).collect())
            }
            // So it is said of the conditions of a `case`.
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::IsNotDistinctFrom, right })
                if *right == lit(true) =>
            {
                Ways::All(vec![True(*left)])
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_ordering(op) => {
                if op == Operator::Eq
                    && (is_no_outcome(&left, &right) || is_no_outcome(&right, &left))
                {
                    return Err(contradiction(&[
                        &BoundedValue::Term(*left, false),
                        &BoundedValue::Term(*right, false),
                    ]));
                }
                self.compare(&left, op, &right)?;
                Ways::All(vec![NotNull(*left), NotNull(*right)])
            }
            Expr::Between(Between { expr, negated: false, low, high }) => {
                Ways::All(vec![True((*expr).clone().lt_eq(*high)), True(expr.gt_eq(*low))])
            }
            Expr::Between(Between { expr, negated: true, low, high }) => {
                Ways::Any(vec![vec![True((*expr).clone().lt(*low))], vec![True((*expr).gt(*high))]])
            }
            Expr::InList(InList { expr, list, negated: false }) => {
                let way = |item| vec![True((*expr).clone().eq(item))];
                Ways::Any(list.into_iter().map(way).collect())
            }
            Expr::InList(InList { expr, list, negated: true }) => {
                let known = [&*expr].into_iter().chain(&list).map(|value| NotNull(value.clone()));
                let differ = list.iter().filter(|_| !self.is_number(&expr));
                let differ = differ.map(|item| True((*expr).clone().not_eq(item.clone())));
                Ways::All(known.chain(differ).collect())
            }
            Expr::IsNull(value) | Expr::IsUnknown(value) => Ways::All(vec![Null(*value)]),
            Expr::IsNotNull(value) | Expr::IsNotUnknown(value) => Ways::All(vec![NotNull(*value)]),
            Expr::IsTrue(condition) => Ways::All(vec![True(*condition)]),
            Expr::IsNotTrue(condition) => Ways::All(vec![NotTrue(*condition)]),
            Expr::Case(case) if is_short(&case) => Ways::Any(self.each_case(case, True)),
            Expr::Not(condition) => self.is_false(*condition)?,
            condition => self.is(condition, true)?,
        })
    }

    fn is_false(&mut self, condition: Expr) -> Result<Ways, Never> {
        let not = |part: Box<Expr>| True(Expr::Not(part));
        Ok(match condition {
            Expr::Literal(ScalarValue::Boolean(Some(false)), _) => Ways::All(Vec::new()),
            Expr::Literal(..) => return Err(Never::Constant),
            Expr::Not(condition) => Ways::All(vec![True(*condition)]),
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
                Ways::All(vec![not(right), not(left)])
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                Ways::Any(vec![vec![not(left)], vec![not(right)]])
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_ordering(op) => {
                let op = op.negate().expect("comparisons have an opposite");
                Ways::All(vec![True(Expr::BinaryExpr(BinaryExpr { left, op, right }))])
            }
            Expr::Between(between) => {
                let negated = !between.negated;
                Ways::All(vec![True(Expr::Between(Between { negated, ..between }))])
            }
            Expr::InList(list) => {
                let negated = !list.negated;
                Ways::All(vec![True(Expr::InList(InList { negated, ..list }))])
            }
            Expr::IsNull(value) | Expr::IsUnknown(value) => Ways::All(vec![NotNull(*value)]),
            Expr::IsNotNull(value) | Expr::IsNotUnknown(value) => Ways::All(vec![Null(*value)]),
            Expr::IsTrue(condition) => Ways::All(vec![NotTrue(*condition)]),
            Expr::IsNotTrue(condition) => Ways::All(vec![True(*condition)]),
            condition => self.is(condition, false)?,
        })
    }

    /// A condition that is not looked into is one value, true or false.
    fn is(&mut self, condition: Expr, value: bool) -> Result<Ways, Never> {
        let (condition, value) = match condition {
            Expr::Like(like @ Like { negated: true, .. }) => {
                (Expr::Like(Like { negated: false, ..like }), !value)
            }
            other => (other, value),
        };
        self.compare(&condition, Operator::Eq, &lit(value))?;
        if value && let Some((text, prefix, is_whole)) = begins(&condition) {
            if is_whole {
                self.compare(text, Operator::Eq, &lit(prefix))?;
            } else {
                let behind = behind_all(&prefix);
                self.compare(text, Operator::GtEq, &lit(prefix))?;
                behind.map_or(Ok(()), |behind| self.compare(text, Operator::Lt, &lit(behind)))?;
            }
        }
        Ok(Ways::All(vec![NotNull(condition)]))
    }

    fn is_not_null(&mut self, value: Expr) -> Result<Ways, Never> {
        let parts = match &value {
            Expr::Literal(value, _) if value.is_null() => return Err(Never::Constant),
            Expr::Literal(..) => return Ok(Ways::All(Vec::new())),
            Expr::Case(case) if is_short(case) => {
                return Ok(Ways::Any(self.each_case(case.clone(), NotNull)));
            }
            Expr::ScalarFunction(function) if function.func.name() == "coalesce" => {
                let way = |argument: &Expr| vec![NotNull(argument.clone())];
                return Ok(Ways::Any(function.args.iter().map(way).collect()));
            }
            Expr::ScalarFunction(function) if function.func.name() == "nullif" => {
                match function.args.as_slice() {
                    [value, other] => {
                        [self.differ(value, other), vec![NotNull(value.clone())]].concat()
                    }
                    _ => Vec::new(),
                }
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_strict(*op) => {
                vec![NotNull((**left).clone()), NotNull((**right).clone())]
            }
            Expr::Cast(Cast { expr: inner, .. }) | Expr::Negative(inner) | Expr::Not(inner) => {
                vec![NotNull((**inner).clone())]
            }
            _ => Vec::new(),
        };
        self.null(value, false)?;
        Ok(Ways::All(parts))
    }

    fn is_null(&mut self, value: Expr) -> Result<Ways, Never> {
        Ok(match value {
            Expr::Literal(value, _) if !value.is_null() => return Err(Never::Constant),
            Expr::Cast(Cast { expr, .. }) => Ways::All(vec![Null(*expr)]),
            Expr::ScalarFunction(function) if function.func.name() == "coalesce" => {
                Ways::All(function.args.into_iter().map(Null).collect())
            }
            value => {
                self.null(value, true)?;
                Ways::All(Vec::new())
            }
        })
    }

    fn null(&mut self, value: Expr, null: bool) -> Result<(), Never> {
        if *self.nulls.entry(value.clone()).or_insert(null) == null {
            return Ok(());
        }
        Err(contradiction(&[&BoundedValue::Term(value, false)]))
    }

    fn compare(&mut self, left: &Expr, operator: Operator, right: &Expr) -> Result<(), Never> {
        let (Some(left), Some(right)) = (sum(&self.schema, left), sum(&self.schema, right)) else {
            return Ok(());
        };
        let SumTerms { plus, minus, by } = left.less(right).short();
        let ([one], [other]) = (plus.as_slice(), minus.as_slice()) else { return Ok(()) };
        // one - other + by stands on the left, nothing on the right.
        let below = |one, other, most, open| (one, other, Gap { most, open });
        let gaps = match operator {
            Operator::Lt => vec![below(one, other, -by, true)],
            Operator::LtEq => vec![below(one, other, -by, false)],
            Operator::Gt => vec![below(other, one, by, true)],
            Operator::GtEq => vec![below(other, one, by, false)],
            Operator::Eq => vec![below(one, other, -by, false), below(other, one, by, false)],
            _ => {
                self.apart.push((one.clone(), other.clone(), -by));
                Vec::new()
            }
        };
        gaps.into_iter().try_for_each(|(one, other, gap)| {
            self.bounds.above(one, other, gap).map_err(|_| contradiction(&[one, other]))
        })
    }

    /// What is asked of a `case`, by each of its branches.
    fn each_case(&self, case: Case, asked: fn(Expr) -> Constraint) -> Vec<Vec<Constraint>> {
        let Case { expr: base, when_then_expr, else_expr } = case;
        let (mut ways, mut before) = (Vec::new(), Vec::new());
        for (when, then) in when_then_expr {
            let (holds, fails) = match &base {
                Some(base) => {
                    (True((**base).clone().eq((*when).clone())), self.differ(base, &when))
                }
                None => (True((*when).clone()), vec![NotTrue(*when)]),
            };
            ways.push([&before[..], &[holds, asked(*then)]].concat());
            before.extend(fails);
        }
        let otherwise = else_expr.map_or(Expr::Literal(ScalarValue::Null, None), |other| *other);
        ways.push([&before[..], &[asked(otherwise)]].concat());
        ways
    }

    /// That values differ to `nullif` or `case`.
    fn differ(&self, one: &Expr, other: &Expr) -> Vec<Constraint> {
        match self.is_number(one) {
            true => Vec::new(),
            false => vec![NotTrue(one.clone().eq(other.clone()))],
        }
    }

    /// To `in`, `nullif` and `case` -0.0 differs from 0.0, which are equal to `=`.
    fn is_number(&self, value: &Expr) -> bool {
        matches!(value.get_type(&*self.schema), Ok(DataType::Float64))
    }
}

/// Each branch is tried beside all those before it.
fn is_short(case: &Case) -> bool {
    case.when_then_expr.len() <= 50
}

/// By the columns that the values are of.
fn contradiction(values: &[&BoundedValue]) -> Never {
    let mut names: Vec<String> = Vec::new();
    for value in values {
        let BoundedValue::Term(term, _) = value else { continue };
        let used = term.column_refs().into_iter().map(|column| column.name.clone());
        let mut used: Vec<String> = used.filter(|name| !names.contains(name)).collect();
        used.sort_unstable();
        names.extend(used);
    }
    Never::Contradiction(names)
}

fn is_not_true(condition: Expr) -> Result<Ways, Never> {
    Ok(match condition {
        Expr::Literal(ScalarValue::Boolean(Some(true)), _) => return Err(Never::Constant),
        Expr::Literal(..) => Ways::All(Vec::new()),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            Ways::All(vec![NotTrue(*right), NotTrue(*left)])
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            Ways::Any(vec![vec![NotTrue(*left)], vec![NotTrue(*right)]])
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_ordering(op) => {
            let op = op.negate().expect("comparisons have an opposite");
            let (left_is_null, right_is_null) = (Null((*left).clone()), Null((*right).clone()));
            let opposite = True(Expr::BinaryExpr(BinaryExpr { left, op, right }));
            Ways::Any(vec![vec![left_is_null], vec![right_is_null], vec![opposite]])
        }
        Expr::IsNull(value) | Expr::IsUnknown(value) => Ways::All(vec![NotNull(*value)]),
        Expr::IsNotNull(value) | Expr::IsNotUnknown(value) => Ways::All(vec![Null(*value)]),
        other => {
            let is_false = True(Expr::Not(Box::new(other.clone())));
            Ways::Any(vec![vec![Null(other)], vec![is_false]])
        }
    })
}
