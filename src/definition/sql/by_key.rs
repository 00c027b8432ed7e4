//! `sum(amount) by currency`, which SQL does not know, as a call that it does.
//!
//! `f(x) filter (where c) by k` becomes `f("#by"(k, x)) filter (where c)`, token by token, so that whatever is wrong
//! is told where it stands. What `by` follows is a closing parenthesis: nowhere else does SQL have it so.

use datafusion_sql::sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace};

use super::mistake::SqlError;
use super::pair::BY;
use crate::plan::failure::STAR_ALONE;

/// The tokens of an expression with each `by` put into its call.
pub fn put_into_calls(mut tokens: Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>, SqlError> {
    while let Some(found) = (0..tokens.len()).find_map(|at| KeyedCall::at(&tokens, at)) {
        tokens = found.put(tokens)?;
    }
    Ok(tokens)
}

/// Where a `by` stands, and the call before it.
struct KeyedCall {
    by: usize,
    /// Whether it counts, and so takes rows as well as values.
    counts: bool,
    /// The call's parentheses.
    open: usize,
    close: usize,
}

impl KeyedCall {
    fn at(tokens: &[TokenWithSpan], by: usize) -> Option<Self> {
        if !is_word(&tokens[by].token, "by") {
            return None;
        }
        let mut close = before(tokens, by)?;
        let mut open = opening(tokens, close)?;
        let mut name = before(tokens, open)?;
        if is_word(&tokens[name].token, "filter") {
            close = before(tokens, name)?;
            open = opening(tokens, close)?;
            name = before(tokens, open)?;
        }
        let is_call = matches!(&tokens[name].token, Token::Word(_));
        let is_group = is_word(&tokens[name].token, "group");
        let counts = is_word(&tokens[name].token, "count");
        (is_call && !is_group).then_some(KeyedCall { by, counts, open, close })
    }

    fn put(self, tokens: Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>, SqlError> {
        let KeyedCall { by, counts, open, close } = self;
        let span = tokens[by].span;
        let Some((first, end)) = key(&tokens, by) else {
            let message = "what stands behind 'by' is a column, a call, or SQL in parentheses, as in sum(amount) by \
                           currency";
            return Err(SqlError {
                at: Some((span.start.line, span.start.column)),
                ..SqlError::new(message)
            });
        };
        let token = |token: Token| TokenWithSpan::new(token, span);
        let mut inside = open + 1;
        while inside < close && is_space(&tokens[inside].token) {
            inside += 1;
        }
        // What counts each value once stays outside.
        if is_word(&tokens[inside].token, "distinct") {
            inside += 1;
        }
        let mut put = tokens[..inside].to_vec();
        put.extend([token(Token::make_word(BY, Some('"'))), token(Token::LParen)]);
        put.extend_from_slice(&tokens[first..end]);
        put.push(token(Token::Comma));
        let value = &tokens[inside..close];
        // Each of the rows themselves is a value.
        match value.iter().find(|of| !is_space(&of.token)) {
            Some(TokenWithSpan { token: Token::Mul, span }) if !counts => {
                let at = Some((span.start.line, span.start.column));
                return Err(SqlError { at, ..SqlError::new(STAR_ALONE) });
            }
            Some(TokenWithSpan { token: Token::Mul, .. }) => {
                put.push(token(Token::make_word("true", None)));
            }
            _ => put.extend_from_slice(value),
        }
        put.push(token(Token::RParen));
        put.extend_from_slice(&tokens[close..by]);
        put.push(token(Token::Whitespace(Whitespace::Space)));
        put.extend_from_slice(&tokens[end..]);
        Ok(put)
    }
}

/// From where to where the key goes: a name, with what it is called with, or what is in parentheses.
fn key(tokens: &[TokenWithSpan], by: usize) -> Option<(usize, usize)> {
    let first = behind(tokens, by + 1)?;
    match &tokens[first].token {
        Token::LParen => Some((first, closing(tokens, first)? + 1)),
        Token::Word(_) => {
            let mut end = first + 1;
            while let [period, name, ..] = &tokens[end..]
                && let (Token::Period, Token::Word(_)) = (&period.token, &name.token)
            {
                end += 2;
            }
            if let Some(open) = behind(tokens, end)
                && tokens[open].token == Token::LParen
            {
                end = closing(tokens, open)? + 1;
            }
            Some((first, end))
        }
        _ => None,
    }
}

fn is_space(token: &Token) -> bool {
    matches!(token, Token::Whitespace(_))
}

fn is_word(token: &Token, wanted: &str) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted))
}

/// The last token before a place that is no space.
fn before(tokens: &[TokenWithSpan], at: usize) -> Option<usize> {
    (0..at).rev().find(|place| !is_space(&tokens[*place].token))
}

/// The first token from a place on that is no space.
fn behind(tokens: &[TokenWithSpan], at: usize) -> Option<usize> {
    (at..tokens.len()).find(|place| !is_space(&tokens[*place].token))
}

/// The parenthesis that one at a place closes.
fn opening(tokens: &[TokenWithSpan], close: usize) -> Option<usize> {
    matching(tokens, (0..=close).rev(), &Token::RParen, &Token::LParen)
}

/// The parenthesis that closes one at a place.
fn closing(tokens: &[TokenWithSpan], open: usize) -> Option<usize> {
    matching(tokens, open..tokens.len(), &Token::LParen, &Token::RParen)
}

/// Where the first of the places is left again; none where it is not entered there.
fn matching(
    tokens: &[TokenWithSpan],
    places: impl Iterator<Item = usize>,
    enters: &Token,
    leaves: &Token,
) -> Option<usize> {
    let mut depth = 0usize;
    for place in places {
        match &tokens[place].token {
            token if token == enters => depth += 1,
            token if token == leaves => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return (tokens[place].token == *leaves).then_some(place);
        }
    }
    None
}
