//! Ranks over all people: sort what is there, and count.

use selfsame::internals::plan::Plan;
use selfsame::internals::row::Datum;

/// By person and rank, of what is ranked of each person.
pub fn scores(plan: &Plan, people: &[Vec<Option<Datum>>]) -> Vec<Vec<Option<Datum>>> {
    let mut scores = vec![Vec::new(); people.len()];
    for (rank, of) in plan.ranks.iter().enumerate() {
        let values = people.iter().map(|person| person[rank].clone());
        let mut all: Vec<Datum> = values.clone().flatten().collect();
        all.sort();
        let borders = borders(&all, u64::from(of.bins));
        for (scores, value) in scores.iter_mut().zip(values) {
            let below = |value: Datum| borders.iter().filter(|border| **border < value).count();
            scores.push(value.map(|value| Datum::Integer(1 + below(value) as i64)));
        }
    }
    scores
}

/// The least value each that at least `k / n` of all are not greater than.
fn borders(sorted: &[Datum], n: u64) -> Vec<Datum> {
    let number = sorted.len() as u64;
    let enough = |place: usize, k: u64| {
        // How many are not greater than the value there, equal ones behind it with them.
        let up_to = sorted.partition_point(|other| *other <= sorted[place]) as u64;
        up_to * n >= k * number
    };
    let border = |k: u64| (0..sorted.len()).find(|place| enough(*place, k));
    (1..n).filter_map(border).map(|place| sorted[place].clone()).collect()
}
