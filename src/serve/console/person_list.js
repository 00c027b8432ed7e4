// People in a table, page by page.
import { ask, post } from './ask.js';
import { isNumber } from './digits.js';
import { beginning, made, moreButton, note, shown, table } from './dom.js';
import { link } from './links.js';

/** How many characters of an attribute stand in a table of people. */
const CHARACTERS = 80;

/** The identifiers of a profile, most trusted first, as `type:value`. */
export const identifiersOf = (profile, types) => types.flatMap((type) => (profile.identifiers[type] ?? []).map((value) => `${type}:${value}`));

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
