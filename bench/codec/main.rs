//! What it costs to send rows between processes: the codec in use (serde and bincode, as timely sends what it
//! is not told otherwise about) beside abomonation 0.7, which copies memory as it lies.
//!
//! The rows are those of the retail definition, decoded from a generated history, in pieces as they are
//! exchanged. abomonation can only be given types of one's own made of types that it knows, so its rows are
//! mirrors of ours: the same fields, in `Vec` and `String`. What comes out is compared with what went in; a
//! time is told only when the two are equal. The engine does not use abomonation: it is unsound
//! (RUSTSEC-2021-0120).

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use selfsame::internals::decode::Decoder;
use selfsame::internals::generate::{self, GenerateOptions, GenerateTarget};
use selfsame::internals::row::{Datum, Row, Verdict};
use selfsame::internals::source::{Chunk, Payload};
use selfsame::internals::time::Micros;

mod mirror;

use mirror::Mirror;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Rows of a message: timely's pieces hold about so many.
const PIECE: usize = 1_024;
/// 2025-07-01T00:00:00Z, when the history begins.
const START: Micros = 1_751_328_000_000_000;
/// When all of it is over, so that no row is ahead of its time.
const NOW: Micros = START + 100 * 86_400_000_000;

fn main() {
    let events = argument("--events", 200_000);
    let rounds = argument("--rounds", 9);
    let rows = rows(events);
    let mirrors: Vec<Mirror> = rows.iter().map(Mirror::of).collect();
    let inputs: usize =
        rows.iter().filter_map(|row| row.body.as_ref()).map(|body| body.inputs().count()).sum();
    println!(
        "{} rows of the retail definition, {:.1} inputs to aggregates each, in messages of {PIECE} rows; \
         medians of {rounds} rounds, taken in turn",
        rows.len(),
        inputs as f64 / rows.len() as f64,
    );
    let pieces: Vec<Vec<Row>> = rows.chunks(PIECE).map(<[Row]>::to_vec).collect();
    let mirrored: Vec<Vec<Mirror>> = mirrors.chunks(PIECE).map(<[Mirror]>::to_vec).collect();
    let (mut ours, mut same, mut theirs) =
        (Measured::default(), Measured::default(), Measured::default());
    for _ in 0..rounds {
        bincode(&pieces, &mut ours);
        bincode(&mirrored, &mut same);
        abomonation(&mirrored, &mut theirs);
    }
    ours.print("bincode 1.3, the engine's rows", rows.len());
    same.print("bincode 1.3, mirrors", rows.len());
    theirs.print("abomonation 0.7, mirrors", rows.len());
}

/// The rows of a history, as they leave the decoder.
fn rows(events: usize) -> Vec<Row> {
    let folder = tempfile::tempdir().expect("a folder");
    let options = GenerateOptions {
        people: (events / 10).max(1) as u64,
        events: events as u64,
        seed: 1,
        start: START,
        days: 90,
        clean: true,
        mess: 1,
        to: GenerateTarget::Folder(folder.path().to_owned()),
    };
    generate::run(&options).expect("a history");
    let definition = Path::new(env!("CARGO_MANIFEST_DIR")).join("dataflows/retail/retail.yaml");
    let text = std::fs::read_to_string(&definition).expect("the retail definition");
    let plan = selfsame::internals::definition::parse(&text, &definition, &|_| None)
        .unwrap_or_else(|wrong| panic!("{wrong}"));
    let plan = Arc::new(plan);
    let source =
        plan.sources.iter().position(|source| source.name == "web").expect("a source 'web'");
    let mut decoder = Decoder::new(Arc::clone(&plan), source);
    let mut files: Vec<_> = std::fs::read_dir(folder.path().join("web"))
        .expect("a folder of events")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    let mut rows = Vec::new();
    for file in files {
        let payload = Payload::Lines {
            bytes: std::fs::read(&file).expect("a file"),
            first_line: 1,
            header: None,
            arrived: NOW,
        };
        let origin = file.display().to_string().into();
        let chunk = Chunk { source: source as u16, part: 0, origin, payload, reached: None };
        rows.extend(decoder.decode(&chunk, NOW).rows);
    }
    assert!(rows.len() > events / 2, "most of them are rows: {}", rows.len());
    rows
}

/// What one codec took, in each round for all messages.
#[derive(Default)]
struct Measured {
    bytes: usize,
    encode: Vec<Duration>,
    decode: Vec<Duration>,
}

impl Measured {
    fn print(&mut self, codec: &str, rows: usize) {
        let each = |times: &mut Vec<Duration>| {
            times.sort_unstable();
            times[times.len() / 2].as_secs_f64() * 1e9 / rows as f64
        };
        let (encode, decode) = (each(&mut self.encode), each(&mut self.decode));
        let bytes = self.bytes as f64 / rows as f64;
        println!(
            "  {codec:<34}encode {encode:>5.0} ns, decode {decode:>5.0} ns, {bytes:>5.0} bytes a row"
        );
    }
}

fn bincode<T>(pieces: &[Vec<T>], measured: &mut Measured)
where
    T: serde::Serialize + for<'de> serde::Deserialize<'de>,
{
    let started = Instant::now();
    let messages: Vec<Vec<u8>> = pieces
        .iter()
        .map(|piece| ::bincode::serialize(piece).expect("it can be written"))
        .collect();
    measured.encode.push(started.elapsed());
    let started = Instant::now();
    let read: Vec<Vec<T>> = messages
        .iter()
        .map(|message| ::bincode::deserialize(message).expect("what was written"))
        .collect();
    measured.decode.push(started.elapsed());
    measured.bytes = messages.iter().map(Vec::len).sum();
    let again: Vec<Vec<u8>> =
        read.iter().map(|piece| ::bincode::serialize(piece).expect("it can be written")).collect();
    assert!(messages == again, "what comes out is what went in");
}

fn abomonation(pieces: &[Vec<Mirror>], measured: &mut Measured) {
    let started = Instant::now();
    let mut messages: Vec<Vec<u8>> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let mut message = Vec::with_capacity(::abomonation::measure(piece));
        // SAFETY: a mirror's fields are all given to abomonation, and none of them has an invariant
        // that bytes written by this program on this machine could break. That padding is sent, which
        // is not sound, is why the engine does not do this.
        unsafe { ::abomonation::encode(piece, &mut message) }.expect("to memory");
        messages.push(message);
    }
    measured.encode.push(started.elapsed());
    measured.bytes = messages.iter().map(Vec::len).sum();
    let started = Instant::now();
    // Whoever receives rows keeps them: they are copied out of the message.
    let read: Vec<Vec<Mirror>> = messages
        .iter_mut()
        .map(|message| {
            // SAFETY: as above; these are the bytes that `encode` has just written.
            let (piece, rest) =
                unsafe { ::abomonation::decode::<Vec<Mirror>>(message) }.expect("whole");
            assert!(rest.is_empty());
            piece.clone()
        })
        .collect();
    measured.decode.push(started.elapsed());
    assert!(black_box(read) == pieces, "what comes out is what went in");
}

/// The number that follows a name such as `--events`, or a default.
fn argument(name: &str, default: usize) -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    arguments.next().map_or(default, |value| {
        value.parse().unwrap_or_else(|_| panic!("{name} takes a number, not '{value}'"))
    })
}
