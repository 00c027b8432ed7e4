// Questions to the run. They go to where the page came from, and nowhere else.
import { exact } from './digits.js';

/** Why something was not done: with what the run said of it. */
export class Denied extends Error {
  constructor(status, said) {
    super(said?.message ?? `the run answered with status ${status}`);
    this.status = status;
    this.code = said?.code;
    this.remedy = said?.remedy;
    this.address = said?.address;
  }
}

/** The run does not answer at all. */
export class Away extends Error {
  constructor() { super('The run does not answer.'); this.remedy = 'It is asked again every second.'; }
}

export const key = {
  get: () => sessionStorage.getItem('key'),
  set: (value) => (value ? sessionStorage.setItem('key', value) : sessionStorage.removeItem('key')),
};

const onDenied = new Set();
/** Calls this when a key is wanted, or another one. */
export const whenKeyIsWanted = (act) => onDenied.add(act);

export async function ask(path, options = {}) {
  const headers = { ...options.headers };
  if (key.get()) headers.authorization = `Bearer ${key.get()}`;
  let answer;
  try { answer = await fetch(path, { cache: 'no-store', ...options, headers }); } catch { throw new Away(); }
  const text = await answer.text();
  let said = null;
  try { said = JSON.parse(text, exact); } catch { if (answer.ok) throw new Denied(answer.status, { message: 'the answer is no JSON' }); }
  if (answer.ok) return said;
  const denied = new Denied(answer.status, said?.error);
  if (answer.status === 401) onDenied.forEach((act) => act(denied, path));
  throw denied;
}

export const post = (path, body) =>
  ask(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

const part = encodeURIComponent;
const isId = (wanted) => /^p_[0-9a-f]{32}$/.test(wanted);
/** The path of a person by id or identifier. */
export const pathOf = (wanted) => `/v1/${isId(wanted) ? 'persons' : 'profiles'}/${part(wanted)}`;

/** Who is known by this: an id, an identifier as `type:value`, or a value of whatever type. */
export async function find(wanted, types) {
  if (isId(wanted)) return [await ask(pathOf(wanted))];
  const named = types.some((type) => wanted.startsWith(`${type}:`));
  if (named) return [await ask(pathOf(wanted))];
  const { tick, profiles } = await post('/v1/profiles:batch', { ids: types.map((type) => `${type}:${wanted}`) });
  const found = profiles.filter((of) => of.profile).map(({ profile }) => ({ tick, profile }));
  const people = new Map(found.map((of) => [of.profile.person, of]));
  if (people.size) return [...people.values()];
  throw new Denied(404, {
    code: 'nobody', message: `Nobody is known by '${wanted}'.`,
    remedy: `Identifiers are of these types: ${types.join(', ')}. A part of one finds nobody.`,
  });
}
