//! What a condition on a text says of it: how it begins, and what a function of it can't give.

use datafusion_expr::Expr;
use datafusion_expr::expr::Like;

/// Takes a condition that asks how a text begins apart: the text, its beginning, and whether that is all of it.
pub fn begins(condition: &Expr) -> Option<(&Expr, String, bool)> {
    match condition {
        Expr::Like(Like { expr, pattern, case_insensitive: false, escape_char: None, .. }) => {
            let pattern = text(pattern)?;
            let prefix = pattern.split(['%', '_']).next().unwrap_or_default();
            let is_whole = prefix.len() == pattern.len();
            (!prefix.contains('\\')).then(|| (&**expr, prefix.to_owned(), is_whole))
        }
        Expr::ScalarFunction(function) if function.func.name() == "starts_with" => {
            let [of, prefix] = function.args.as_slice() else { return None };
            Some((of, text(prefix)?.to_owned(), false))
        }
        _ => None,
    }
}

/// The least text behind all that begin so.
pub fn behind_all(prefix: &str) -> Option<String> {
    let mut behind = prefix.to_owned();
    while let Some(last) = behind.pop() {
        // What can't be encoded lies between these two.
        let next =
            if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(last as u32 + 1) };
        if let Some(next) = next {
            behind.push(next);
            return Some(behind);
        }
    }
    None
}

/// Whether a function gives what is no outcome of it: each of these leaves its own outcomes as they are.
pub fn is_no_outcome(of: &Expr, wanted: &Expr) -> bool {
    let Expr::ScalarFunction(function) = of else { return false };
    let ([_], Some(wanted)) = (function.args.as_slice(), text(wanted)) else { return false };
    let again = match function.func.name() {
        "upper" => wanted.to_uppercase(),
        "lower" => wanted.to_lowercase(),
        "btrim" => wanted.trim_matches(' ').to_owned(),
        "ltrim" => wanted.trim_start_matches(' ').to_owned(),
        "rtrim" => wanted.trim_end_matches(' ').to_owned(),
        _ => return false,
    };
    again != wanted
}

fn text(value: &Expr) -> Option<&str> {
    match value {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}
