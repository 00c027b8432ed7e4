//! The text of an expression as a syntax tree, no deeper than all that looks at it can follow.
//!
//! What reads, plans and evaluates an expression does so by recursion, on stacks of 2 MiB. So a long chain
//! of one operator that may be bracketed in any way (`a or b or c …`) is bracketed evenly, as deep as its
//! logarithm, and what is deep in another way is told.

use std::mem;
use std::ops::ControlFlow;

use arrow::datatypes::{FieldRef, Schema};
use datafusion_sql::sqlparser::ast::{BinaryOperator, Expr, Value, VisitMut, VisitorMut};
use datafusion_sql::sqlparser::dialect::GenericDialect;
use datafusion_sql::sqlparser::parser::{Parser, ParserError};
use datafusion_sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Word};

use super::aggregate::no_by;
use super::mistake::SqlError;
use super::names::QUALIFIED;
use super::{by_key, habits};

/// How deep an expression may be.
const DEEPEST: usize = 100;

/// The parser itself goes no deeper than 50 calls of its own.
const DEEPEST_TO_THE_PARSER: usize = 20;

/// Chains up to here stay as they are written.
const SHORT: usize = 16;

/// A text, with names as `products.price` made those of their columns.
pub fn parse(text: &str, schema: &Schema) -> Result<Expr, SqlError> {
    let tokens = Tokenizer::new(&GenericDialect {}, text)
        .tokenize_with_location()
        .map_err(|error| SqlError::syntax(&error.to_string(), text))?;
    let tokens = by_key::put_into_calls(name_qualified(tokens, schema))?;
    // The parser tries several readings, and does not always tell that it gave one up at its depth.
    let is_deep = nesting(&tokens) > DEEPEST_TO_THE_PARSER;
    let mut parser = Parser::new(&GenericDialect {}).with_tokens_with_locations(tokens);
    let parsed = parser.parse_expr().map_err(|error| match error {
        ParserError::RecursionLimitExceeded => too_deep(),
        _ if is_deep => too_deep(),
        _ if is_statement(text) => no_statement(),
        other => SqlError::syntax(&other.to_string(), text),
    });
    let parsed = parsed?;
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        if is_deep {
            dismantle(parsed);
            return Err(too_deep());
        }
        let at = (rest.span.start.line, rest.span.start.column);
        let meant = habits::meant(text, at).map_or_else(String::new, |meant| format!(": {meant}"));
        let message = format!("expected the end of the expression, found '{}'{meant}", rest.token);
        let is_by = rest.token.to_string().eq_ignore_ascii_case("by");
        let by = name_of_call(&parsed).filter(|_| is_by).map(|name| no_by(&name, false));
        dismantle(parsed);
        if is_statement(text) {
            return Err(no_statement());
        }
        return Err(SqlError { at: Some(at), ..by.unwrap_or_else(|| SqlError::new(message)) });
    }
    shallow(parsed)
}

/// The name of the function that is called.
fn name_of_call(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Function(function) => Some(function.name.to_string().to_lowercase()),
        _ => None,
    }
}

