// Two people side by side: what differs, what makes them one or keeps them apart, and a decision about it.
import { ask, find, key, pathOf, post } from './ask.js';
import { json } from './digits.js';
import { folded, made, note, problem, section, table } from './dom.js';
import { decision, item } from './graph.js';
import { identifiersOf, several } from './person_list.js';
import { compareLink, link } from './links.js';
import { known } from './live.js';

export async function compare(view, { parts: [one, other], again }) {
  const status = await known();
  const types = status.identifier_types;
  const found = await Promise.all([find(one, types), find(other, types)]);
  const unclear = found.findIndex((people) => people.length > 1);
  if (unclear >= 0) {
    const lead = (name) => (unclear ? compareLink(one, name, name) : compareLink(name, other, name));
    view.replaceChildren(made('h1', {}, 'Which one?'), several(unclear ? other : one, found[unclear], types, lead));
    return;
  }
  const [left, right] = found.map(([person]) => person.profile);
  const ids = [identifiersOf(left, types), identifiersOf(right, types)];
  const isOne = left.person === right.person;
  const isTyped = (of) => types.some((type) => of.startsWith(`${type}:`));
  // A value without its type is that of an identifier; where it was written otherwise, the most trusted one stands for it.
  const typed = (of, all) => (isTyped(of) ? of : all.find((id) => types.some((type) => id === `${type}:${of}`)) ?? all[0]);
  const names = [typed(one, ids[0]), typed(other, ids[1])];
  view.replaceChildren(
    made('h1', {}, isOne ? 'One person' : 'Two people'),
    made('p', { class: 'pair-names' }, link(left.person, names[0]), isOne ? ' and ' : ' beside ', link(right.person, names[1])),
    await between(...names, status),
    decide(ids, names, status, again),
    section('Side by side', table('Identifiers and attributes of both', ['What', names[0], names[1]], [
      ['Person', ...[left, right].map((of) => made(isOne ? 'span' : 'strong', {}, made('code', {}, of.person)))],
      ...types.filter((type) => left.identifiers[type] || right.identifiers[type]).map((type) =>
        [type, ...lists(left.identifiers[type], right.identifiers[type])]),
      ['segments', ...lists(left.segments, right.segments)],
      ...Object.keys(left.attributes).map((name) => {
        const values = [left, right].map((of) => of.attributes[name]);
        const [ours, theirs] = values.map(json);
        return [name, ...values.map((of) => made(ours === theirs ? 'span' : 'strong', {}, folded(of)))];
      }),
    ]), !isOne && note('What differs is bold.')),
  );
}

/** Two lists beside each other: what only one of them has is bold. */
function lists(one = [], other = []) {
  const cell = (own, others) => own.map((of, at) => [at ? ', ' : '', others.includes(of) ? of : made('strong', {}, of)]);
  return [cell(one, other), cell(other, one)].map((of) => (of.length ? of : '–'));
}

async function between(one, other, status) {
  const content = section('What is between them');
  if (!status.stored) {
    content.append(note('What ties them or keeps them apart can be told where rows are stored: run it with ', made('code', {}, '--data FOLDER'), '.'));
    return content;
  }
  const waiting = note('Looking at the stored rows …');
  content.append(waiting);
  ask(`${pathOf(one)}/why?with=${encodeURIComponent(other)}`).then((said) => waiting.replaceWith(made('div', {},
    made('p', {}, said.same_person ? 'They are one person, by these links:'
      : said.chain ? 'They are two people. These links would make them one, and some of them are withheld:'
        : 'They are two people, and no row ties one to the other.'),
    said.chain && made('ul', { class: 'links' }, said.chain.map((of) => item(of, { compares: false }))),
    said.decisions.length > 0 && [made('h3', {}, 'Decisions about them'), made('ul', { class: 'links' }, said.decisions.map(decision))])),
  (error) => waiting.replaceWith(problem(error)));
  return content;
}

function decide(ids, names, status, again) {
  const content = section('Decide');
  if (!status.decisions) {
    content.append(note('This definition takes no decisions: ', made('code', {}, 'identity.decisions'), ' has to name a source, of type ', made('code', {}, 'http'), ' for those that are made here.'));
    return content;
  }
  const choice = (id, label, all, chosen) => {
    const select = made('select', { id }, all.map((of) => made('option', { value: of, selected: of === chosen }, of)));
    return [made('div', {}, made('label', { for: id }, label), select), select];
  };
  const [left, one] = choice('left', 'An identifier of the one', ids[0], names[0]);
  const [right, other] = choice('right', 'One of the other', ids[1], names[1]);
  const said = made('div', { role: 'status' });
  const send = async (verdict) => {
    said.replaceChildren(note('Sending it …'));
    try {
      const { source } = await post('/v1/decisions', { left: one.value, right: other.value, decision: verdict });
      said.replaceChildren(note(`It is in ${source}: ${one.value} and ${other.value} are ${verdict === 'same' ? 'the same person' : 'different people'}.`));
      setTimeout(again, 1500);
    } catch (error) { said.replaceChildren(problem(error)); }
  };
  const parts = [
    made('p', {}, 'Somebody who knows better than the rows decides about two identifiers. Another decision about the same two takes its place.'),
    status.keys && !key.get() && note('It takes the admin key.'),
    made('div', { class: 'pair' }, left, right),
    made('p', { class: 'actions' }, made('button', { type: 'button', click: () => send('same') }, 'They are the same'),
      made('button', { type: 'button', click: () => send('different') }, 'They are different')), said,
  ];
  content.append(...parts.filter(Boolean));
  return content;
}
