//! The order in which expressions that name each other are evaluated.

use datafusion_sql::sqlparser::dialect::GenericDialect;
use datafusion_sql::sqlparser::keywords::Keyword;
use datafusion_sql::sqlparser::tokenizer::{Token, Tokenizer};

use super::object::{ReadContext, SqlText};
use crate::definition::file::yaml::YamlKey;

/// Expressions in an order in which each comes after those that it names; those that need each other
/// are noted and left out.
pub fn in_order(
    context: &mut ReadContext,
    what: &str,
    mut waiting: Vec<(YamlKey, SqlText)>,
) -> Vec<(YamlKey, SqlText)> {
    let mut ordered = Vec::new();
    while !waiting.is_empty() {
        let names: Vec<&str> = waiting.iter().map(|(key, _)| key.name.as_str()).collect();
        let is_free = |(_, text): &(YamlKey, SqlText)| {
            let words = words(&text.text);
            !words.iter().any(|word| names.contains(&word.as_str()))
        };
        let free: Vec<bool> = waiting.iter().map(is_free).collect();
        if !free.contains(&true) {
            let circle = circle(&waiting);
            let (_, text) =
                waiting.iter().find(|(key, _)| key.name == circle[0]).expect("it is in the circle");
            let message = match circle.len() {
                2 => format!("in {}: it needs itself", text.what),
                _ => {
                    let names = circle.join(" → ");
                    format!("{what} that need each other: {names}: one of them must do without")
                }
            };
            context.complain(text.place_of(&circle[1]), message);
            circle.iter().for_each(|name| context.broken(name));
            waiting.retain(|(key, _)| !circle.contains(&key.name));
            continue;
        }
        let mut free = free.into_iter();
        let (next, rest): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|_| free.next().expect("one each"));
        ordered.extend(next);
        waiting = rest;
    }
    ordered
}

/// A way from an expression back to itself, when each needs another one.
fn circle(waiting: &[(YamlKey, SqlText)]) -> Vec<String> {
    let mut path = vec![waiting[0].0.name.clone()];
    loop {
        let last = path.last().expect("it has a start");
        let (_, text) = waiting.iter().find(|(key, _)| key.name == *last).expect("they wait");
        let words = words(&text.text);
        let next = words.into_iter().find(|word| waiting.iter().any(|(key, _)| key.name == *word));
        let next = next.expect("each needs another one");
        let first = path.iter().position(|name| *name == next);
        path.push(next);
        if let Some(first) = first {
            return path.split_off(first);
        }
    }
}

/// The names in an expression; functions and types left out.
pub fn words(text: &str) -> Vec<String> {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize().unwrap_or_default();
    let tokens: Vec<Token> =
        tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    let is_as = |token: &Token| matches!(token, Token::Word(word) if word.keyword == Keyword::AS);
    let word = |(index, token): (usize, &Token)| {
        let Token::Word(word) = token else { return None };
        let before = index.checked_sub(1).map(|before| &tokens[before]);
        // `cast(x as text)`, `x::text`, `timestamp '2025-01-01'`.
        let is_type = before.is_some_and(|token| is_as(token) || *token == Token::DoubleColon)
            || matches!(tokens.get(index + 1), Some(Token::SingleQuotedString(_)));
        let is_function = tokens.get(index + 1) == Some(&Token::LParen);
        (!is_type && !is_function).then(|| word.value.clone())
    };
    tokens.iter().enumerate().filter_map(word).collect()
}
