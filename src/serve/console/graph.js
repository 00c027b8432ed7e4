// What a person is known by: identifiers, the links between them, and the links that do not count, as a drawing and as a
// list. Types stand below each other, the most trusted first.
import { count, drawn, inParts, instant, made, note, number, place, table, visible } from './dom.js';
import { compareLink, link } from './links.js';

/** Identifiers that are drawn. */
const DRAWN = 48;
/** Other people that are named. */
const NAMED = 12;
const [WIDE, TALL, GAP, BAND] = [172, 44, 14, 30];

/** Of a row that carries a link. */
export const rowOf = ({ source, position, time }) => `${source} ${place(position)}${time ? `, ${instant(time)}` : ''}`;

export function graph(said, types) {
  const own = said.identifiers.map((of) => `${of.type}:${of.value}`);
  return made('div', {},
    drawing(said, types, own),
    made('h3', {}, 'Identifiers'),
    inParts(said.identifiers, (identifiers, isRest) => table(isRest ? 'More identifiers' : 'Identifiers', ['Identifier', 'First seen (UTC)', { name: 'Rows', number: true }],
      identifiers.map((of) => [
        made('span', {}, made('code', {}, `${of.type}:${of.value}`), of.shared && made('span', { class: 'badge out' }, `shared: ${of.shared}`)),
        instant(of.first_seen), number(of.rows)]))),
    made('h3', {}, 'Links'),
    said.links.length ? inParts(said.links, listed) : note('There are none.'),
    made('h3', {}, 'Withheld links'),
    said.withheld.length ? inParts(said.withheld, listed) : note('There are none: nothing that ties this person to others is kept from counting.'),
    said.decisions.length > 0 && [made('h3', {}, 'Decisions'), made('ul', { class: 'links' }, said.decisions.map(decision))],
  );
}

const listed = (all) => made('ul', { class: 'links' }, all.map((of) => item(of)));

export const decision = ({ one, other, verdict, source, position, time }) =>
  made('li', {}, made('span', { class: `badge ${verdict === 'same' ? 'in' : 'out'}` }, verdict), ' ', made('code', {}, one), ' and ', made('code', {}, other),
    made('p', { class: 'note' }, rowOf({ source, position, time })));

/** A link as a list has it. */
export function item(of, { compares = true } = {}) {
  const rows = of.rows.map(rowOf).join('; ');
  return made('li', { class: of.withheld ? 'withheld' : null },
    made('code', {}, of.one), made('span', { 'aria-hidden': 'true' }, of.withheld ? ' ⇎ ' : ' — '), made('span', { class: 'unseen' }, of.withheld ? ' is kept apart from ' : ' is tied to '), made('code', {}, of.other), ' ',
    of.decided && made('span', { class: 'badge in' }, 'decided'),
    of.withheld && made('p', {}, made('span', { class: 'badge out' }, of.withheld.rule), ' ', of.withheld.reason, '. ', compares && compareLink(of.one, of.other)),
    made('p', { class: 'note' }, `${count(of.of, 'row', 'rows')}${rows ? `: ${rows}${of.of > of.rows.length ? '; …' : ''}` : ''}`));
}

