//! What `/metrics` said at an instant, by name and labels.

use std::collections::BTreeMap;
use std::time::Instant;

/// The sum of numbers. Of none it is 0, and not the -0 that the standard library begins with.
pub fn total(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.fold(0.0, |total, number| total + number)
}

/// Samples of one answer.
#[derive(Clone)]
pub struct Samples {
    at: Instant,
    by_name: BTreeMap<String, BTreeMap<String, f64>>,
}

impl Samples {
    /// Reads Prometheus's text format. Of several labels all values count as one, parted by a space.
    pub fn read(text: &str, at: Instant) -> Self {
        let mut by_name: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let Ok(value) = value.replace("Inf", "inf").parse() else { continue };
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            by_name.entry(name.to_owned()).or_default().insert(values(labels), value);
        }
        Samples { at, by_name }
    }

    pub fn all(&self, name: &str) -> impl Iterator<Item = (&str, f64)> {
        self.by_name
            .get(name)
            .into_iter()
            .flatten()
            .map(|(labels, value)| (labels.as_str(), *value))
    }

    pub fn sum(&self, name: &str) -> f64 {
        total(self.all(name).map(|(_, value)| value))
    }

    /// The value of one series; 0 where there is none.
    pub fn get(&self, name: &str, labels: &str) -> f64 {
        self.by_name.get(name).and_then(|all| all.get(labels)).copied().unwrap_or_default()
    }

    /// How much a counter grew a second since another answer; one that began anew has grown by all that it is.
    pub fn rate(&self, before: &Samples, name: &str, labels: &str) -> f64 {
        let (was, is) = (before.get(name, labels), self.get(name, labels));
        let seconds = self.at.duration_since(before.at).as_secs_f64();
        let grown = if is < was { is } else { is - was };
        if seconds > 0.0 { grown / seconds } else { 0.0 }
    }

    pub fn total_rate(&self, before: &Samples, name: &str) -> f64 {
        total(self.all(name).map(|(labels, _)| self.rate(before, name, labels)))
    }

    /// In seconds, the bound that such a share of what a histogram counted since another answer keeps; of all that it has
    /// counted where nothing was since.
    pub fn quantile(&self, before: &Samples, histogram: &str, share: f64) -> Option<f64> {
        let name = format!("{histogram}_bucket");
        let counted = |since: bool| {
            let mut buckets: Vec<(f64, f64)> = self
                .all(&name)
                .filter_map(|(bound, count)| {
                    let was = if since { before.get(&name, bound) } else { 0.0 };
                    Some((bound.replace("+Inf", "inf").parse().ok()?, count - was))
                })
                .collect();
            buckets.sort_by(|(one, _), (other, _)| one.total_cmp(other));
            buckets
        };
        let buckets = [counted(true), counted(false)];
        let buckets = buckets.iter().find(|of| of.last().is_some_and(|(_, all)| *all > 0.0))?;
        let wanted = buckets.last()?.1 * share;
        buckets.iter().find(|(_, count)| *count >= wanted).map(|(bound, _)| *bound)
    }
}

/// The values of labels: `a="x",b="y"}` → `x y`.
fn values(labels: &str) -> String {
    let (mut values, mut rest) = (Vec::new(), labels);
    while let Some((_, value)) = rest.split_once("=\"") {
        let (mut text, mut characters) = (String::new(), value.char_indices());
        let mut end = value.len();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    end = at + 1;
                    break;
                }
                '\\' => text.extend(characters.next().map(|(_, escaped)| match escaped {
                    'n' => ' ',
                    escaped => escaped,
                })),
                character => text.push(character),
            }
        }
        values.push(text);
        rest = &value[end.min(value.len())..];
    }
    values.join(" ")
}
