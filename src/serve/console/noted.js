// What is wrong: rejects by reason with examples, and conflicts.
import { ask } from './ask.js';
import { json } from './digits.js';
import { count, instant, made, moreButton, note, number, place, section } from './dom.js';
import { compareLink, link } from './links.js';
import { known } from './live.js';

export async function rejects(view) {
  const { output, reasons } = await ask('/v1/rejects');
  const sorted = [...reasons].sort((one, other) => other.rows - one.rows);
  view.replaceChildren(made('h1', {}, 'Rejects'),
    !output ? note('No output publishes rejects, so there are no examples: add ', made('code', {}, 'rejects'), ' to the definition’s ', made('code', {}, 'outputs'), '.') : '',
    sorted.length ? section('By source and reason', made('p', {}, 'Each row is counted by the first of its reasons, since this run was started. Nothing of it is lost: the output has them all.'), sorted.map(reason))
      : note('No row was rejected since this run was started.'));
}

const reason = ({ source, code, rows, examples }) => made('details', {},
  made('summary', {}, made('strong', {}, source), ' ', made('code', {}, code || 'no reason'), ' ', count(rows, 'row', 'rows')),
  examples.length ? made('ul', { class: 'links' }, examples.map((of) => made('li', {},
    of.reasons.map(({ path, message }) => made('p', {}, path && [made('code', {}, path), ' '], message)),
    made('p', { class: 'note' }, `${place(of.position)}${of.at ? `, set aside at ${instant(of.at)} UTC` : ''}`),
    made('pre', { tabindex: 0, 'aria-label': 'The row as it came' }, of.raw)))) : note('No example is kept in this run.'));

const KINDS = { '': 'All', withheld: 'Withheld links', shared: 'Shared identifiers', disagreement: 'Disagreements of sources', single_source: 'Known by one source alone' };

export async function conflicts(view, { parts: [chosen = ''] }) {
  const status = await known();
  const list = made('ul', { class: 'links' });
  const said = note('Asking the run …');
  const select = made('select', { id: 'kind', change: () => { location.hash = `#/conflicts/${select.value}`; } },
    Object.entries(KINDS).map(([value, name]) => made('option', { value, selected: value === chosen }, name)));
  let cursor = null;
  const [more, bring] = moreButton('Older ones', list, async () => {
    const page = await ask(`/v1/conflicts?limit=50${chosen ? `&kind=${chosen}` : ''}${cursor ? `&cursor=${cursor}` : ''}`);
    list.append(...page.conflicts.map(({ value }) => conflict(value)));
    cursor = page.cursor;
    const all = page.are_all ? '' : `: the latest ${number(page.held)} are kept, and there were more`;
    said.replaceChildren(list.children.length ? `The newest first${all}.` : `There are none${all}.`);
    return cursor !== null;
  });
  const publishes = status.outputs.some((of) => of.publishes === 'conflicts');
  view.replaceChildren(made('h1', {}, 'Conflicts'),
    publishes ? section('What does not fit', made('p', {}, made('label', { for: 'kind' }, 'Kind'), ' ', select), said, list, more)
      : note('No output publishes conflicts: add ', made('code', {}, 'conflicts'), ' to the definition’s ', made('code', {}, 'outputs'), '.'));
  if (publishes) await bring();
}

const code = (text) => made('code', {}, text);
function conflict(of) {
  const at = made('p', { class: 'note' }, `${instant(of.at)} UTC`);
  // That one source alone knows somebody is no alarm: nothing is kept apart by it.
  const badge = made('span', { class: of.conflict === 'single_source' ? 'badge' : 'badge out' }, of.conflict.replace('_', ' '));
  if (of.conflict === 'withheld') {
    const why = of.rule === 'different' ? `a decision keeps ${(of.decided ?? []).join(' and ')} apart`
      : `a person has at most ${of.limit} ${of.type ? `of type ${of.type}` : 'identifiers in all'}`;
    return made('li', {}, badge, ' ', code(of.one), ' and ', code(of.other), `: ${why}. `, compareLink(of.one, of.other), at);
  }
  if (of.conflict === 'shared') {
    const identifier = of.identifier ?? `${of.type}:${of.value}`;
    return made('li', {}, badge, ' ', link(identifier), ` is tied to ${number(of.count)} of type ${of.by}, so none of its links counts.`, at);
  }
  if (of.conflict === 'single_source') return made('li', {}, badge, ' ', link(of.person), ` is known to ${of.source} alone.`, at);
  const { conflict: _kind, at: _at, person, ...rest } = of;
  return made('li', {}, badge, ' ', person && [link(person), ' '], Object.entries(rest).map(([name, value], place) => [place ? ', ' : '', `${name}: `, code(typeof value === 'string' ? value : json(value))]), at);
}
