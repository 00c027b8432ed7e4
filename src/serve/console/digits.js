// Numbers as the run writes them: of a decimal and of a large whole number the browser's own numbers keep not all digits.

/** A number that is written otherwise than the browser writes its own. It counts as one, and is shown with its own digits. */
export class Digits {
  constructor(source) { this.source = source; }

  valueOf() { return Number(this.source); }

  toString() { return this.source; }

  toLocaleString() { return grouped(this.source); }
}

/** What JSON is read with: no digit of a number is lost. */
export function exact(_name, value, context) {
  const isOther = typeof value === 'number' && context?.source !== undefined && String(value) !== context.source;
  return isOther ? new Digits(context.source) : value;
}

export const isNumber = (value) => typeof value === 'number' || value instanceof Digits;

/** A number with all of its digits, the whole ones in groups of three; one with an exponent as it is. */
export function grouped(value) {
  const text = String(value);
  if (/e/i.test(text)) return text.replace(/e\+/i, 'e');
  const [whole, ...fraction] = text.split('.');
  return [whole.replace(/\B(?=(\d{3})+$)/g, ','), ...fraction].join('.');
}

/** A value as JSON has it, its numbers with all of their digits. */
export function json(value) {
  if (isNumber(value)) return String(value);
  if (Array.isArray(value)) return `[${value.map(json).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  return `{${Object.entries(value).map(([name, of]) => `${JSON.stringify(name)}:${json(of)}`).join(',')}}`;
}
