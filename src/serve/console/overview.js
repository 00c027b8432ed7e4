// How the run does: rates, latency against its target, freshness, and how many there are.
import { answers, follow, rate } from './live.js';
import { bars, line, room } from './chart.js';
import { count, duration, instant, made, note, number, section, table } from './dom.js';

const rows = (status) => status.sources.reduce((sum, of) => sum + of.rows, 0);
const rejected = (status) => status.sources.reduce((sum, of) => sum + of.rejected, 0);
const source = (name, field) => (status) => status.sources.find((of) => of.name === name)?.[field] ?? 0;
const perSecond = (value) => (value === null ? '…' : value < 10 && value > 0 ? value.toFixed(1) : number(Math.round(value)));
const since = (text) => duration(Math.max(0, (Date.now() - Date.parse(text)) / 1000));

/** How much of the rows kept the target, and within which bound half and 99 % of them did. */
function latency({ rows: all, buckets }, target) {
  const within = buckets.filter((of) => of.le_ms !== null && of.le_ms <= target).reduce((sum, of) => sum + of.rows, 0);
  const bound = (share) => {
    let seen = 0;
    const found = buckets.find((of) => (seen += of.rows) >= all * share && seen > 0);
    return !found ? '–' : found.le_ms === null ? `over ${buckets[buckets.length - 2].le_ms} ms` : `≤ ${found.le_ms} ms`;
  };
  return { all, share: all ? (100 * within) / all : null, half: bound(0.5), most: bound(0.99) };
}

/** Of all that is counted, since then; and of the rows that came while this page was open, within the last minutes. */
const ever = (status) => latency(status.latency, status.latency_target_ms);
function lately(status) {
  const [first] = answers;
  const before = new Map(first.status.latency.buckets.map(({ le_ms, rows: of }) => [le_ms, of]));
  const buckets = status.latency.buckets.map(({ le_ms, rows: of }) => ({ le_ms, rows: of - (before.get(le_ms) ?? 0) }));
  const all = status.latency.rows - first.status.latency.rows;
  const seconds = (answers[answers.length - 1].at - first.at) / 1000;
  return { ...latency({ rows: all, buckets }, status.latency_target_ms), over: duration(Math.max(1, Math.round(seconds))) };
}
const percent = (share) => (share === null ? '–' : `${share.toFixed(share < 99.995 ? 2 : 0)} %`);
const counting = (status) => `since ${instant(status.counted_since)} UTC`;

/** A place in the page whose text changes: it stays where it is, so that nobody who reads it is lost. */
function places() {
  const all = [];
  return {
    text(of) { const element = made('span'); all.push((status) => { const text = of(status); if (element.textContent !== text) element.textContent = text; }); return element; },
    drawing(of) { const element = made('div', { class: 'drawing' }); all.push((status) => element.replaceChildren(of(status, element))); return element; },
    update: (status) => all.forEach((change) => change(status)),
  };
}

export default function overview(view, { cleanup }) {
  let shape = null;
  let held = null;
  cleanup(follow((status) => {
    const now = JSON.stringify([status.counted_since, status.sources.map((of) => of.name), status.outputs.map((of) => of.name)]);
    if (now !== shape) { shape = now; held = laid(view, status); }
    held.update(status);
  }));
}

