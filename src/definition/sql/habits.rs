//! What people write who come from other dialects of SQL, or from programs, and what stands for it here.

use datafusion_sql::sqlparser::dialect::GenericDialect;
use datafusion_sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

/// Words that no expression goes on with, and what is to be written instead.
#[rustfmt::skip]
const WORDS: [(&str, &str); 20] = [
    ("where", "the condition of an aggregate stands in its filter, as in count(*) filter (where x > 1), and that of an \
               attribute in its own 'where'"),
    ("group", "what is selected is each person's anyway, and of each value by itself it is as in count(*) by x"),
    ("order", "first, last and recent go by the row's time, and percentiles are as in \
               percentile_cont(0.5) within group (order by x)"),
    ("having", "a condition on what an attribute comes to stands in a segment"),
    ("as", "a name stands before what it is of, as in name: …, and here it is left out"),
    ("limit", "recent(x, 10) and top(x, 10) have as many as they say"),
    ("contains", "here that is contains(x, 'a')"),
    ("includes", "here that is contains(x, 'a')"),
    ("startswith", "here that is starts_with(x, 'a')"),
    ("starts", "here that is starts_with(x, 'a')"),
    ("endswith", "here that is ends_with(x, 'a')"),
    ("ends", "here that is ends_with(x, 'a')"),
    ("matches", "here that is x ~ 'pattern'"),
    ("mod", "here that is x % y"),
    ("div", "here that is x / y, which is whole of whole numbers"),
    ("xor", "here that is x <> y, of conditions"),
    ("within", "of an instant that is x > now() - interval '30 days', in segments, and of rows the attribute's own 'within'"),
    ("equals", "here that is x = y"),
    ("unless", "here that is x and not y"),
    ("if", "here that is case when x then y else z end"),
];

/// Units of time, as they are written behind a number.
#[rustfmt::skip]
const UNITS: [(&str, &str); 24] = [
    ("s", "seconds"), ("sec", "seconds"), ("second", "seconds"), ("seconds", "seconds"), ("m", "minutes"), ("min", "minutes"),
    ("minute", "minutes"), ("minutes", "minutes"), ("h", "hours"), ("hour", "hours"), ("hours", "hours"), ("d", "days"),
    ("day", "days"), ("days", "days"), ("w", "weeks"), ("week", "weeks"), ("weeks", "weeks"), ("mon", "months"),
    ("month", "months"), ("months", "months"), ("y", "years"), ("year", "years"), ("years", "years"), ("yr", "years"),
];

/// What was meant where a text has no place for what stands at a place of it, from 1; `None` if nobody knows.
pub fn meant(text: &str, (line, column): (u64, u64)) -> Option<String> {
    let mut tokens = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location().ok()?;
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF));
    let is_before = |token: &TokenWithSpan| {
        let start = token.span.start;
        (start.line, start.column) < (line, column)
    };
    let (before, rest) = tokens.split_at(tokens.partition_point(is_before));
    let found = &rest.first()?.token;
    let last = |back: usize| before.len().checked_sub(back).map(|at| &before[at].token);
    let word = |of: Option<&Token>| match of {
        Some(Token::Word(word)) if word.quote_style.is_none() => word.value.to_lowercase(),
        _ => String::new(),
    };
    let says = |what: &str| Some(what.to_owned());
    let is_number = |of: Option<&Token>| matches!(of, Some(Token::Number(..)));
    let behind = (word(last(2)), word(last(1)));
    match found {
        _ if behind.0 == "filter" && last(1) == Some(&Token::LParen) => {
            says("a filter begins with 'where', as in count(*) filter (where x > 1)")
        }
        _ if before.len() == 1 && ["where", "having"].contains(&&*behind.1) => {
            says("a condition stands here alone, without the word before it")
        }
        _ if is_is(&behind) => says(
            "'is' goes with null, true, false and 'distinct from', and '=' or '<>' compare with a value",
        ),
        _ if behind.1 == "in" => says("a list stands in parentheses, as in x in ('a', 'b')"),
        _ if behind.1 == "exists" => says("whether there is a value x says x is not null"),
        _ if behind.1 == "case" && word(Some(found)) == "when" => {
            says("a case ends with 'end', as in case when x then y else z end")
        }
        _ if behind.1 == "distinct" => {
            says("'distinct' stands within, as in count(distinct x) or array_agg(distinct x)")
        }
        Token::ExclamationMark if last(1) == Some(&Token::Eq) => says("here that is x <> y"),
        Token::ExclamationMark
            if ["in", "like", "between"].contains(&&*word(rest.get(1).map(|of| &of.token))) =>
        {
            says("'not' negates, as in x not in ('a', 'b')")
        }
        Token::Eq if last(1) == Some(&Token::Tilde) => says("here that is x ~ 'pattern'"),
        Token::Comma if is_number(last(1)) => {
            Some(without_comma(last(1), rest.get(1).map(|of| &of.token)))
        }
        Token::SemiColon => says("an expression stands alone, without ';'"),
        Token::Question | Token::Placeholder(_) => {
            says("a choice is case when x then y else z end")
        }
        Token::Word(_) => {
            let found = word(Some(found));
            let unit = UNITS.iter().find(|(unit, _)| *unit == found);
            if let (Some(Token::Number(number, _)), Some((_, unit))) = (last(1), unit) {
                return Some(format!("a length of time is as in interval '{number} {unit}'"));
            }
            let meant = WORDS.iter().find(|(word, _)| *word == found);
            meant.map(|(_, meant)| (*meant).to_owned())
        }
        Token::Number(number, _) if behind.1 == "top" => {
            Some(format!("here that is top(x, {number})"))
        }
        _ => None,
    }
}