function drawing(said, types, own) {
  const strangers = [...new Set(said.withheld.flatMap(({ one, other }) => [one, other]))].filter((of) => !own.includes(of));
  const links = [...said.links, ...said.withheld];
  const degree = (of) => links.filter(({ one, other }) => one === of || other === of).length;
  const chosen = own.length <= DRAWN ? own : [...own].sort((one, other) => degree(other) - degree(one)).slice(0, DRAWN);
  const type = (of) => types.filter((name) => of.startsWith(`${name}:`)).sort((one, other) => other.length - one.length)[0] ?? of.split(':')[0];
  const bands = types.map((name) => ({ name, members: chosen.filter((of) => type(of) === name) })).filter(({ members }) => members.length);
  if (strangers.length) bands.push({ name: 'other people', members: strangers.slice(0, DRAWN), isStrange: true });
  const box = made('div', { class: 'graph' });
  const paint = () => {
    const width = Math.max(300, box.clientWidth || 640);
    const perLine = Math.max(1, Math.floor((width + GAP) / (WIDE + GAP)));
    const at = new Map();
    let y = 4;
    bands.forEach(({ name, members, isStrange }, band) => {
      y += 16;
      // Bands in between stand aside by turns, so that links from above to below don't run behind them.
      const aside = band === 0 || band === bands.length - 1 ? 0 : (WIDE + GAP) * (band % 2 ? -0.62 : 0.62);
      members.forEach((of, place) => {
        const inLine = Math.min(perLine, members.length - Math.floor(place / perLine) * perLine);
        const margin = (width - inLine * WIDE - (inLine - 1) * GAP) / 2;
        const left = Math.min(Math.max(2, margin + aside), Math.max(2, 2 * margin - 2));
        at.set(of, { x: left + (place % perLine) * (WIDE + GAP), y: y + Math.floor(place / perLine) * (TALL + GAP), name, isStrange });
      });
      y += Math.ceil(members.length / perLine) * (TALL + GAP) - GAP + BAND;
    });
    const label = `${count(own.length, 'identifier', 'identifiers')}, ${count(said.links.length, 'link', 'links')}, ${count(said.withheld.length, 'withheld link', 'withheld links')}: they are listed below`;
    const svg = drawn('svg', { viewBox: `0 0 ${width} ${y}`, width, height: y, role: 'img', 'aria-label': label });
    for (const of of links) {
      const [one, other] = [at.get(of.one), at.get(of.other)];
      if (!one || !other) continue;
      svg.append(drawn('path', { class: of.withheld ? 'edge withheld' : 'edge', d: curve(one, other), 'stroke-width': Math.min(6, 1.2 + Math.log2(1 + (of.of ?? 0)) / 2).toFixed(1) },
        drawn('title', {}, `${of.one} — ${of.other}: ${of.withheld ? of.withheld.reason : count(of.of, 'row', 'rows')}`)));
    }
    for (const [of, { x, y: top, name, isStrange }] of at) {
      const value = visible(isStrange ? of.slice(type(of).length + 1) : of.slice(name.length + 1));
      const kind = isStrange ? type(of) : name;
      svg.append(drawn('g', { class: isStrange ? 'node strange' : 'node' },
        drawn('title', {}, of), drawn('rect', { x, y: top, width: WIDE, height: TALL, rx: 8 }),
        drawn('text', { class: 'kind', x: x + 10, y: top + 17 }, kind),
        drawn('text', { x: x + 10, y: top + 34 }, [...value].length > 21 ? `${[...value].slice(0, 20).join('')}…` : value)));
    }
    box.replaceChildren(svg);
  };
  // As wide as there is room for: again when that changes.
  new ResizeObserver(paint).observe(box);
  const left = own.length - chosen.length;
  const others = [...new Set(said.withheld.flatMap(({ withheld }) => withheld.people))].filter((of) => of !== said.person);
  return made('div', {}, box, left > 0 && note(`The ${DRAWN} identifiers with the most links are drawn, of ${number(own.length)}; the list has all.`),
    others.length > 0 && note('What is dashed does not count: it leads to ', count(others.length, 'other person', 'other people'), ', ',
      others.slice(0, NAMED).flatMap((other, place) => [place ? ', ' : '', link(other, `${other.slice(0, 10)}…`)]), others.length > NAMED ? ' and more.' : '.'));
}

function curve(one, other) {
  const [above, below] = one.y <= other.y ? [one, other] : [other, one];
  const [x1, x2] = [above.x + WIDE / 2, below.x + WIDE / 2];
  if (above.y === below.y) return `M${x1} ${above.y + TALL}C${x1} ${above.y + TALL + BAND} ${x2} ${below.y + TALL + BAND} ${x2} ${below.y + TALL}`;
  const [y1, y2] = [above.y + TALL, below.y];
  const bend = Math.max(12, (y2 - y1) / 2);
  return `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`;
}
