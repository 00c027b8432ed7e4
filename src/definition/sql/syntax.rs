//! What is written in one way and meant in another, put right before an expression is planned.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion_sql::sqlparser::ast::{
    CaseWhen, CastKind, DataType, ExactNumberInfo, Expr, FunctionArg, FunctionArgExpr,
    FunctionArguments, Value, visit_expressions_mut,
};

use crate::aggregate::digits::DIGITS;

/// Puts in place what the planner would take for something else, or would not take.
pub fn meant(expression: &mut Expr) {
    let walked = visit_expressions_mut(expression, |part| {
        if let Some(instead) = nvl2(part).or_else(|| double(part)) {
            *part = instead;
        }
        ControlFlow::<()>::Continue(())
    });
    debug_assert!(walked.is_continue());
}

/// `nvl2(x, a, b)` as a case: `a` and `b` are of one type, and `x` is of any.
fn nvl2(part: &Expr) -> Option<Expr> {
    let Expr::Function(call) = part else { return None };
    let FunctionArguments::List(list) = &call.args else { return None };
    let argument = |of: &FunctionArg| match of {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(of)) => Some(Box::new(of.clone())),
        _ => None,
    };
    let [of, then, other] = &list.args[..] else { return None };
    if !call.name.to_string().eq_ignore_ascii_case("nvl2") {
        return None;
    }
    let of = Box::new(Expr::Nested(argument(of)?));
    Some(Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition: Expr::IsNotNull(of), result: *argument(then)? }],
        else_result: Some(argument(other)?),
    })
}

/// A number such as `1e300`, which no decimal has room for.
fn double(part: &Expr) -> Option<Expr> {
    let Expr::Value(value) = part else { return None };
    let Value::Number(text, _) = &value.value else { return None };
    let (digits, exponent) = text.split_once(['e', 'E'])?;
    let behind = digits.split_once('.').map_or(0, |(_, behind)| behind.len()) as i64;
    let number = digits.bytes().filter(u8::is_ascii_digit).count() as i64;
    let places = behind.saturating_sub(exponent.parse().unwrap_or(i64::MAX));
    let needed = if places < 0 { number.saturating_sub(places) } else { number.max(places) };
    (needed > i64::from(DIGITS)).then(|| Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(Expr::Value(Value::SingleQuotedString(text.clone()).into())),
        data_type: DataType::Double(ExactNumberInfo::None),
        array: false,
        format: None,
    })
}
