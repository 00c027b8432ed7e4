//! What an expression makes of one text, without columns: a lookup has one text, and columns of one row, a regular
//! expression that is read anew and checks made for many rows cost it many times what the text does.
//!
//! Only functions that are told here are known. Of these the outcome is the evaluated one, for every text; what is made
//! of others is for who asks to evaluate.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion_physical_expr::expressions::{CastExpr, Column, Literal};
use datafusion_physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use regex::Regex;

use super::call::LimitedCall;
use super::functions::own::{Does, OfTexts};
use crate::plan::Expression;

/// An expression over one text, of functions that are known.
#[derive(Debug)]
pub struct DirectText(TextPart);

#[derive(Debug)]
enum TextPart {
    /// The text that is asked about.
    Value,
    Constant(String),
    Call {
        function: TextFunction,
        parts: Vec<TextPart>,
        /// Bytes that it may make.
        most: u64,
    },
}

#[derive(Debug)]
enum TextFunction {
    Lower,
    Upper,
    /// Takes characters from the ends: of the second part, or spaces.
    Trim {
        start: bool,
        end: bool,
    },
    NullIf,
    Replaced {
        pattern: Regex,
        by: String,
        all: bool,
    },
    Own(Does),
}

/// A call made more than it may: the expression has no value.
struct TooMuch;

/// What a part comes to; `None` is null.
type Made<'a> = Result<Option<Cow<'a, str>>, TooMuch>;

impl DirectText {
    /// The same text.
    pub fn same() -> Self {
        DirectText(TextPart::Value)
    }

    /// The expression, whose one column is a text; `None` where some of it is not known here.
    pub fn of(expression: &Expression) -> Option<Self> {
        let schema = Schema::new(vec![Field::new("value", DataType::Utf8, true)]);
        part(expression.physical(), &schema).map(DirectText)
    }

    /// What it makes of a text: nothing, where it gives null or fails.
    pub fn apply<'a>(&'a self, text: &'a str) -> Option<Cow<'a, str>> {
        made(&self.0, text).unwrap_or(None)
    }
}

fn part(node: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Option<TextPart> {
    if node.is::<Column>() {
        return Some(TextPart::Value);
    }
    if let Some(literal) = node.downcast_ref::<Literal>() {
        let text = literal.value().try_as_str()??;
        return Some(TextPart::Constant(text.to_owned()));
    }
    if node.is::<CastExpr>() {
        let of = node.children()[0];
        let are_texts = [node, of]
            .into_iter()
            .all(|part| part.data_type(schema).is_ok_and(|data_type| data_type.is_string()));
        return are_texts.then(|| self::part(of, schema)).flatten();
    }
    let call = node.downcast_ref::<LimitedCall>()?;
    let mut parts: Vec<TextPart> =
        call.children().into_iter().map(|of| part(of, schema)).collect::<Option<_>>()?;
    let function = function(call, &mut parts)?;
    Some(TextPart::Call { function, parts, most: call.limits().bytes })
}

/// What a call does, and the parts that are left for when it does it.
fn function(call: &LimitedCall, parts: &mut Vec<TextPart>) -> Option<TextFunction> {
    let trim = |start, end| TextFunction::Trim { start, end };
    let constant = |part: &TextPart| match part {
        TextPart::Constant(text) => Some(text.clone()),
        _ => None,
    };
    Some(match (call.name(), parts.len()) {
        ("lower", 1) => TextFunction::Lower,
        ("upper", 1) => TextFunction::Upper,
        ("btrim", 1 | 2) => trim(true, true),
        ("ltrim", 1 | 2) => trim(true, false),
        ("rtrim", 1 | 2) => trim(false, true),
        ("nullif", 2) => TextFunction::NullIf,
        ("regexp_replace", 3 | 4) => {
            let constants: Vec<String> = parts[1..].iter().map(constant).collect::<Option<_>>()?;
            let all = match constants.get(2).map(String::as_str) {
                None => false,
                Some("g") => true,
                Some(_) => return None,
            };
            // Groups are written otherwise by SQL.
            if constants[1].contains(['\\', '$']) {
                return None;
            }
            parts.truncate(1);
            let pattern = Regex::new(&constants[0]).ok()?;
            TextFunction::Replaced { pattern, by: constants[1].clone(), all }
        }
        _ => {
            let function = call.inner().downcast_ref::<ScalarFunctionExpr>()?;
            TextFunction::Own(function.fun().inner().downcast_ref::<OfTexts>()?.does())
        }
    })
}

fn made<'a>(part: &'a TextPart, text: &'a str) -> Made<'a> {
    let (function, parts, most) = match part {
        TextPart::Value => return Ok(Some(Cow::Borrowed(text))),
        TextPart::Constant(text) => return Ok(Some(Cow::Borrowed(text))),
        TextPart::Call { function, parts, most } => (function, parts, *most),
    };
    let made = match (function, &parts[..]) {
        (TextFunction::Own(does), parts) => {
            let given = parts.iter().map(|part| made(part, text)).collect::<Result<Vec<_>, _>>()?;
            does(&given.iter().map(Option::as_deref).collect::<Vec<_>>()).map(Cow::Owned)
        }
        (function, [one]) => made(one, text)?.map(|of| of_one(function, of)),
        (TextFunction::Trim { start, end }, [of, from]) => {
            let (of, from) = (made(of, text)?, made(from, text)?);
            of.zip(from).map(|(of, from)| trimmed(of, |c| from.contains(c), *start, *end))
        }
        (_, [of, not]) => {
            let (of, not) = (made(of, text)?, made(not, text)?);
            of.filter(|of| not.as_deref() != Some(&**of))
        }
        _ => unreachable!("a function has the parts that it was found with"),
    };
    match made.as_ref().is_some_and(|made| made.len() as u64 > most) {
        true => Err(TooMuch),
        false => Ok(made),
    }
}

fn of_one<'a>(function: &TextFunction, text: Cow<'a, str>) -> Cow<'a, str> {
    match function {
        TextFunction::Lower => Cow::Owned(text.to_lowercase()),
        TextFunction::Upper => Cow::Owned(text.to_uppercase()),
        TextFunction::Trim { start, end } => trimmed(text, |c| c == ' ', *start, *end),
        TextFunction::Replaced { pattern, by, all } => {
            let most = if *all { 0 } else { 1 };
            Cow::Owned(pattern.replacen(&text, most, by.as_str()).into_owned())
        }
        TextFunction::NullIf | TextFunction::Own(_) => unreachable!("they are told apart above"),
    }
}

fn trimmed(text: Cow<'_, str>, of: impl Fn(char) -> bool, start: bool, end: bool) -> Cow<'_, str> {
    let cut = |text: &str| -> (usize, usize) {
        let behind = if start { text.trim_start_matches(&of) } else { text };
        let kept = if end { behind.trim_end_matches(&of) } else { behind };
        let first = text.len() - behind.len();
        (first, first + kept.len())
    };
    let (first, last) = cut(&text);
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[first..last]),
        Cow::Owned(mut text) => {
            text.truncate(last);
            text.drain(..first);
            Cow::Owned(text)
        }
    }
}
