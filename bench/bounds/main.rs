//! What it costs that each call of a function or an operator is held to what it may make and do for one row.
//!
//! Rows of JSON are decoded by a definition with expressions as people write them, once as the engine does it and
//! once with every call evaluated as DataFusion would, without a look at what it is given and what it made. What
//! comes out is compared first. Both are measured in turn.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion_common::ScalarValue;
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::expressions::{Column, Literal};
use selfsame::internals::decode::Decoder;
use selfsame::internals::definition;
use selfsame::internals::definition::sql::call::LimitedCall;
use selfsame::internals::plan::{Expression, Plan};
use selfsame::internals::row::Row;
use selfsame::internals::source::{Chunk, Payload};
use selfsame::internals::time::Micros;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const DEFINITION: &str = "
name: bounds
sources:
  web:
    files: web.ndjson
    format: json
    kind: events
    time: ts
    fields: {ts: timestamp, user: text, url: text, name: text, price: 'decimal(12,2)', items: integer, score: number}
    derive:
      shown: upper(trim(name))
      page: split_part(url, '?', 1)
      shop: url ~ '^https://shop[.]'
      total: price * items
      share: score / 3 + 1
      day: date_trunc('day', ts)
      label: concat(name, ' of ', user)
      kind: case when items > 3 then 'many' when items > 1 then 'few' else 'one' end
      short: substr(name, 1, 3)
identity:
  user: {from: {web: user}}
outputs:
  profiles: {files: out/profiles.ndjson}
attributes:
  rows: {from: web, select: count(*)}
  spent: {from: web, select: sum(total), where: shop and page <> 'x'}
  last_label: {from: web, select: last(label)}
  days: {from: web, select: count(distinct day)}
  kinds: {from: web, select: count(distinct kind)}
  most: {from: web, select: max(share)}
  names: {from: web, select: count(distinct shown), where: short <> 'zzz'}
";

/// 2025-08-01T00:00:00Z, so that no row is ahead of its time.
const NOW: Micros = 1_754_006_400_000_000;
const ROWS: usize = 20_000;
const ROUNDS: usize = 31;

fn main() {
    let plan = definition::parse(DEFINITION, Path::new("bounds.yaml"), &|_| None);
    let held = plan.expect("a right definition");
    let mut free = held.clone();
    let mut calls = 0;
    for source in &mut free.sources {
        let derived = source.derived.iter_mut().map(|(_, expression)| expression);
        let conditions = source
            .inputs
            .iter_mut()
            .flat_map(|input| input.condition.iter_mut().chain(input.argument.iter_mut()));
        for expression in derived.chain(conditions) {
            let physical = without_bounds(expression.physical(), &mut calls);
            *expression = Expression::new(physical, expression.data_type.clone(), &expression.text);
        }
    }
    let chunk = chunk();
    let mut decoders = [held, free].map(|plan: Plan| Decoder::new(Arc::new(plan), 0));
    let [ours, theirs] = decoders.each_mut().map(|decoder| said(&decoder.decode(&chunk, NOW).rows));
    assert_eq!(ours.len(), ROWS, "every row is accepted");
    assert_eq!(ours, theirs, "both ways say the same of rows");
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..2 * ROUNDS {
        let which = round % 2;
        let began = Instant::now();
        let decoded = decoders[which].decode(&chunk, NOW);
        times[which].push(began.elapsed());
        assert_eq!(decoded.rows.len(), ROWS);
    }
    let [held, free] = times.map(median);
    let by_row = |time: Duration| time.as_nanos() as f64 / ROWS as f64;
    println!(
        "{ROWS} rows, {calls} calls a row, medians of {ROUNDS} rounds taken in turn:\n\
         held to bounds {:.0} ns a row, without {:.0} ns: {:.3} times as long",
        by_row(held),
        by_row(free),
        held.as_secs_f64() / free.as_secs_f64()
    );
}

/// The same with what DataFusion evaluates in the place of each call.
fn without_bounds(of: &Arc<dyn PhysicalExpr>, calls: &mut usize) -> Arc<dyn PhysicalExpr> {
    let children: Vec<_> =
        of.children().into_iter().map(|one| without_bounds(one, calls)).collect();
    if let Some(call) = of.downcast_ref::<LimitedCall>() {
        *calls += 1;
        let is_constant = |child: &&Arc<dyn PhysicalExpr>| {
            let literal = child.downcast_ref::<Literal>();
            literal.is_some_and(|literal: &Literal| !ScalarValue::is_null(literal.value()))
        };
        let columns: Vec<_> = children.iter().filter(|child| !is_constant(child)).collect();
        let given =
            call.inner().children().into_iter().map(|child| match child.downcast_ref::<Column>() {
                Some(column) => Arc::clone(columns[column.index()]),
                None => Arc::clone(child),
            });
        let given = given.collect();
        return Arc::clone(call.inner()).with_new_children(given).expect("as many arguments");
    }
    if children.is_empty() {
        return Arc::clone(of);
    }
    Arc::clone(of).with_new_children(children).expect("as many children")
}

fn chunk() -> Chunk {
    let line = |row: usize| {
        format!(
            "{{\"ts\":\"2025-07-{:02}T10:{:02}:00Z\",\"user\":\"u{}\",\"url\":\"https://shop.example/p/{}?q={}\",\
             \"name\":\"  Shoe number {} \",\"price\":{}.{:02},\"items\":{},\"score\":{}.5}}\n",
            1 + row % 28,
            row % 60,
            row % 5_000,
            row % 300,
            row,
            row % 700,
            row % 90,
            row % 100,
            1 + row % 5,
            row % 1_000,
        )
    };
    let bytes: String = (0..ROWS).map(line).collect();
    let bytes = bytes.into_bytes();
    let payload = Payload::Lines { bytes, first_line: 1, header: None, arrived: NOW };
    Chunk { source: 0, part: 0, origin: "web".into(), payload, reached: None }
}

fn said(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| format!("{:?} {:?}", row.time, row.body)).collect()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
