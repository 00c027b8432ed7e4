// Why somebody is in a segment or not, and where the value of an attribute comes from.
import { count, folded, instant, made, note, number, place, shown, table } from './dom.js';

const truth = (value) => made('span', { class: value === true ? 'badge in' : value === false ? 'badge out' : 'badge' }, value === true ? 'true' : value === false ? 'false' : 'unknown');

export function whySegment(said) {
  return made('div', {},
    said.description && made('p', {}, said.description),
    made('p', {}, made('code', {}, said.condition)),
    made('ul', { class: 'terms' }, made('li', {}, term(said.terms))),
    made('p', { class: 'note' }, `now() is ${instant(said.now)} UTC. `,
      said.turns ? `By time alone this person ${said.turns.value ? 'enters' : 'leaves'} at ${instant(said.turns.at)} UTC.`
        : said.looked_until ? `Time alone changes nothing until ${instant(said.looked_until)} UTC.` : ''));
}

function term(of) {
  const parts = (name, list) => [truth(of.value), ` ${name}`, made('ul', { class: 'terms' }, list.map((part) => made('li', {}, term(part))))];
  if (of.all) return parts('all of', of.all);
  if (of.any) return parts('any of', of.any);
  if (of.not) return parts('not', [of.not]);
  if (of.segment) return parts(`in ${of.segment.name}`, [of.segment.terms]);
  const { sql, attributes = [], turns = [] } = of.term ?? {};
  return [truth(of.value), ' ', made('code', {}, sql), attributes.length > 0 && made('ul', { class: 'plain values' }, attributes.map(value)),
    turns.length > 0 && made('p', { class: 'note' }, turns.map(({ at, value: turned }) => `${turned ? 'true' : 'no longer true'} from ${instant(at)} UTC on`).join('; '))];
}

const value = ({ name, attribute, value: is, ranks }) => made('li', {}, `${name ?? attribute} is `, made('strong', {}, folded(is)), ranks?.map(rank));
const rank = (of) => made('p', { class: 'note' }, `${of.score} of ${of.bins} by `, made('code', {}, of.by), ` ${shown(of.value)}: of ${count(of.people, 'person', 'people')} ${number(of.less)} have less, ${number(of.greater)} more`);

export function whyAttribute(said) {
  const parts = said.parts ?? [];
  const rows = said.rows ?? [];
  return made('div', {},
    made('p', {}, made('code', {}, said.sql), said.note && ` ${said.note}`),
    said.ranks?.map(rank),
    said.from?.length > 0 && [made('p', {}, 'It is made of:'), made('ul', { class: 'plain values' }, said.from.map((of) => (typeof of === 'string' ? made('li', {}, of) : value(of))))],
    parts.length > 0 && table('What each identifier brings', ['Identifier', 'Source', { name: 'Rows', number: true }, { name: 'Brings', number: true }],
      parts.map((of) => [of.identifier, of.source, number(of.rows), folded(of.value)])),
    said.of_parts > parts.length && note(`and ${number(said.of_parts - parts.length)} more`),
    rows.length > 0 && [made('p', {}, `The latest rows that count, of ${number(said.of_rows ?? rows.length)}:`),
      table('The latest rows that count', ['Row', 'Time (UTC)', 'Gives'], rows.map((of) => {
        const row = of.row ?? of;
        return [`${row.source} ${place(row.position)}`, instant(row.time), [(of.gives ?? []).map((value, at) => [at ? ', ' : '', folded(value)]), of.leaves && ` (until ${instant(of.leaves)})`, of.left && ' (has left)']];
      }))],
    !parts.length && !rows.length && !said.from?.length && note('No row says anything of it.'));
}
