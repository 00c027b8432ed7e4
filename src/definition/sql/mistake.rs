//! What is wrong with an expression: what parser and planner say, in the words of the language.

use arrow::datatypes::{DataType, Schema};
use datafusion_common::{DataFusionError, SchemaError};
use datafusion_expr::Expr;
use datafusion_sql::sqlparser::dialect::GenericDialect;
use datafusion_sql::sqlparser::keywords::Keyword;
use datafusion_sql::sqlparser::tokenizer::{Token, Tokenizer, Word};

use crate::plan::failure::failure;

use super::habits;
use super::names::NOW;
use super::pair::BY;
use crate::definition::file::diagnostic::suggest;

/// What is wrong with an expression.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqlError {
    pub message: String,
    /// Where in the text, line and column from 1, if that is known.
    pub at: Option<(u64, u64)>,
    /// The column that there is not.
    pub unknown: Option<String>,
}

impl SqlError {
    pub fn new(message: impl Into<String>) -> Self {
        SqlError { message: message.into(), ..SqlError::default() }
    }

    /// At the first place of a name.
    pub fn at_name(message: impl Into<String>, text: &str, name: &str) -> Self {
        SqlError { at: position_of(text, name), ..SqlError::new(message) }
    }

    /// What the parser says of a text.
    pub fn syntax(message: &str, text: &str) -> Self {
        let message = message.strip_prefix("sql parser error: ").unwrap_or(message);
        let (what, place) = message.split_once(" at Line: ").unwrap_or((message, ""));
        let at = place.split_once(", Column: ").and_then(|(line, column)| {
            let column: String = column.chars().take_while(char::is_ascii_digit).collect();
            Some((line.parse().ok()?, column.parse().ok()?))
        });
        let word = at.and_then(|at| word_before(text, at));
        let what = match what.strip_prefix("Expected: ").and_then(|it| it.split_once(", found: ")) {
            Some((expected, found))
                if let Some(meant) = at.and_then(|at| habits::meant(text, at)) =>
            {
                let expected = match expected.starts_with("[NOT] NULL") {
                    true => "what goes with 'is'",
                    false => expected,
                };
                let found =
                    if found.starts_with('\'') { found.to_owned() } else { format!("'{found}'") };
                format!("expected {expected}, found {found}: {meant}")
            }
            Some((expected, found)) if let Some(word) = word => {
                let found =
                    if found == "EOF" { "the end".to_owned() } else { format!("'{found}'") };
                format!(
                    "expected {expected}, found {found}: '{word}' is a word of SQL, and as a name it \
                     stands in double quotes, as in \"{word}\""
                )
            }
            Some((expected, "EOF")) => format!("expected {expected}, found the end"),
            Some((expected, "!")) => {
                format!("expected {expected}, found '!': 'not' negates a condition")
            }
            Some((expected, found)) => format!("expected {expected}, found '{found}'"),
            None if what.starts_with("Unterminated string") => {
                "a text that is not closed: it ends with a quote".to_owned()
            }
            None if what.starts_with("No infix parser for token ") => {
                let meant = at.and_then(|at| habits::meant(text, at));
                meant.map_or_else(
                    || "there is no such operator".to_owned(),
                    |meant| format!("there is no such operator: {meant}"),
                )
            }
            None => what.to_lowercase(),
        };
        SqlError { at: at.or_else(|| Some(end_of(text))), ..SqlError::new(what) }
    }

    /// What the planner says of an expression over a schema.
    pub fn over(error: DataFusionError, schema: &Schema) -> Self {
        let error = SqlError::from(error);
        // `identifiers['email']` is a field of a structure to the planner.
        let name = error.message.strip_prefix("Field ");
        let name = name.and_then(|name| name.strip_suffix(" not found in struct"));
        let (Some(name), Ok(identifiers)) = (name, schema.field_with_name("identifiers")) else {
            return error;
        };
        let DataType::Struct(types) = identifiers.data_type() else { return error };
        let names: Vec<&str> = types.iter().map(|kind| kind.name().as_str()).collect();
        let message = format!("unknown identifier type '{name}': {}", suggest(name, &names));
        SqlError { unknown: Some(name.to_owned()), ..SqlError::new(message) }
    }

