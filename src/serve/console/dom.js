// Elements. What is shown is put in as text, never as markup.
import { grouped, isNumber, json } from './digits.js';

/** An element: `made('p', {class: 'note'}, 'text', element, …)`. What is null is left out. */
export function made(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same for drawings. */
export function drawn(name, attributes = {}, ...children) {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [of, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(of, value);
    else element.setAttribute(of, value === true ? '' : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : visible(String(child)));
  }
  return element;
}

/** Text in which nothing hides: controls, and what turns the direction of writing, are shown as what they are. */
export function visible(text) {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, (found) => {
    const code = found.codePointAt(0);
    return code < 0x20 ? String.fromCodePoint(0x2400 + code) : `\u27e8U+${code.toString(16).toUpperCase().padStart(4, '0')}\u27e9`;
  });
}

/** A value of a profile or a row, as people read it: a text, whatever it is, since `made` leaves out what is false. */
export function shown(value) {
  if (value === null || value === undefined) return '–';
  if (isNumber(value)) return grouped(value);
  if (typeof value !== 'string') return json(value);
  return isInstant(value) ? instant(value) : value;
}

/** How many characters of a long text are shown at once. */
const CHARACTERS = 300;

/** A value as people read it, of which what is long is behind a line that unfolds it. */
export function folded(value) {
  const text = shown(value);
  const characters = [...text];
  if (characters.length <= CHARACTERS + 20) return text;
  const rest = characters.slice(CHARACTERS);
  return [beginning(text, CHARACTERS), made('details', { class: 'rest' }, made('summary', {}, `${number(rest.length)} more characters`), rest.join(''))];
}

/** The beginning of a text, where it has more characters than this. */
export function beginning(text, most) {
  const characters = [...text];
  return characters.length > most ? `${characters.slice(0, most).join('')}…` : text;
}

const isInstant = (text) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text);

/** An instant, in UTC, to the second. */
export function instant(text) {
  return text ? `${text.slice(0, 10)} ${text.slice(11, 19)}` : '–';
}

export const number = (value) => (value === null || value === undefined ? '–' : value.toLocaleString('en'));

/** One thing or several. */
export const count = (value, one, several) => `${number(value)} ${value === 1 ? one : several}`;

/** A length of time. */
export function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  const units = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];
  const at = units.findIndex(([, length]) => seconds >= length);
  const [unit, length] = units[at];
  const whole = Math.floor(seconds / length);
  const next = units[at + 1];
  const rest = next ? Math.floor((seconds - whole * length) / next[1]) : 0;
  return rest && whole < 10 ? `${whole} ${unit} ${rest} ${next[0]}` : `${number(whole)} ${unit}`;
}

/** Where a row stands in its source. */
export function place(position) {
  if (!position) return '';
  if (position.topic !== undefined) return `${position.topic}, partition ${position.partition}, offset ${position.offset}`;
  if (position.file !== undefined) return position.line === undefined || position.line === null ? position.file : `${position.file}:${position.line}`;
  return json(position);
}

/** A table that scrolls by itself where the page is narrow. Rows are lists of cells; the first is the row's heading. */
export function table(caption, headings, rows) {
  const head = made('tr', {}, headings.map((of) => made('th', { scope: 'col', class: of.number ? 'number' : null }, of.name ?? of)));
  const body = rows.map((cells) => made('tr', {}, cells.map((cell, column) => made(
    column === 0 ? 'th' : 'td',
    { scope: column === 0 ? 'row' : null, class: headings[column]?.number ? 'number' : null },
    cell,
  ))));
  const inner = made('table', {}, made('caption', { class: 'unseen' }, caption), made('thead', {}, head), made('tbody', {}, body));
  return made('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption }, inner);
}

/** Names and values. */
export function facts(pairs) {
  return made('dl', { class: 'facts' }, pairs.map(([name, value]) => made('div', {}, made('dt', {}, name), made('dd', {}, value))));
}

/** What went wrong, and what would be right. */
export function problem(error) {
  // Whoever is led elsewhere comes to the same view there.
  const there = error.address && made('p', {}, made('a', { href: `${error.address}/${location.hash}` }, `Go to ${error.address}`));
  return made('div', { class: 'problem' }, made('p', {}, error.message ?? String(error)), error.remedy && made('p', {}, error.remedy), there);
}

export const note = (...text) => made('p', { class: 'note' }, ...text);

export const section = (title, ...children) => made('section', { class: 'card' }, made('h2', {}, title), ...children);

/** How much of a long list is shown at once. */
const SHOWN = 20;

/** A list, of which what is long is behind a line that unfolds it. `show(items, isRest)` makes a part of it. */
export function inParts(items, show) {
  if (items.length <= SHOWN + 5) return show(items, false);
  const rest = items.length - SHOWN;
  return [show(items.slice(0, SHOWN), false), made('details', {}, made('summary', {}, `${number(rest)} more`), show(items.slice(SHOWN), true))];
}

/** A button that shows what is behind it, which is fetched when it is opened, and hides it again. */
export function unfolding(text, label, into, fetch) {
  let content = null;
  let isFetched = false;
  const button = made('button', {
    type: 'button', class: 'small', 'aria-expanded': 'false', 'aria-label': label,
    click: async () => {
      const opens = button.getAttribute('aria-expanded') === 'false';
      button.setAttribute('aria-expanded', String(opens));
      if (content) content.hidden = !opens;
      if (!opens || isFetched) return;
      isFetched = true;
      const waiting = made('p', { class: 'note', role: 'status' }, 'Computed of all stored rows …');
      if (content) content.replaceChildren(waiting); else content = into(waiting);
      // What failed may go well when it is opened again.
      try { content.replaceChildren(await fetch()); } catch (error) { isFetched = false; content.replaceChildren(problem(error)); }
    },
  }, text);
  return button;
}

/** A button that brings more into a list. `load` says whether there is still more; where there is none the button goes, and
 * whoever was at it by keyboard is led to what it has brought. */
export function moreButton(text, list, load) {
  let isLoading = false;
  const button = made('button', { type: 'button', hidden: true }, text);
  const bring = async () => {
    if (isLoading) return;
    isLoading = true;
    const before = list.children.length;
    try {
      const isMore = await load();
      const wasHere = document.activeElement === button;
      button.hidden = !isMore;
      if (isMore || !wasHere) return;
      const first = list.children[before] ?? list.lastElementChild ?? list;
      first.tabIndex = -1;
      first.focus();
    } finally { isLoading = false; }
  };
  button.addEventListener('click', bring);
  return [button, bring];
}
