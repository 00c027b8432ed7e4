//! Columns of addresses and phone numbers that stand side by side and say different people, as of who pays and who is paid, who
//! asks and who answers, who writes and to whom: a row that names both would make one person of them.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use selfsame::internals::console::{counted, grouped};

use super::roles::{DraftIdentifier, DraftSource, IdentifierKind};
use super::sample::Sample;
use super::tally::distinct;
use super::words;

/// Keeps of such columns the one that says most people, and takes the others away. What is said of each.
pub fn take_parties(
    samples: &[Sample],
    sources: &[DraftSource],
    found: &mut [DraftIdentifier],
) -> Vec<String> {
    let mut told = Vec::new();
    let is_reached = |of: &&mut DraftIdentifier| {
        matches!(of.kind, IdentifierKind::Email | IdentifierKind::Phone)
    };
    for of in found.iter_mut().filter(is_reached) {
        let mut taken: HashSet<(usize, usize)> = HashSet::new();
        for (number, source) in sources.iter().enumerate() {
            let columns = of.from.iter().filter(|(of, _)| *of == number).map(|(_, at)| *at);
            let mut columns: Vec<usize> = columns.collect();
            // The first of equals counts.
            columns.sort_by_key(|at| Reverse(distinct(&samples[number].columns[*at]).len()));
            let mut kept: Vec<usize> = Vec::new();
            for at in columns {
                let beside = kept
                    .iter()
                    .find_map(|other| Some((*other, two_people(&samples[number], *other, at)?)));
                let Some((other, (differ, all))) = beside else {
                    kept.push(at);
                    continue;
                };
                taken.insert((number, at));
                told.push(format!(
                    "{}.{}: in {} of {} it says somebody else than {}, and a row is one person's",
                    source.name,
                    source.fields[at].0,
                    grouped(differ),
                    counted(all, "row", "rows"),
                    source.fields[other].0
                ));
            }
        }
        let mut evidence = of.from.iter().map(|from| !taken.contains(from));
        of.evidence.retain(|_| evidence.next().unwrap_or(true));
        of.from.retain(|from| !taken.contains(from));
    }
    told
}

/// In how many rows two columns differ, and how many have both, where they say different people: in most of these rows one of the
/// two stands beside several others. Who has two addresses has both in all rows.
fn two_people(sample: &Sample, one: usize, other: usize) -> Option<(usize, usize)> {
    let rows = sample.columns[one].texts_beside(&sample.columns[other]);
    let rows = rows.filter(|(one, other)| !words::is_none(one) && !words::is_none(other));
    let bare = |text: &str| text.trim().to_lowercase();
    let both: Vec<(String, String)> = rows.map(|(one, other)| (bare(one), bare(other))).collect();
    let different = || both.iter().filter(|(one, other)| one != other);
    let mut by_one: HashMap<&str, HashSet<&str>> = HashMap::new();
    let mut by_other: HashMap<&str, HashSet<&str>> = HashMap::new();
    for (one, other) in different() {
        by_one.entry(one).or_default().insert(other);
        by_other.entry(other).or_default().insert(one);
    }
    let is_of_several = |(one, other): &&(String, String)| {
        by_one[one.as_str()].len() > 1 || by_other[other.as_str()].len() > 1
    };
    let (all, differ) = (both.len(), different().count());
    let several = different().filter(is_of_several).count();
    (differ * 2 > all && several * 2 > differ).then_some((differ, all))
}
