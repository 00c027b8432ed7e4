//! A run that is cut off anywhere and begun again from its store sends, from then on, exactly what it would have sent:
//! on generated histories, whatever number of workers there are and into whatever ticks the history is put together.

mod oracle;

use std::sync::Arc;

use oracle::check::Case;
use oracle::histories::{Settings, histories};
use oracle::minimal::{config, holds};
use proptest::prelude::*;
use selfsame::internals::runtime::{GivenTick, Restart, restarted};

/// Where a run is cut off, with how many workers it goes on, and where the history is put together.
#[derive(Clone, Debug)]
struct Cut {
    /// So many steps, as a share of all.
    after: f64,
    workers: usize,
    stops: Vec<u64>,
    /// After which of the earlier run's steps checkpoints were made: from its last one backwards.
    checkpoints: Vec<usize>,
    is_overtaken: bool,
    /// Whether the run before it has older versions of records leave the store at its end.
    is_compacted: bool,
    /// The step of the replay up to which outputs hold everything.
    held: Option<usize>,
}

fn cuts() -> impl Strategy<Value = Vec<Cut>> {
    let workers = prop::sample::select(vec![1usize, 2, 3]);
    let stops = prop::collection::vec(1u64..12, 0..3);
    let checkpoints = prop::collection::vec(0usize..5, 0..2);
    let held = prop::option::of(0usize..4);
    let cut = (0.0..1.0, workers, stops, checkpoints, any::<bool>(), any::<bool>(), held);
    let cut = cut.prop_map(
        |(after, workers, mut stops, checkpoints, is_overtaken, is_compacted, held)| {
            stops.sort_unstable();
            stops.dedup();
            Cut { after, workers, stops, checkpoints, is_overtaken, is_compacted, held }
        },
    );
    prop::collection::vec(cut, 1..4)
}

/// How the run that is cut off differs from the one that is not, if it does.
fn differs(case: &Case, cuts: &[Cut]) -> Option<String> {
    let whole = case.run(1);
    let data = tempfile::tempdir().expect("a folder");
    let all: Vec<GivenTick> =
        case.script.ticks.iter().map(|tick| (tick.reading, tick.chunks(&case.plan))).collect();
    let mut places: Vec<usize> =
        cuts.iter().map(|cut| (cut.after * all.len() as f64) as usize).collect();
    places.sort_unstable();
    let (mut sent, mut from) = (Vec::new(), 0);
    for (part, to) in places.iter().copied().chain([all.len()]).enumerate() {
        let steps = Arc::new(all[from..to].to_vec());
        let before = part.checked_sub(1).map(|before| &cuts[before]);
        let backwards = cuts.get(part).map_or(&[][..], |cut| &cut.checkpoints);
        let restart = Restart {
            workers: before.map_or(1, |cut| cut.workers),
            stops: before.map_or(Vec::new(), |cut| cut.stops.clone()),
            checkpoints: backwards
                .iter()
                .filter_map(|back| steps.len().checked_sub(back + 1))
                .collect(),
            is_overtaken: before.is_some_and(|cut| cut.is_overtaken),
            is_compacted: cuts.get(part).is_some_and(|cut| cut.is_compacted),
            held: before.and_then(|cut| cut.held),
        };
        let part = restarted(&case.plan, case.clock, data.path(), &restart, &steps);
        sent.extend(part);
        from = to;
    }
    let place = (0..all.len()).find(|step| sent[*step] != whole[*step])?;
    let (sent, whole) = (&sent[place], &whole[place]);
    Some(format!(
        "cut at {places:?} {cuts:#?}\nin step {place} (from 0) sent\n{sent:#?}\nand not\n{whole:#?}"
    ))
}

proptest! {
    #![proptest_config(config(32))]

    #[test]
    fn what_older_versions_of_records_said_is_kept_when_they_leave(
        history in histories(Settings { corrected: true, ..Settings::default() }), cuts in cuts(),
    ) {
        let cuts: Vec<Cut> =
            cuts.into_iter().map(|cut| Cut { is_compacted: true, ..cut }).collect();
        holds(&history.case, |case| differs(case, &cuts))?;
    }

    #[test]
    fn a_run_that_is_cut_off_goes_on_as_if_nothing_had_happened(
        history in histories(Settings::default()), cuts in cuts(),
    ) {
        holds(&history.case, |case| differs(case, &cuts))?;
    }
}
