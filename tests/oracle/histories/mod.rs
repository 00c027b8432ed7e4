//! Generated histories: definitions from a grammar, and what may happen to them.
//!
//! The shape follows the definition file: each module writes its part of the YAML and tells the next
//! ones what it wrote. A new word of the language is a line in the grammar (`sql`), or a choice
//! where its part is written.

mod choices;
mod identity;
mod profiles;
mod rows;
mod sources;
mod sql;

use std::collections::BTreeMap;

use proptest::prelude::*;
use selfsame::internals::plan::Plan;
use selfsame::internals::runtime::Clock;
use selfsame::internals::time::{DAY, HOUR, MINUTE, Micros, SECOND};

use super::check::{Case, plan};
use super::script::{Delivery, Script, Tick};
use choices::{Choices, choices, several};
use identity::Identity;
use rows::{Draft, deletion, draft};
use sources::Source;

/// 2025-07-05T00:00:00Z.
pub const START: Micros = 1_751_673_600_000_000;

/// What a history is for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Nothing in it may depend on when a row arrives.
    pub order_free: bool,
    /// The clock is that of events.
    pub events: bool,
    /// All can be taken back: records are deleted, and events count beside a record alone.
    pub retractable: bool,
    /// Most of its rows are versions of a few records.
    pub corrected: bool,
}

/// A text in quotes: JSON's are YAML's, too.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("text")
}

/// All choices that make a history.
#[derive(Clone, Debug)]
struct Chosen {
    general: Choices,
    sources: Vec<Choices>,
    types: Vec<Choices>,
    attributes: Vec<Choices>,
    segments: Vec<Choices>,
    outputs: Vec<Choices>,
    ticks: Vec<(Choices, Vec<Choices>)>,
}

fn chosen() -> impl Strategy<Value = Chosen> {
    let ticks = prop::collection::vec((choices(), several(0..10)), 1..12);
    let people = (several(1..5), several(1..5));
    let known = (several(0..7), several(0..5), several(1..4));
    (choices(), people, known, ticks).prop_map(
        |(general, (sources, types), (attributes, segments, outputs), ticks)| Chosen {
            general,
            sources,
            types,
            attributes,
            segments,
            outputs,
            ticks,
        },
    )
}

/// Any history that the settings allow.
pub fn histories(settings: Settings) -> impl Strategy<Value = History> {
    chosen().prop_map(move |chosen| History::new(chosen, settings))
}

/// A definition and a history.
pub struct History {
    pub case: Case,
    settings: Settings,
    sources: Vec<Source>,
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What fails is told when it has been made small.
        write!(
            f,
            "{} rows",
            self.case.script.ticks.iter().map(|tick| tick.rows.len()).sum::<usize>()
        )
    }
}

impl History {
    fn new(mut chosen: Chosen, mut settings: Settings) -> Self {
        let mut yaml = String::new();
        let general = &mut chosen.general;
        let clock = match general.below(4) {
            0 => Clock::Wall,
            1 | 2 => Clock::Event,
            _ => Clock::Fixed(START + general.below(3) as i64 * HOUR),
        };
        settings.events = clock == Clock::Event;
        if general.one_in(4) {
            yaml.push_str("name: shop\ntarget_latency: 1 second\n");
        }
        yaml.push_str(general.pick(&[
            "",
            "",
            "time_zone: Australia/Lord_Howe\n",
            "time_zone: Asia/Kathmandu\n",
            "time_zone: America/Santiago\n",
            "time_zone: Europe/Berlin\n",
            "time_zone: ${SELFSAME_NEVER_SET:-Europe/Berlin}\n",
        ]));
        yaml.push_str(general.pick(&[
            "kafka: {brokers: \"localhost:1\"}\n",
            "kafka: {brokers: \"${SELFSAME_NEVER_SET:-localhost:1}\", properties: {linger.ms: 5}}\n",
        ]));
        yaml.push_str("sources:\n");
        let mut sources: Vec<Source> = Vec::new();
        for choices in &mut chosen.sources {
            sources.push(Source::new(&sources, choices, &settings));
        }
        if general.one_in(3) {
            sources.push(Source::decisions(general, &settings));
        }
        sources.iter().for_each(|source| yaml.push_str(source.yaml()));
        let identity = Identity::new(&sources, &mut chosen.types);
        yaml.push_str(&identity.yaml);
        let attributes =
            profiles::attributes(&sources, &identity, &mut chosen.attributes, &mut yaml);
        let segments = profiles::segments(&attributes, &identity, &mut chosen.segments, &mut yaml);
        profiles::outputs(&attributes, &segments, &mut chosen.outputs, &mut yaml);
        let plan = plan(&yaml);
        for (source, read) in sources.iter().zip(&plan.sources) {
            let read = read.fields.iter().map(|field| field.path.steps());
            assert!(read.eq(source.paths()), "the paths of {} are others\n{yaml}", source.name);
        }
        let script = script(chosen.ticks, &plan, &sources, &identity.types, settings);
        let case = Case { plan, yaml, clock, script };
        History { case, settings, sources }
    }

