// Links to views of this page.
import { made } from './dom.js';

const part = encodeURIComponent;

export const link = (id, text = id) => made('a', { href: `#/person/${part(id)}` }, text);
export const segmentLink = (name) => made('a', { href: `#/segment/${part(name)}` }, name);
export const compareLink = (one, other, text = 'Compare the two') => made('a', { href: `#/compare/${part(one)}/${part(other)}` }, text);
