//! Ranks over all people: `ntile(expression, n)` in SQL over attributes.
//!
//! DataFusion only plans the function; computing it is ours. So the calls are taken out of an
//! expression, and columns with the scores put in their place.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion_common::tree_node::TreeNode;
use datafusion_common::{ScalarValue, not_impl_err};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion_sql::sqlparser::dialect::GenericDialect;
use datafusion_sql::sqlparser::tokenizer::{Token, Tokenizer};

use super::SqlError;
use super::aggregate::replace_calls;

pub const NTILE: &str = "ntile";

/// The fewest and the most bins that people may be ranked into.
pub const FEWEST_BINS: u16 = 2;
pub const MOST_BINS: u16 = 1_000;

/// What DataFusion has to know of the function to plan it.
pub fn function() -> Arc<ScalarUDF> {
    let signature = Signature::variadic_any(Volatility::Immutable);
    Arc::new(ScalarUDF::new_from_impl(Ntile { signature }))
}

/// Whether an expression has a rank in it.
pub fn has_ntile(expression: &Expr) -> bool {
    expression.exists(|part| Ok(is_ntile(part))).unwrap_or(false)
}

fn is_ntile(expression: &Expr) -> bool {
    matches!(expression, Expr::ScalarFunction(function) if function.func.name() == NTILE)
}

/// Takes the ranks out of an expression. `file` is given what is ranked and into how many bins, and
/// names the column of the scores.
pub fn take_out(
    text: &str,
    expression: Expr,
    mut file: impl FnMut(Expr, u16) -> Result<String, SqlError>,
) -> Result<Expr, SqlError> {
    if has_window(text) {
        return Err(SqlError::new(format!(
            "'over' has no place here: {NTILE}(lifetime_value, 10) ranks over all people"
        )));
    }
    replace_calls(expression, |part| match part {
        Expr::ScalarFunction(function) if is_ntile(part) => {
            Some(call(function).and_then(|(ranked, bins)| file(ranked, bins)))
        }
        _ => None,
    })
}

fn call(function: &ScalarFunction) -> Result<(Expr, u16), SqlError> {
    let wanted = format!(
        "{NTILE} takes what is ranked and a whole number from {FEWEST_BINS} to 1,000, as in \
         {NTILE}(lifetime_value, 10)"
    );
    let number = match function.args.as_slice() {
        [ranked, _] if has_ntile(ranked) => {
            return Err(SqlError::new(format!("{NTILE} in {NTILE}(…): ranks do not nest")));
        }
        [ranked, Expr::Literal(ScalarValue::Int64(Some(number)), _)] => {
            match u16::try_from(*number) {
                Ok(bins @ FEWEST_BINS..=MOST_BINS) => return Ok((ranked.clone(), bins)),
                _ => number.to_string(),
            }
        }
        [_, other] => format!("'{}'", other.clone().unalias()),
        [_] => "one argument".to_owned(),
        other => format!("{} arguments", other.len()),
    };
    Err(SqlError::new(format!("{wanted}: found {number}")))
}

/// How many bins an expression ranks people into, if it is a rank and nothing else.
pub fn bins(expression: &Expr) -> Option<u16> {
    match expression {
        Expr::ScalarFunction(function) if is_ntile(expression) => Some(call(function).ok()?.1),
        _ => None,
    }
}

/// Whether an expression has an `over (…)`, which planning a function of one row passes over.
fn has_window(text: &str) -> bool {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize().unwrap_or_default();
    let tokens: Vec<Token> =
        tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    tokens.windows(2).any(|pair| match pair {
        [Token::RParen, Token::Word(word)] => {
            word.quote_style.is_none() && word.value.eq_ignore_ascii_case("over")
        }
        _ => false,
    })
}

/// A function that can be planned, not run.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Ntile {
    signature: Signature,
}

impl ScalarUDFImpl for Ntile {
    fn name(&self) -> &str {
        NTILE
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> datafusion_common::Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> datafusion_common::Result<ColumnarValue> {
        not_impl_err!("ranks are computed elsewhere")
    }
}
