//! A failing case made as small as it goes: lines are left out of its two texts, and fields out of
//! its rows, for as long as it fails.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::check::{Case, Failure};

/// The least case found that fails, and how it does.
pub fn minimal(
    case: Case,
    failure: Failure,
    fails: &dyn Fn(&Case) -> Option<Failure>,
) -> (Case, Failure) {
    let mut least = Least { case, failure, fails };
    loop {
        let before = least.text();
        least.leave_out(|case| case.script_text(), |case, script| case.with_script(script));
        least.leave_out(|case| case.yaml.clone(), |case, yaml| case.with_yaml(yaml));
        least.leave_out_fields();
        if least.text() == before {
            return (least.case, least.failure);
        }
    }
}

/// `PROPTEST_CASES`, or a number that is soon done. What fails is made small by [`minimal`].
pub fn config(cases: u32) -> ProptestConfig {
    let own = std::env::var_os("PROPTEST_CASES").is_some();
    let cases = if own { ProptestConfig::default().cases } else { cases };
    ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 0,
        ..ProptestConfig::default()
    }
}

/// # Errors
/// The least case that fails, if this one does.
pub fn holds(case: &Case, fails: impl Fn(&Case) -> Option<Failure>) -> Result<(), TestCaseError> {
    let Some(failure) = fails(case) else { return Ok(()) };
    let (case, failure) = minimal(case.clone(), failure, &fails);
    Err(TestCaseError::fail(format!("{case}\n{failure}")))
}

struct Least<'a> {
    case: Case,
    failure: Failure,
    fails: &'a dyn Fn(&Case) -> Option<Failure>,
}

impl Least<'_> {
    fn text(&self) -> String {
        self.case.to_string()
    }

    /// Whether a case took the place of the least.
    fn is_less(&mut self, case: Option<Case>) -> bool {
        let Some(case) = case else { return false };
        let Some(failure) = (self.fails)(&case) else { return false };
        (self.case, self.failure) = (case, failure);
        true
    }

    /// Leaves out as many lines as it can, many at once at first.
    fn leave_out(
        &mut self,
        text: impl Fn(&Case) -> String,
        with: impl Fn(&Case, &str) -> Option<Case>,
    ) {
        let mut size = text(&self.case).lines().count().div_ceil(2);
        while size > 0 {
            let mut start = 0;
            loop {
                let text = text(&self.case);
                let lines: Vec<&str> = text.lines().collect();
                if start >= lines.len() {
                    break;
                }
                let end = lines.len().min(start + size);
                let rest = [&lines[..start], &lines[end..]].concat().join("\n") + "\n";
                if !self.is_less(with(&self.case, &rest)) {
                    start = end;
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }

    fn leave_out_fields(&mut self) {
        for line in 0..self.case.script_text().lines().count() {
            let mut field = 0;
            loop {
                let text = self.case.script_text();
                let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                let Some((place, payload)) = lines[line].split_once('{') else { break };
                let Ok(object) = serde_json::from_str::<Fields>(&format!("{{{payload}")) else {
                    break;
                };
                if field >= object.len() {
                    break;
                }
                let rest: Vec<String> = object
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| *at != field)
                    .map(|(_, (key, value))| format!("\"{key}\":{value}"))
                    .collect();
                lines[line] = format!("{place}{{{}}}", rest.join(","));
                if !self.is_less(self.case.with_script(&lines.join("\n"))) {
                    field += 1;
                }
            }
        }
    }
}

type Fields = std::collections::BTreeMap<String, Box<serde_json::value::RawValue>>;
