// People in a table, page by page.
import { ask, post } from './ask.js';
import { isNumber } from './digits.js';
import { beginning, made, moreButton, note, section, shown, table } from './dom.js';
import { link } from './links.js';

/** How many characters of an attribute stand in a table of people. */
const CHARACTERS = 80;

/** The identifiers of a profile, most trusted first, as `type:value`. */
export const identifiersOf = (profile, types) => types.flatMap((type) => (profile.identifiers[type] ?? []).map((value) => `${type}:${value}`));

/** Several people who are known by the same value: which one is meant? `lead(name)` is a link for one of them, by an
 * identifier that the others do not have, or else by the person's id. */
export function several(wanted, found, types, lead) {
  return section(`Several people are known by ${wanted}`, made('ul', {}, found.map(({ profile }) => {
    const all = identifiersOf(profile, types);
    const name = all.find((id) => types.some((type) => id === `${type}:${wanted}`)) ?? profile.person;
    return made('li', {}, lead(name), ' ', [profile.person, ...all].filter((of) => of !== name).slice(0, 3).join(', '));
  })));
}

/** The table, the button for more, and what brings the first page. `path` has pages of ids, as its answer's `field`. */
export function personList({ caption, empty, path, field, types }) {
  const list = made('div');
  let cursor = null;
  const rows = [];
  const [more, bring] = moreButton('More', list, async () => {
    const page = await ask(`${path}?limit=20${cursor ? `&cursor=${cursor}` : ''}`);
    const ids = page[field];
    const { profiles } = ids.length ? await post('/v1/profiles:batch', { ids }) : { profiles: [] };
    rows.push(...profiles.filter((of) => of.profile).map(({ profile }) => row(profile, types)));
    list.replaceChildren(rows.length ? table(caption, ['Person', 'Other identifiers', 'Attributes'], rows) : note(empty));
    cursor = page.cursor;
    return cursor !== null;
  });
  return [list, more, bring];
}

function row(profile, types) {
  const [first, ...others] = identifiersOf(profile, types);
  const told = Object.entries(profile.attributes).filter(([, value]) => isNumber(value) || (value !== null && typeof value !== 'object')).slice(0, 3);
  return [link(profile.person, first ?? profile.person), others.slice(0, 3).join(', ') + (others.length > 3 ? `, and ${others.length - 3} more` : ''),
    told.map(([of, value]) => `${of}: ${beginning(shown(value), CHARACTERS)}`).join(', ')];
}
