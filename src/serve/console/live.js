// What the run says of itself once a second, while the page is looked at.
import { ask } from './ask.js';

const KEPT = 300;
/** Over how many answers a rate is taken: the run counts twice a second. */
const OVER = 5;

/** The latest answers, oldest first, each with when it came. */
export const answers = [];
const listeners = new Set();
let asking = false;

/** Calls this with each answer, until what it returns is called. */
export function follow(act) {
  listeners.add(act);
  if (answers.length) act(answers[answers.length - 1].status);
  return () => listeners.delete(act);
}

export const latest = () => answers[answers.length - 1]?.status;

/** What keeps it from ever being told here: another process of the run knows. */
let elsewhere = null;
const waiting = new Set();

/** The first answer, when it comes. */
export function known() {
  if (latest()) return Promise.resolve(latest());
  if (elsewhere) return Promise.reject(elsewhere);
  return new Promise((resolve, reject) => waiting.add({ resolve, reject }));
}

/** How fast something grows, in a second: null where that is not known yet. */
export function rate(of) {
  if (answers.length < 2) return null;
  const now = answers[answers.length - 1];
  const before = answers[Math.max(0, answers.length - 1 - OVER)];
  return Math.max(0, (of(now.status) - of(before.status)) / ((now.at - before.at) / 1000));
}

export async function look(onChange) {
  if (asking || document.hidden) return;
  asking = true;
  let problem = null;
  try {
    const status = await ask('/v1/status');
    // What takes its place counts anew.
    if (latest()?.counted_since !== status.counted_since) answers.length = 0;
    answers.push({ at: performance.now(), time: Date.now(), status });
    answers.splice(0, Math.max(0, answers.length - KEPT));
    elsewhere = null;
    listeners.forEach((act) => act(status));
    waiting.forEach(({ resolve }) => resolve(status));
    waiting.clear();
  } catch (error) { problem = error; } finally { asking = false; }
  if (problem?.code === 'other_process') {
    elsewhere = problem;
    waiting.forEach(({ reject }) => reject(problem));
    waiting.clear();
  }
  onChange(problem);
}
