//! A failing case made as small as it goes: lines are left out of its two texts, and fields out of
//! its rows, for as long as it fails.

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
