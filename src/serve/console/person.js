// A person: what is known of them, what they did last, which identifiers they have and why they are one.
import { ask, find, pathOf } from './ask.js';
import { count, facts, folded, inParts, instant, made, moreButton, note, number, place, problem, section, table, unfolding } from './dom.js';
import { graph } from './graph.js';
import { whyAttribute, whySegment } from './why.js';
import { answers, follow, known } from './live.js';
import { link, segmentLink } from './links.js';
import { identifiersOf, personList, several } from './person_list.js';

/** Where people are looked for. */
export async function people(view) {
  const { identifier_types: types } = await known();
  const one = made('input', { id: 'one', required: true, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' });
  const other = made('input', { id: 'other', required: true, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' });
  const compare = made('form', { class: 'pair', submit: (event) => {
    event.preventDefault();
    location.hash = `#/compare/${encodeURIComponent(one.value.trim())}/${encodeURIComponent(other.value.trim())}`;
  } }, made('div', {}, made('label', { for: 'one' }, 'One'), one), made('div', {}, made('label', { for: 'other' }, 'The other'), other), made('button', {}, 'Compare'));
  const { people: all, segments } = await ask('/v1/segments');
  const [list, more, bring] = personList({ caption: 'Some of the people', empty: 'No row has made a person yet.', path: '/v1/persons', field: 'persons', types });
  view.replaceChildren(
    made('h1', {}, 'People'),
    section('Find somebody', made('p', {}, 'Write an identifier into the field at the top of the page: a value, ', made('code', {}, 'type:value'), ', or a person’s id.'),
      made('p', {}, 'Types of identifiers, most trusted first: ', types.flatMap((type, at) => [at ? ', ' : '', made('code', {}, type)]), '.'),
      made('p', {}, `There ${all === 1 ? 'is' : 'are'} ${count(all, 'person', 'people')}.`)),
    section('Some of them', list, more),
    section('Two people side by side', made('p', {}, 'What makes them one, or keeps them apart.'), compare),
    section('People by segment', segments.length
      ? made('ul', { class: 'chips' }, segments.map(({ name, size }) => made('li', {}, segmentLink(name), ` ${number(size)}`)))
      : note('The definition has no segments.')),
  );
  await bring();
}

export async function person(view, { parts: [wanted], cleanup, again }) {
  const status = await known();
  const types = status.identifier_types;
  const found = await find(wanted, types);
  if (found.length > 1) {
    view.replaceChildren(made('h1', {}, wanted), several(wanted, found, types, link));
    return;
  }
  const { tick, profile } = found[0];
  const identifiers = identifiersOf(profile, types);
  const changed = made('div', { role: 'status' });
  view.replaceChildren(
    made('h1', {}, identifiers[0] ?? profile.person),
    changed,
    facts([['Person', made('code', {}, profile.person)], ['Profile since', `${instant(profile.at)} UTC`], ['As of', `${instant(new Date(tick).toISOString())} UTC`]]),
    made('div', { class: 'columns' },
      made('div', {}, segments(profile), attributes(profile)),
      made('div', {}, await identity(profile, identifiers, status), timeline(profile.person, status))),
    section('Beside somebody else', compareWith(identifiers[0] ?? profile.person)),
  );
  const seen = JSON.stringify(profile);
  cleanup(follow(async () => {
    if (changed.firstChild || answers.length % 2) return;
    // Nobody has the id any more, or nothing is known of it just now.
    const now = await ask(pathOf(profile.person)).catch((error) => (error.status === 404 ? { profile: null } : null));
    if (!now || changed.firstChild || JSON.stringify(now.profile) === seen) return;
    // What somebody reads stays where it is until they want to see what is new.
    changed.replaceChildren(made('p', { class: 'note' }, 'What is known of them has changed since. ', made('button', { type: 'button', class: 'small', click: again }, 'Show it')));
  }));
}

function segments(profile) {
  const list = made('ul', { class: 'plain' });
  const row = (name, isIn) => {
    const item = made('li', {}, made('span', { class: isIn ? 'badge in' : 'badge' }, isIn ? 'in' : 'not in'), ' ', segmentLink(name), ' ');
    const into = (content) => { const box = made('div', { class: 'unfolded' }, content); item.append(box); return box; };
    item.append(unfolding('Why?', `Why? ${isIn ? 'In' : 'Not in'} ${name}`, into, async () =>
      whySegment(await ask(`${pathOf(profile.person)}/why?segment=${encodeURIComponent(name)}`))));
    return item;
  };
  const content = section('Segments', list);
  ask('/v1/segments').then(({ segments: all }) => {
    const names = all.map(({ name }) => name);
    list.replaceChildren(...names.filter((name) => profile.segments.includes(name)).map((name) => row(name, true)),
      ...names.filter((name) => !profile.segments.includes(name)).map((name) => row(name, false)));
    if (!names.length) list.replaceWith(note('The definition has no segments.'));
  }, (error) => list.replaceWith(problem(error)));
  return content;
}

function attributes(profile) {
  const rows = Object.entries(profile.attributes).map(([name, value]) => {
    const into = (content) => {
      const box = made('td', { colspan: 3, class: 'unfolded' }, content);
      button.closest('tr').after(made('tr', {}, box));
      return box;
    };
    const button = unfolding('Why?', `Why? Where ${name} comes from`, into, async () =>
      whyAttribute(await ask(`${pathOf(profile.person)}/why?attribute=${encodeURIComponent(name)}`)));
    return [name, folded(value), button];
  });
  return section('Attributes', rows.length ? table('Attributes', ['Attribute', 'Value', 'Where it comes from'], rows) : note('The definition has no attributes.'));
}

/** The identity graph where rows are stored, else the identifiers alone. */
async function identity(profile, identifiers, status) {
  const content = section('Identity');
  const plain = () => made('div', {}, inParts(identifiers, (some) => made('ul', {}, some.map((of) => made('li', {}, made('code', {}, of))))));
  if (!status.stored) {
    content.append(plain(), note('Why these are one person can be told where rows are stored: run it with ', made('code', {}, '--data FOLDER'), '.'));
    return content;
  }
  const waiting = note('Looking at the stored rows …');
  content.append(waiting);
  ask(`${pathOf(profile.person)}/why`).then((said) => waiting.replaceWith(graph(said, status.identifier_types)),
    (error) => waiting.replaceWith(plain(), problem(error)));
  return content;
}

function timeline(id, status) {
  const content = section('Latest rows');
  if (!status.stored) {
    content.append(note('Rows are not stored, so there is no timeline: run it with ', made('code', {}, '--data FOLDER'), '.'));
    return content;
  }
  const list = made('ol', { class: 'timeline' });
  const said = note('Looking at the stored rows …');
  let cursor = null;
  const [more, bring] = moreButton('Older rows', list, async () => {
    try {
      const page = await ask(`${pathOf(id)}/rows?limit=15${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
      list.append(...page.rows.map(row));
      cursor = page.cursor;
      said.replaceChildren(list.children.length ? 'By their own time, newest first, in UTC.' : 'No row is stored that is theirs.');
      return cursor !== null;
    } catch (error) {
      said.replaceChildren(problem(error));
      return true;
    }
  });
  content.append(said, list, more);
  bring();
  return content;
}

const row = ({ source, time, arrived, position, fields }) => made('li', {},
  made('p', { class: 'head' }, made('strong', {}, source), ' ', made('time', { datetime: time ?? arrived }, instant(time ?? arrived)), ' ', made('span', { class: 'where' }, place(position))),
  made('div', { class: 'fields' }, Object.entries(fields).flatMap(([name, value], at) => [at ? ' · ' : '', made('span', { class: 'field' }, `${name} `), folded(value)])));

function compareWith(one) {
  const other = made('input', { id: 'beside', required: true, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' });
  return made('form', { class: 'pair', submit: (event) => {
    event.preventDefault();
    location.hash = `#/compare/${encodeURIComponent(one)}/${encodeURIComponent(other.value.trim())}`;
  } }, made('div', {}, made('label', { for: 'beside' }, 'Another one, by any identifier'), other), made('button', {}, 'Compare'));
}
