// Segments: how large they are and have been, what they mean, and who is in them.
import { ask } from './ask.js';
import { answers, follow, known } from './live.js';
import { line, room } from './chart.js';
import { instant, made, note, number, section, table } from './dom.js';
import { segmentLink } from './links.js';
import { personList } from './person_list.js';

const path = (name) => `/v1/segments/${encodeURIComponent(name)}`;
/** Sizes at ticks as points of time, up to now. */
const points = ({ sizes, size }) => [...sizes, [Date.now(), size]];

export async function segments(view, { cleanup, isCurrent }) {
  const all = await ask('/v1/segments');
  const cells = new Map();
  const share = (size, people) => (people ? `${((100 * size) / people).toFixed(1)} %` : '–');
  const rows = all.segments.map(({ name, size }) => {
    const cell = { size: made('span', {}, number(size)), share: made('span', {}, share(size, all.people)), drawing: made('div', { class: 'drawing' }), about: made('span') };
    cells.set(name, cell);
    return [segmentLink(name), cell.size, cell.share, cell.drawing, cell.about];
  });
  view.replaceChildren(made('h1', {}, 'Segments'), rows.length
    ? section('All segments', table('Segments', ['Segment', { name: 'People', number: true }, { name: 'Share', number: true }, 'Size over time', 'Who is in it'], rows))
    : note('The definition has no segments.'));
  for (const [name, cell] of cells) {
    const one = await ask(path(name));
    if (!isCurrent()) return;
    cell.drawing.replaceChildren(line(`Size of ${name} over time, now ${number(one.size)}`, points(one), { width: 160, height: 36, axes: false }));
    cell.about.replaceChildren(one.description ?? '', one.description ? ' ' : '', made('code', {}, one.condition));
  }
  const update = async () => {
    const now = await ask('/v1/segments').catch(() => null);
    now?.segments.forEach(({ name, size }) => {
      cells.get(name)?.size.replaceChildren(number(size));
      cells.get(name)?.share.replaceChildren(share(size, now.people));
    });
  };
  // As often as the run is looked at.
  cleanup(follow(() => { if (answers.length % 2 === 0) update(); }));
}

export async function segment(view, { parts: [name], cleanup }) {
  const { identifier_types: types } = await known();
  const drawing = made('div', { class: 'drawing' });
  const size = made('span', { class: 'big' });
  const draw = (one) => {
    size.replaceChildren(number(one.size));
    drawing.replaceChildren(line(`Size of ${name} over time, now ${number(one.size)}`, points(one), { width: room(drawing) }));
  };
  const one = await ask(path(name));
  const [list, more, bring] = personList({ caption: 'Members', empty: 'Nobody is in it.', path: `${path(name)}/members`, field: 'members', types });
  view.replaceChildren(made('h1', {}, name),
    section('Size', made('p', {}, size, ` ${one.size === 1 ? 'person' : 'people'} now`), drawing,
      note(one.sizes.length ? `Since ${instant(new Date(one.sizes[0][0]).toISOString())} UTC, as far as this run knows.` : 'This run knows of no time before now.')),
    section('Definition', one.description && made('p', {}, one.description), made('pre', { tabindex: 0 }, one.condition)),
    section('Some of its members', list, more));
  draw(one);
  await bring();
  cleanup(follow(async () => { if (answers.length % 2 === 0) ask(path(name)).then(draw, () => null); }));
}
