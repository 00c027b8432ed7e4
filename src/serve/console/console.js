// The page asks the run that it came from, and nobody else. What it shows is put in as text, never as markup.
'use strict';

const at = (id) => document.getElementById(id);
const made = (name, text, attributes = {}) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  for (const [of, value] of Object.entries(attributes)) element.setAttribute(of, value);
  return element;
};
const shown = (value) => (value === null ? '–' : typeof value === 'object' ? JSON.stringify(value) : String(value));

async function ask(path) {
  const key = sessionStorage.getItem('key');
  const answer = await fetch(path, { headers: key ? { authorization: `Bearer ${key}` } : {} });
  const said = await answer.json();
  if (!answer.ok) throw said.error;
  return said;
}

function problem(error) {
  const element = made('div', undefined, { class: 'problem' });
  element.append(made('p', error.message ?? String(error)));
  if (error.remedy) element.append(made('p', error.remedy));
  return element;
}

function table(caption, rows) {
  const element = made('table', undefined, { 'aria-label': caption });
  const body = element.appendChild(made('tbody'));
  for (const [name, value] of rows) {
    const row = body.appendChild(made('tr'));
    row.append(made('th', name, { scope: 'row' }));
    const cell = row.appendChild(made('td'));
    if (value instanceof Node) cell.append(value); else cell.textContent = shown(value);
  }
  return element;
}

function link(text, act) {
  const button = made('button', text, { class: 'link', type: 'button' });
  button.addEventListener('click', act);
  return button;
}

async function find(wanted) {
  at('wanted').value = wanted;
  history.replaceState(null, '', `#${encodeURIComponent(wanted)}`);
  const path = wanted.startsWith('p_') && !wanted.includes(':') ? 'persons' : 'profiles';
  try {
    const { tick, profile } = await ask(`/v1/${path}/${encodeURIComponent(wanted)}`);
    const identifiers = Object.entries(profile.identifiers).flatMap(([type, values]) => values.map((of) => [type, of]));
    const segments = made('span');
    for (const name of profile.segments) segments.append(link(name, () => members(name)), ' ');
    at('person').replaceChildren(
      made('h3', profile.person),
      table('Person', [['segments', segments], ['since', profile.at], ['tick', tick]]),
      made('h3', 'Identifiers'), table('Identifiers', identifiers),
      made('h3', 'Attributes'), table('Attributes', Object.entries(profile.attributes)),
    );
  } catch (error) { at('person').replaceChildren(problem(error)); }
}

async function members(name, cursor) {
  try {
    const query = cursor ? `?cursor=${cursor}&limit=50` : '?limit=50';
    const said = await ask(`/v1/segments/${encodeURIComponent(name)}/members${query}`);
    const list = made('ul');
    for (const id of said.members) list.appendChild(made('li')).append(link(id, () => find(id)));
    const parts = [made('h3', `${name}: ${said.size}`), list];
    if (said.cursor) parts.push(link('Next page', () => members(name, said.cursor)));
    at('members').replaceChildren(...parts);
  } catch (error) { at('members').replaceChildren(problem(error)); }
}

// Rows stay where they are as numbers change, so that whoever is at one by keyboard stays there.
let known = '';
const sizes = new Map();
async function overview() {
  try {
    const { tick, people, segments } = await ask('/v1/segments');
    const age = Math.max(0, (Date.now() - tick) / 1000);
    at('state').textContent = `${people.toLocaleString()} people; the last change of anything was ${age.toFixed(0)} s ago`;
    const names = JSON.stringify(segments.map((of) => of.name));
    if (names !== known) {
      known = names;
      sizes.clear();
      const rows = segments.map((of) => {
        const row = made('span');
        sizes.set(of.name, row.appendChild(made('span')));
        row.append(' ', link(`Members of ${of.name}`, () => members(of.name)));
        return [of.name, row];
      });
      at('segments').replaceChildren(rows.length ? table('Segments', rows) : made('p', 'The definition has none.'));
    }
    for (const { name, size } of segments) sizes.get(name).textContent = size.toLocaleString();
  } catch (error) { at('state').textContent = error.message ?? 'the run does not answer'; }
}

at('find').addEventListener('submit', (event) => { event.preventDefault(); find(at('wanted').value.trim()); });
at('open').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem('key', at('key').value);
  at('key').value = '';
  overview();
});
if (location.hash.length > 1) find(decodeURIComponent(location.hash.slice(1)));
overview();
setInterval(() => { if (!document.hidden) overview(); }, 2000);