    /// The same rows with the same positions, arriving in another order and in other ticks; the
    /// clock ends where it ended.
    pub fn rearranged(&self, order: &[u16], ticks: usize) -> Case {
        assert!(self.settings.order_free, "order would matter");
        let rows = self.case.script.ticks.iter().flat_map(|tick| &tick.rows);
        let order = order.iter().copied().chain(std::iter::repeat(0));
        let mut rows: Vec<_> = order.zip(rows.cloned()).collect();
        rows.sort_by_key(|(order, _)| *order);
        let last = self.case.script.ticks.last().map_or(START, |tick| tick.reading);
        let first = self.case.script.ticks.first().map_or(START, |tick| tick.reading);
        let count = rows.len();
        let mut rearranged: Vec<Tick> = (1..=ticks as i64)
            .map(|tick| first + (last - first) / ticks as i64 * tick)
            .map(|reading| Tick { reading, rows: Vec::new() })
            .collect();
        rearranged.last_mut().expect("some ticks").reading = last;
        for (place, (_, row)) in rows.into_iter().enumerate() {
            rearranged[place * ticks / count].rows.push(Delivery { joined: false, ..row });
        }
        let script = Script { ticks: rearranged };
        let (plan, yaml) = (self.case.plan.clone(), self.case.yaml.clone());
        Case { yaml, plan, clock: self.case.clock, script }
    }

    /// The history and, at its end, the deletion of every record; and once more when all windows are
    /// over.
    pub fn taken_back(mut self) -> Case {
        assert!(self.settings.retractable, "not all can be taken back");
        let last = self.case.script.ticks.last().map_or(START, |tick| tick.reading);
        for (round, reading) in [last, last + 2_000 * DAY].into_iter().enumerate() {
            let mut rows = Vec::new();
            let tables = self.sources.iter().enumerate().filter(|(_, source)| source.has_records);
            for (number, source) in tables {
                let ahead = self.case.plan.sources[number].max_ahead;
                for key in 0..6 {
                    let offset = 10 * round as u64 + key + 1;
                    let deletion = deletion(number, source, &key.to_string(), reading + ahead);
                    rows.push(Delivery { offset, ..deletion });
                }
            }
            self.case.script.ticks.push(Tick { reading, rows });
        }
        self.case
    }
}

/// How far the wall clock goes from tick to tick.
const STEPS: [Micros; 12] = [
    HOUR,
    0,
    1,
    SECOND,
    30 * MINUTE,
    HOUR,
    2 * HOUR - 1,
    DAY,
    DAY - HOUR,
    2 * DAY,
    30 * DAY,
    400 * DAY,
];

fn script(
    ticks: Vec<(Choices, Vec<Choices>)>,
    plan: &Plan,
    sources: &[Source],
    types: &[String],
    settings: Settings,
) -> Script {
    let mut reading = START;
    let mut drafts: Vec<(Micros, Vec<Draft>)> = Vec::new();
    for (mut choices, rows) in ticks {
        reading += STEPS[choices.below(STEPS.len())];
        let row = |mut choices: Choices| {
            let number = choices.below(sources.len());
            draft(&mut choices, number, &sources[number], types, reading)
        };
        drafts.push((reading, rows.into_iter().map(row).collect()));
    }
    if settings.order_free && settings.events {
        // No row is ahead of the wall clock, whenever it arrives.
        drafts.iter_mut().for_each(|(reading, _)| *reading = START + 20_000 * DAY);
    } else if settings.order_free {
        repeat_events(&mut drafts, sources);
    }
    number(&mut drafts);
    let ticks = drafts.into_iter().map(|(reading, drafts)| {
        let mut rows: Vec<Delivery> = Vec::new();
        for Draft { mut delivery, .. } in drafts {
            delivery.joined &= rows.last().is_some_and(|last| delivery.can_join(last, plan));
            rows.push(delivery);
        }
        Tick { reading, rows }
    });
    Script { ticks: ticks.collect() }
}

/// The same id is the same event, so that it does not matter which comes first.
fn repeat_events(drafts: &mut [(Micros, Vec<Draft>)], sources: &[Source]) {
    let mut known: BTreeMap<(usize, usize), Delivery> = BTreeMap::new();
    for draft in drafts.iter_mut().flat_map(|(_, drafts)| drafts) {
        let source = &sources[draft.delivery.source];
        if source.has_records || !source.has(sources::ID) {
            continue;
        }
        let event = (draft.delivery.source, draft.key);
        let first = known.entry(event).or_insert_with(|| draft.delivery.clone());
        draft.delivery.payload = first.payload.clone();
        draft.delivery.timestamp = first.timestamp;
    }
}

/// Gives each row its position: their order, but for those that come late.
fn number(drafts: &mut [(Micros, Vec<Draft>)]) {
    let mut parts: BTreeMap<(usize, u32), Vec<&mut Draft>> = BTreeMap::new();
    for draft in drafts.iter_mut().flat_map(|(_, drafts)| drafts) {
        let part = (draft.delivery.source, draft.delivery.part);
        parts.entry(part).or_default().push(draft);
    }
    for drafts in parts.into_values() {
        let mut ranked: Vec<_> = drafts.into_iter().enumerate().collect();
        // Stable, so that of equal places the one that comes first is first.
        ranked.sort_by_key(|(place, draft)| (place.saturating_sub(draft.late), *place));
        for (offset, (_, draft)) in (1..).zip(ranked) {
            draft.delivery.offset = offset;
        }
    }
}
