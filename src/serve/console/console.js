// The console: views by the address behind `#`, a key where one is wanted, and a word when the run does not answer.
import { Away, key, whenKeyIsWanted } from './ask.js';
import { answers, known, latest, look } from './live.js';
import { made, note, problem, visible } from './dom.js';
import { compare } from './compare.js';
import { conflicts, rejects } from './noted.js';
import overview from './overview.js';
import { people, person } from './person.js';
import { segment, segments } from './segments.js';

const VIEWS = { '': overview, people, person, compare, segments, segment, rejects, conflicts };
/** Which part of the navigation a view belongs to. */
const PART = { person: 'people', compare: 'people', segment: 'segments' };
const at = (id) => document.getElementById(id);

let number = 0;
let cleanups = [];
let failed = null;

/** Whether somebody has begun to write into a field, or gone there, since they went to the view: they are not led away. */
let isInField = false;
const isField = (of) => of instanceof Element && of.matches('input, select, textarea');
for (const event of ['input', 'focusin']) addEventListener(event, ({ target }) => { if (isField(target)) isInField = true; });

/** Shows what somebody goes to. */
function go() {
  isInField = false;
  show();
}

/** Shows the view at the address. Where it is tried again it stays as it is until there is something else to show. */
async function show({ isFirst = false, isAgain = false } = {}) {
  const own = ++number;
  cleanups.forEach((act) => act());
  cleanups = [];
  const before = isAgain ? failed : null;
  failed = null;
  const [name, ...parts] = location.hash.replace(/^#\/?/, '').split('/').map(decoded);
  for (const link of document.querySelectorAll('nav a')) {
    if (link.getAttribute('href') === `#/${PART[name] ?? name}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  const view = at('view');
  // What is asked for another view may come when this one is shown.
  const own_view = { replaceChildren: (...children) => { if (own === number) view.replaceChildren(...children.filter((of) => of !== '' && of !== false)); } };
  const act = VIEWS[name];
  const heading = parts[0] ?? (name || 'Overview');
  const title = (name || 'overview') + (parts.length ? ` ${parts.join(' ')}` : '');
  document.title = `${visible(title)} – selfsame`;
  if (!act) { own_view.replaceChildren(made('h1', {}, 'Nothing is here'), note('The views are named above.')); return; }
  try {
    if (!isAgain) own_view.replaceChildren(made('h1', {}, heading), note('Asking the run …'));
    await known();
    await act(own_view, {
      parts, again: () => { if (own === number) show(); }, isCurrent: () => own === number,
      cleanup: (stop) => { if (own === number) cleanups.push(stop); else stop(); },
    });
  } catch (error) {
    if (error.message !== before?.message) own_view.replaceChildren(made('h1', {}, heading), problem(error));
    if (own === number) failed = error;
  }
  // Whoever came here by keyboard or listens is where the view begins.
  const isLeft = isInField && isField(document.activeElement);
  if (own === number && !isFirst && !isAgain && !isLeft && !view.contains(document.activeElement)) view.focus({ preventScroll: true });
}

function decoded(part) {
  try { return decodeURIComponent(part); } catch { return part; }
}

const dialog = at('key-dialog');
let wasSentAway = false;
function askForKey(why) {
  if (why) at('key-why').textContent = why;
  // Whoever is writing a key goes on.
  if (dialog.open) return;
  at('key').value = '';
  dialog.showModal();
}

whenKeyIsWanted((denied) => {
  if (wasSentAway) return;
  askForKey(key.get() ? `${denied.message}. ${denied.remedy ?? ''}` : 'This run asks for a key: a read key, or the admin key, which decisions take. It is kept until this tab is closed.');
});
at('ask-key').addEventListener('click', () => askForKey());
dialog.addEventListener('close', () => {
  const { returnValue } = dialog;
  // Without a key it is not asked again until somebody wants to.
  wasSentAway = returnValue !== 'use';
  if (returnValue === 'use') key.set(at('key').value.trim());
  if (returnValue === 'forget') key.set(null);
  dialog.returnValue = '';
  if (returnValue === 'use' || returnValue === 'forget') { refresh(); go(); }
});

at('find').addEventListener('submit', (event) => {
  event.preventDefault();
  const hash = `#/person/${encodeURIComponent(at('wanted').value.trim())}`;
  if (location.hash === hash) go(); else location.hash = hash;
});

/** What is said above all views. */
let told = '';
function tell(trouble) {
  const status = at('state');
  const text = trouble ? trouble.message : '';
  if (text !== told) {
    told = text;
    status.replaceChildren(...(trouble ? [problem(trouble)] : []));
  }
  if (trouble || latest().catching_up) return;
  // A view that could not be shown is shown once there is somebody to ask, who knows everybody, and what it is about.
  if (failed instanceof Away || [421, 503].includes(failed?.status)) show();
  else if (failed?.status === 404 && answers.length % 2 === 0) show({ isAgain: true });
}

function refresh() {
  return look((trouble) => {
    tell(trouble);
    if (trouble) return;
    const { name, catching_up: isBehind } = latest();
    at('name').textContent = visible(name);
    at('name').classList.toggle('behind', isBehind);
  });
}

addEventListener('hashchange', go);
document.addEventListener('visibilitychange', refresh);
// The skip link leads to the view, and not to another address.
document.querySelector('.skip').addEventListener('click', (event) => { event.preventDefault(); at('view').focus(); });
setInterval(refresh, 1000);
refresh();
show({ isFirst: true });