/// A number with the marks of other countries, as `1.000,50`, as it is written here.
fn without_comma(before: Option<&Token>, behind: Option<&Token>) -> String {
    match (before, behind) {
        (Some(Token::Number(whole, _)), Some(Token::Number(cents, _))) if whole.contains('.') => {
            format!(
                "a number has no comma in it, and a point before its decimals alone: {}.{cents}",
                whole.replace('.', "")
            )
        }
        _ => "a number has no comma in it: 1000, and 1.5".to_owned(),
    }
}

/// Whether `is` or `is not` stands before.
fn is_is((before, last): &(String, String)) -> bool {
    last == "is" || last == "not" && before == "is"
}

/// The places, from 1, of patterns of `like` with the wildcard of file names, each as it was meant.
pub fn with_stars(text: &str) -> Vec<((u64, u64), String)> {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location();
    let mut tokens = tokens.unwrap_or_default();
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
    let patterns = tokens.windows(2).filter_map(|pair| {
        let is_like = matches!(&pair[0].token, Token::Word(word)
            if word.quote_style.is_none() && ["like", "ilike"].contains(&&*word.value.to_lowercase()));
        let Token::SingleQuotedString(pattern) = &pair[1].token else { return None };
        let has_stars = pattern.starts_with('*') || pattern.ends_with('*');
        let start = pair[1].span.start;
        (is_like && has_stars && !pattern.contains('%'))
            .then(|| ((start.line, start.column), pattern.replace('*', "%").replace('\'', "''")))
    });
    patterns.collect()
}

/// The places, from 1, at which something is compared with null, each with what is meant.
pub fn compared_with_null(text: &str) -> Vec<((u64, u64), &'static str)> {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location();
    let mut tokens = tokens.unwrap_or_default();
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
    let pairs = tokens.windows(2).filter_map(|pair| {
        let is_null = matches!(&pair[1].token, Token::Word(word)
            if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("null"));
        let meant = match pair[0].token {
            Token::Eq | Token::DoubleEq => "is null",
            Token::Neq => "is not null",
            _ => return None,
        };
        let start = pair[0].span.start;
        is_null.then_some(((start.line, start.column), meant))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_in_patterns_are_found() {
        let found =
            |text: &str| with_stars(text).into_iter().map(|(_, meant)| meant).collect::<Vec<_>>();
        assert_eq!(found("a like '*b*' or a not ILIKE '*''c'"), ["%b%", "%''c"]);
        for text in ["a like '%*'", "a like 'b*c'", "a = '*'", "contains(a, '*')", "a ~ '.*'"] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn what_is_compared_with_null_is_found() {
        let found = |text: &str| -> Vec<&str> {
            compared_with_null(text).into_iter().map(|(_, meant)| meant).collect()
        };
        assert_eq!(
            found("a = null and b <> NULL or c != null"),
            ["is null", "is not null", "is not null"]
        );
        for text in [
            "a is null",
            "a = \"null\"",
            "a = 'null'",
            "a is distinct from null",
            "coalesce(a, null)",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }
}