function laid(view, status) {
  const place = places();
  const history = (of) => answers.slice(1).map(({ time }, at) => [time, of(answers[at + 1].status, answers[at].status, (answers[at + 1].at - answers[at].at) / 1000)]);
  const card = (name, value, more, draw) => made('div', { class: 'tile' },
    made('dt', {}, name), made('dd', {}, made('span', { class: 'big' }, value), more && made('span', { class: 'more' }, more), draw));
  const spark = (label, of) => place.drawing(() => line(label, history(of), { width: 160, height: 36, axes: false }));
  const tiles = made('dl', { class: 'tiles' },
    card('People', place.text((of) => number(of.people)), place.text((of) => `${number(of.identifiers)} identifiers`),
      spark('People since this page was opened', (now) => now.people)),
    card('Merges', place.text((of) => number(of.merges)), place.text((of) => `${count(of.splits, 'part', 'parts')} came off again`),
      spark('Merges in a second since this page was opened', (now, before, seconds) => Math.max(0, now.merges - before.merges) / seconds)),
    card('Rows in a second', place.text(() => perSecond(rate(rows))), place.text((of) => `${number(rows(of))} in all`),
      spark('Rows in a second since this page was opened', (now, before, seconds) => Math.max(0, rows(now) - rows(before)) / seconds)),
    card('Rejected in a second', place.text(() => perSecond(rate(rejected))), place.text((of) => `${number(rejected(of))} in all`),
      spark('Rejected rows in a second since this page was opened', (now, before, seconds) => Math.max(0, rejected(now) - rejected(before)) / seconds)),
    card('Within the target', place.text((of) => percent(lately(of).share)),
      place.text((of) => `of the last ${lately(of).over}’s rows within ${of.latency_target_ms} ms; ${percent(ever(of).share)} of all ${counting(of)}`)),
    card('Since the last change', place.text((of) => (of.tick ? since(new Date(of.tick).toISOString()) : '–')), place.text((of) => `running for ${since(of.started)}`)));
  const numbers = (name) => ({ name, number: true });
  const sources = table('Sources', ['Source', 'Kind', numbers('Rows/s'), numbers('Rows'), numbers('Rejected'), numbers('Repeated'), numbers('Left out'), 'Newest row (UTC)'],
    status.sources.map(({ name, kind }) => [
      name, kind, place.text(() => perSecond(rate(source(name, 'rows')))), place.text((of) => number(source(name, 'rows')(of))),
      place.text((of) => number(source(name, 'rejected')(of))), place.text((of) => number(source(name, 'duplicates')(of))),
      place.text((of) => number(source(name, 'dropped')(of))), place.text((of) => instant(of.sources.find((one) => one.name === name)?.newest_row)),
    ]));
  const output = (name) => (of) => of.outputs.find((one) => one.name === name) ?? {};
  const outputs = table('Outputs', ['Output', 'Publishes', numbers('Records'), numbers('Waiting'), 'Newest row it has (UTC)'],
    status.outputs.map(({ name, publishes }) => [
      name, publishes, place.text((of) => number(output(name)(of).records)), place.text((of) => number(output(name)(of).pending)),
      place.text((of) => instant(output(name)(of).newest_row)),
    ]));
  const target = status.latency_target_ms;
  const short = (ms) => (ms === null ? 'more' : ms >= 1000 ? `${ms / 1000} s` : `${ms}`);
  const histogram = place.drawing((of, element) => {
    const { share, half, most } = ever(of);
    const label = `Latency ${counting(of)}: half of the rows took ${half}, 99 % took ${most}; ${share === null ? 'no rows yet' : `${share.toFixed(2)} % kept the target of ${target} ms`}`;
    return bars(label, of.latency.buckets.map(({ le_ms, rows: value }) => ({ name: short(le_ms), value, isBeyond: le_ms === null || le_ms > target })), { width: room(element, 320) });
  });
  view.replaceChildren(
    made('h1', {}, 'Overview'),
    status.processes > 1 && note(`The run has ${number(status.processes)} processes. What is told here is of all of them together, of the others as it was a second ago. What each counts by itself, its own /metrics say.`),
    tiles,
    section('Latency', made('p', {}, place.text((of) => {
      const { all, half, most, over } = lately(of);
      return `From a row’s arrival until all outputs have what follows. ${all ? `Of the last ${over}’s rows half took ${half}, 99 % took ${most}` : `No row came in the last ${over}`}. The target is ${target} ms.`;
    })), made('p', {}, place.text((of) => {
      const { all, half, most } = ever(of);
      return all ? `Of all rows ${counting(of)} half took ${half}, 99 % took ${most}.` : 'No row has come yet.';
    })), histogram, note(place.text((of) => `Rows ${counting(of)}, by how long they took at most, in milliseconds. What missed the target stands right of its line.`))),
    section('Sources', place.text((of) => (of.lag === null ? '' : `${count(of.lag, 'message', 'messages')} of topics are yet to be read.`)), sources),
    section('Outputs', outputs),
  );
  return place;
}