/// A column's name as an expression has it: in double quotes where it is a word of SQL.
pub fn name_in_sql(name: &str) -> String {
    let is_name = |text: &str| {
        let parsed = parse(text, &Schema::empty());
        matches!(parsed, Ok(Expr::Identifier(of)) if of.value == name)
    };
    // Some words are names where they stand alone, and not as what a function is called with.
    let is_argument = parse(&format!("last({name})"), &Schema::empty()).is_ok();
    if is_name(name) && is_argument {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn no_statement() -> SqlError {
    let message = "an expression stands here alone, without 'select' and 'from'";
    SqlError { at: Some((1, 1)), ..SqlError::new(message) }
}

/// Whether a text begins as a whole statement of SQL does.
fn is_statement(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    ["select", "with"].iter().any(|word| first.eq_ignore_ascii_case(word))
}

/// How deep parentheses, cases and what stands before a term go.
fn nesting(tokens: &[TokenWithSpan]) -> usize {
    let (mut depth, mut most, mut before): (usize, usize, usize) = (0, 0, 0);
    for TokenWithSpan { token, .. } in tokens {
        let keyword = |name: &str| match token {
            Token::Word(word) => {
                word.quote_style.is_none() && word.value.eq_ignore_ascii_case(name)
            }
            _ => false,
        };
        match token {
            Token::Whitespace(_) => continue,
            Token::Minus | Token::Plus | Token::Tilde | Token::ExclamationMark => before += 1,
            _ if keyword("not") => before += 1,
            _ => before = 0,
        }
        if matches!(token, Token::LParen | Token::LBracket) || keyword("case") {
            depth += 1;
        } else if matches!(token, Token::RParen | Token::RBracket) || keyword("end") {
            depth = depth.saturating_sub(1);
        }
        most = most.max(depth + before);
    }
    most
}

fn too_deep() -> SqlError {
    SqlError::new(
        "it is too deep: parentheses, functions and cases may stand 20 deep within one another, and \
         100 terms in a chain (any number with and, or and ||): give a part of it a name of its own",
    )
}

/// Brackets long chains evenly.
fn shallow(mut expression: Expr) -> Result<Expr, SqlError> {
    match expression.visit(&mut Shallow { depth: 0 }) {
        ControlFlow::Continue(()) => Ok(expression),
        ControlFlow::Break(()) => Err(too_deep()),
    }
}

struct Shallow {
    depth: usize,
}

impl VisitorMut for Shallow {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        self.depth += 1;
        if self.depth + leftmost(expression) > DEEPEST {
            dismantle(mem::replace(expression, nothing()));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, _: &mut Expr) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }
}

/// Whether an operator is associative, for three-valued logic too: however its terms are bracketed, each is
/// looked at where it was before.
fn is_associative(op: &BinaryOperator) -> bool {
    matches!(op, BinaryOperator::And | BinaryOperator::Or | BinaryOperator::StringConcat)
}

/// The terms of a chain, taken apart from its end.
fn chain(mut expression: Expr, of: &BinaryOperator) -> Vec<Expr> {
    let mut terms = Vec::new();
    loop {
        match expression {
            Expr::BinaryOp { left, op, right } if op == *of => {
                terms.push(*right);
                expression = *left;
            }
            other => {
                terms.push(other);
                terms.reverse();
                return terms;
            }
        }
    }
}

fn bracketed(mut terms: Vec<Expr>, op: &BinaryOperator) -> Expr {
    let join = |left: Expr, right: Expr| Expr::BinaryOp {
        left: Box::new(left),
        op: op.clone(),
        right: Box::new(right),
    };
    if terms.len() <= SHORT {
        return terms.into_iter().reduce(join).expect("a chain has two terms or more");
    }
    let rest = terms.split_off(terms.len() / 2);
    join(bracketed(terms, op), bracketed(rest, op))
}

/// How far it goes down on the left side, where the parser loops and counts nothing, once its chains are
/// bracketed evenly.
fn leftmost(expression: &mut Expr) -> usize {
    let (mut depth, mut part) = (0, expression);
    loop {
        if let Expr::BinaryOp { op, .. } = part
            && is_associative(op)
        {
            let op = op.clone();
            let chain = chain(mem::replace(part, nothing()), &op);
            *part = bracketed(chain, &op);
        }
        if let Expr::CompoundFieldAccess { access_chain, .. } = part {
            depth += access_chain.len() - 1;
        }
        let Some(left) = left(part) else { return depth };
        part = left;
        depth += 1;
    }
}

/// Drops it from the top down: dropped as a whole, it would take a frame of the stack for each level.
fn dismantle(mut expression: Expr) {
    while let Some(left) = left(&mut expression) {
        expression = mem::replace(left, nothing());
    }
}

fn nothing() -> Expr {
    Expr::Value(Value::Null.into())
}

/// What stands on the left side of what the parser puts behind an expression.
fn left(expression: &mut Expr) -> Option<&mut Box<Expr>> {
    Some(match expression {
        Expr::BinaryOp { left, .. } | Expr::AnyOp { left, .. } | Expr::AllOp { left, .. } => left,
        Expr::IsDistinctFrom(left, _) | Expr::IsNotDistinctFrom(left, _) => left,
        Expr::IsTrue(expr)
        | Expr::IsNotTrue(expr)
        | Expr::IsFalse(expr)
        | Expr::IsNotFalse(expr)
        | Expr::IsNull(expr)
        | Expr::IsNotNull(expr)
        | Expr::IsUnknown(expr)
        | Expr::IsNotUnknown(expr)
        | Expr::IsNormalized { expr, .. }
        | Expr::InList { expr, .. }
        | Expr::InSubquery { expr, .. }
        | Expr::InUnnest { expr, .. }
        | Expr::Between { expr, .. }
        | Expr::Like { expr, .. }
        | Expr::ILike { expr, .. }
        | Expr::SimilarTo { expr, .. }
        | Expr::RLike { expr, .. }
        | Expr::UnaryOp { expr, .. }
        | Expr::Cast { expr, .. }
        | Expr::Collate { expr, .. }
        | Expr::Nested(expr) => expr,
        Expr::AtTimeZone { timestamp, .. } => timestamp,
        Expr::CompoundFieldAccess { root, .. } => root,
        _ => return None,
    })
}

/// `products.price` → the column that has this name beside its own.
fn name_qualified(tokens: Vec<TokenWithSpan>, schema: &Schema) -> Vec<TokenWithSpan> {
    let named = |table: &Word, column: &Word| {
        let name = format!("{}.{}", table.value, column.value);
        let has_it = |field: &&FieldRef| field.metadata().get(QUALIFIED) == Some(&name);
        schema.fields().iter().find(has_it).map(|field| field.name())
    };
    let mut renamed: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for token in tokens {
        if let Token::Word(column) = &token.token
            && let [.., before, period] = renamed.as_slice()
            && let (Token::Word(table), Token::Period) = (&before.token, &period.token)
            && let Some(name) = named(table, column)
        {
            let span = before.span.union(&token.span);
            renamed.truncate(renamed.len() - 2);
            renamed.push(TokenWithSpan::new(Token::make_word(name, Some('"')), span));
            continue;
        }
        renamed.push(token);
    }
    renamed
}
