//! How large regular expressions are once they are compiled, and so how long they take.
//!
//! A class such as `\\w` has hundreds of ranges, each of them some states of the automaton, and `\\w{500}` has
//! them 500 times: what is written says little of it. So the automaton is made, as far as there is room for it.

use std::cell::RefCell;
use std::collections::HashMap;

use datafusion_common::{Result, exec_err};
use regex::Regex;
use regex_automata::nfa::thompson::{Compiler, NFA};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::console::grouped;
use crate::plan::Limits;

/// To make, and to hold ready, a byte of an automaton takes so many steps (about 70 ms a megabyte).
const STEPS_A_BYTE: u64 = 20;
/// What is held of a pattern, in sizes of its automaton: there is one for each direction, and caches.
const AUTOMATA: u64 = 4;
/// A range of a class, or a character, takes no fewer bytes.
const BYTES_A_PART: u64 = 20;

/// How many patterns are known at once, at most.
const KNOWN: usize = 4_096;

thread_local! {
    static KNOWN_PATTERNS: RefCell<KnownPatterns> = RefCell::default();
}

/// Patterns that were looked at, so that each is looked at once: rows that are evaluated in parts come again.
#[derive(Default)]
struct KnownPatterns {
    limits: Option<Limits>,
    /// The one that was looked at last: mostly it is the same for all rows.
    last: Option<(String, bool, Pattern)>,
    /// By whether the case of letters counts.
    by_text: [HashMap<String, Pattern>; 2],
}

impl KnownPatterns {
    fn of(&mut self, text: &str, any_case: bool, limits: Limits) -> Pattern {
        if self.limits != Some(limits) {
            *self = KnownPatterns { limits: Some(limits), ..KnownPatterns::default() };
        }
        if let Some((known, case, pattern)) = &self.last
            && known == text
            && *case == any_case
        {
            return *pattern;
        }
        let by_text = &mut self.by_text[usize::from(any_case)];
        let pattern = by_text.get(text).copied().unwrap_or_else(|| {
            let parsed = ParserBuilder::new().case_insensitive(any_case).build().parse(text);
            let pattern = parsed.map_or(Pattern::default(), |it| Pattern::of(&it, limits));
            if by_text.len() >= KNOWN {
                by_text.clear();
            }
            by_text.insert(text.to_owned(), pattern);
            pattern
        });
        self.last = Some((text.to_owned(), any_case, pattern));
        pattern
    }
}

/// A pattern with the letters that a call has beside it, ready to be looked for.
pub fn compiled(pattern: &str, flags: &str) -> Option<Regex> {
    let flags: String = flags.chars().filter(|flag| *flag != 'g').collect();
    let pattern =
        if flags.is_empty() { pattern.to_owned() } else { format!("(?{flags}){pattern}") };
    Regex::new(&pattern).ok()
}

/// What is known of a pattern; of what is none it is nothing, and an error soon.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pattern {
    /// How many places of it a text may be at, at most.
    pub width: u64,
    /// How large its automaton is; [`u64::MAX`] where that is larger than limits let it be.
    pub bytes: u64,
    /// The longest that it matches.
    pub reach: u64,
}

impl Pattern {
    pub fn known(text: &str, any_case: bool, limits: Limits) -> Self {
        KNOWN_PATTERNS.with_borrow_mut(|known| known.of(text, any_case, limits))
    }

    fn of(pattern: &Hir, limits: Limits) -> Self {
        let most = limits.steps / STEPS_A_BYTE;
        let least = parts(pattern, &|ranges| ranges).saturating_mul(BYTES_A_PART);
        let bytes = match least > most.saturating_mul(4) {
            true => u64::MAX,
            false => size(pattern, most),
        };
        let width = parts(pattern, &|_| 4);
        let reach = pattern.properties().maximum_len().map_or(u64::MAX, |most| most as u64);
        Pattern { width, bytes, reach }
    }

    /// What it takes to compile it.
    pub fn steps(&self) -> u64 {
        self.bytes.saturating_mul(STEPS_A_BYTE)
    }

    /// What is held of it while it is used.
    pub fn held(&self) -> u64 {
        self.bytes.saturating_mul(AUTOMATA)
    }

    /// That a pattern that is the same for all rows may be compiled at all.
    pub fn hold(text: &str, any_case: bool, limits: Limits) -> Result<()> {
        if Pattern::known(text, any_case, limits).steps() <= limits.steps {
            return Ok(());
        }
        let steps = grouped(limits.steps);
        exec_err!(
            "the pattern '{text}' would take more than {steps} steps to compile: repeat less of it, or \
             smaller classes, as [a-z] or (?-u:\\w) for \\w"
        )
    }
}

/// The bytes of the automaton that knows it.
fn size(pattern: &Hir, most: u64) -> u64 {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let config = NFA::config().nfa_size_limit(Some(most));
    let made = Compiler::new().configure(config).build_from_hir(pattern);
    made.map_or(u64::MAX, |made| made.memory_usage() as u64)
}

/// The sum of a pattern's parts, each as often as it is repeated.
fn parts(pattern: &Hir, class: &dyn Fn(u64) -> u64) -> u64 {
    let all = |of: &[Hir]| of.iter().fold(1u64, |sum, of| sum.saturating_add(parts(of, class)));
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Class(Class::Unicode(of)) => class(of.ranges().len() as u64),
        HirKind::Class(Class::Bytes(of)) => class(of.ranges().len() as u64),
        HirKind::Capture(capture) => parts(&capture.sub, class).saturating_add(2),
        HirKind::Concat(of) | HirKind::Alternation(of) => all(of),
        HirKind::Repetition(repeated) => {
            let times = u64::from(repeated.max.unwrap_or(repeated.min)).max(1);
            parts(&repeated.sub, class).saturating_mul(times).saturating_add(1)
        }
    }
}
