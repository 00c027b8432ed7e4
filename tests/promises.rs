//! What the engine promises, held against a second evaluation that shares nothing with it, on
//! generated histories.
//!
//! `PROPTEST_CASES` says how many. What fails prints as a definition and a script, made as small as
//! it goes: keep it in `found` under a name.

#[path = "oracle/found.rs"]
mod found;
#[path = "oracle/joined.rs"]
mod joined;
mod oracle;
#[path = "oracle/practice.rs"]
mod practice;
#[path = "oracle/sample.rs"]
mod sample;
#[path = "oracle/words.rs"]
mod words;

use oracle::check::{Case, folded};
use oracle::histories::{Settings, histories};
use oracle::minimal::{config, holds};
use proptest::prelude::*;
use selfsame::internals::runtime::Clock;

proptest! {
    #![proptest_config(config(64))]

    #[test]
    fn every_tick_sends_exactly_what_changes_in_the_state_of_its_rows(
        history in histories(Settings::default()),
        workers in prop::sample::select(vec![2usize, 4]),
    ) {
        holds(&history.case, |case| case.differs(1))?;
        holds(&history.case, |case| case.differs(workers))?;
    }

    #[test]
    fn the_final_state_is_the_same_in_any_order_in_any_ticks_on_any_number_of_workers(
        history in histories(Settings { order_free: true, ..Settings::default() }),
        order in prop::collection::vec(any::<u16>(), 50),
        ticks in 1usize..6,
        workers in prop::sample::select(vec![1usize, 2, 4]),
    ) {
        let rearranged = history.rearranged(&order, ticks);
        holds(&history.case, |case| {
            let other = rearranged.of_rows_of(case);
            let [one_state, other_state] = [(case, 1), (&other, workers)].map(|(case, workers)| {
                folded(&case.plan, case.run(workers).iter().flatten())
            });
            let differ = one_state != other_state;
            differ.then(|| format!("{other}\nthe one {one_state:#?}\nthe other {other_state:#?}"))
        })?;
    }

    #[test]
    fn what_is_taken_back_leaves_nothing(
        history in histories(Settings { retractable: true, ..Settings::default() }),
        workers in prop::sample::select(vec![1usize, 2]),
    ) {
        let case = history.taken_back();
        holds(&case, |case| case.differs(workers))?;
        let (state, _) = folded(&case.plan, case.run(workers).iter().flatten());
        prop_assert!(state.is_empty(), "{case}\n{state:#?}");
        // By a clock that goes on. What is left out of a case to make it smaller is no deletion.
        let case = Case { clock: Clock::Wall, ..case };
        let is_taken_back =
            |case: &Case| folded(&case.plan, case.run(workers).iter().flatten()).0.is_empty();
        holds(&case, |case| case.keeps(workers).filter(|_| is_taken_back(case)))?;
    }
}