    /// What the planner says of a text over a schema.
    pub fn planning(error: DataFusionError, text: &str, schema: &Schema) -> Self {
        if let DataFusionError::SchemaError(unknown, _) = error.find_root()
            && let SchemaError::FieldNotFound { field, .. } = &**unknown
        {
            let names = schema.fields().iter().map(|field| field.name().as_str());
            let names: Vec<&str> =
                names.filter(|name| *name != NOW && !name.starts_with('#')).collect();
            let hint = match super::names::hint(&field.name) {
                Some(hint) => hint.to_owned(),
                None if field.relation.is_some() && names.contains(&field.name.as_str()) => {
                    format!("a column stands without its source, as {}", field.name)
                }
                None => suggest(&field.name, &names),
            };
            let quoted = match is_quoted(text, &field.name) {
                true => format!(
                    "; double quotes make it a name, and a text stands in single ones, as in '{}'",
                    field.name.replace('\'', "''")
                ),
                false => String::new(),
            };
            let table = field.relation.as_ref().map_or_else(String::new, |of| format!("{of}."));
            let message = format!("unknown column '{table}{}': {hint}{quoted}", field.name);
            let error = SqlError::at_name(message, text, &field.name);
            return SqlError { unknown: Some(field.name.clone()), ..error };
        }
        // Such as "Function 'upper' expects 1 arguments but received 2".
        let said = error.strip_backtrace();
        let name = said.split_once("Function '").and_then(|(_, rest)| rest.split_once('\''));
        // What stands for no name of a text is where `by` is.
        let name = name.map(|(name, _)| if name == BY { "by" } else { name });
        let at = name.and_then(|name| position_of(text, name));
        let error = SqlError::over(error, schema);
        SqlError { at: error.at.or(at), ..error }
    }
}

impl From<DataFusionError> for SqlError {
    fn from(error: DataFusionError) -> Self {
        SqlError::new(failure(error))
    }
}

/// What no expression of a definition may have in it.
pub fn out_of_place(expression: &Expr) -> Option<&'static str> {
    Some(match expression {
        Expr::ScalarSubquery(_)
        | Expr::Exists(_)
        | Expr::InSubquery(_)
        | Expr::SetComparison(_)
        | Expr::OuterReferenceColumn(..) => {
            "a subquery has no place here: an expression looks at one row, or at a person's \
             rows through aggregates"
        }
        Expr::WindowFunction(_) => {
            "'over' has no place here: an aggregate is over all of the person's rows that count"
        }
        Expr::SimilarTo(_) => {
            "'similar to' has no place here: 'like' takes % and _, and '~' a regular expression, as in \
             x ~ '^(a|b)$'"
        }
        Expr::Placeholder(_) => "a '$' or '?' stands for no value here",
        Expr::Unnest(_) => "unnest has no place here: an expression has one value",
        _ => return None,
    })
}

/// The line and column, from 1, at which a name or a quoted text stands in an expression.
pub fn position_of(text: &str, name: &str) -> Option<(u64, u64)> {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location().ok()?;
    let find = |same: &dyn Fn(&str) -> bool| {
        let found = tokens.iter().find(|token| match &token.token {
            Token::Word(word) => same(&word.value),
            Token::SingleQuotedString(value) => same(value),
            _ => false,
        });
        found.map(|token| (token.span.start.line, token.span.start.column))
    };
    find(&|word| word == name).or_else(|| find(&|word| word.eq_ignore_ascii_case(name)))
}

/// Whether a name stands in double quotes wherever it stands in a text: it may be meant as a text itself.
fn is_quoted(text: &str, name: &str) -> bool {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize().unwrap_or_default();
    let mut same = tokens.iter().filter_map(|token| match token {
        Token::Word(word) if word.value == name => Some(word.quote_style == Some('"')),
        _ => None,
    });
    same.next().is_some_and(|first| first && same.all(|is_quoted| is_quoted))
}

/// The word of SQL that stands alone before a place, where a name may have been meant.
fn word_before(text: &str, (line, column): (u64, u64)) -> Option<String> {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location().ok()?;
    let before = tokens.iter().take_while(|token| {
        let start = token.span.start;
        start.line != 0 && (start.line, start.column) < (line, column)
    });
    let mut before: Vec<&Token> = before.map(|token| &token.token).collect();
    before.retain(|token| !matches!(token, Token::Whitespace(_) | Token::EOF));
    match before.as_slice() {
        [] => None,
        [Token::Word(word)] => reserved(word),
        [
            ..,
            Token::LParen | Token::Comma | Token::Eq | Token::Gt | Token::Lt,
            Token::Word(word),
        ] => reserved(word),
        _ => None,
    }
}

fn reserved(word: &Word) -> Option<String> {
    let is = word.quote_style.is_none() && word.keyword != Keyword::NoKeyword;
    is.then(|| word.value.clone())
}

/// The line and column behind the last word.
fn end_of(text: &str) -> (u64, u64) {
    let text = text.trim_end();
    let line = text.rsplit('\n').next().unwrap_or_default();
    (text.matches('\n').count() as u64 + 1, line.chars().count() as u64 + 1)
}
