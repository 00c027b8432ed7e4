// Small drawings of numbers. What they say stands beside them as text, too.
import { drawn, instant, number } from './dom.js';

/** A line of values at times, as steps: each holds until the next. `points` are `[milliseconds, value]`. */
export function line(label, points, { width = 640, height = 160, axes = true } = {}) {
  const [left, right, top, bottom] = axes ? [8, 8, 12, 22] : [1, 1, 3, 3];
  const svg = drawn('svg', { viewBox: `0 0 ${width} ${height}`, class: axes ? 'chart' : 'spark', role: 'img', 'aria-label': label });
  if (!points.length) return svg;
  const [start, end] = [points[0][0], points[points.length - 1][0]];
  const most = Math.max(1, ...points.map(([, value]) => value));
  const x = (time) => left + (end > start ? (time - start) / (end - start) : 0) * (width - left - right);
  const y = (value) => height - bottom - (value / most) * (height - top - bottom);
  let path = '';
  points.forEach(([time, value], place) => {
    path += place === 0 ? `M${x(time).toFixed(1)} ${y(value).toFixed(1)}` : `H${x(time).toFixed(1)}V${y(value).toFixed(1)}`;
  });
  if (end === start) path += `H${width - right}`;
  const floor = y(0).toFixed(1);
  svg.append(drawn('path', { class: 'area', d: `${path}V${floor}H${left}Z` }), drawn('path', { class: 'curve', d: path }));
  if (axes) {
    svg.append(
      drawn('line', { class: 'axis', x1: left, x2: width - right, y1: floor, y2: floor }),
      drawn('text', { x: left, y: height - 6 }, `${instant(new Date(start).toISOString())} UTC`),
      drawn('text', { x: width - right, y: height - 6, 'text-anchor': 'end' }, 'now'),
      drawn('text', { x: left, y: top - 1 }, `at most ${number(most)}`),
    );
  }
  return svg;
}

/** Bars, some of which are beyond a target: `bars` are `{name, value, isBeyond}`. */
export function bars(label, bars, { width = 960 } = {}) {
  const [height, bottom] = [150, 22];
  const svg = drawn('svg', { viewBox: `0 0 ${width} ${height}`, class: 'chart', role: 'img', 'aria-label': label });
  const most = Math.max(1, ...bars.map(({ value }) => value));
  const each = width / Math.max(bars.length, 1);
  // Where there is no room for all names, every second one stands there.
  const apart = each < 34 ? 2 : 1;
  bars.forEach(({ name, value, isBeyond }, place) => {
    const tall = value ? Math.max(2, (value / most) * (height - bottom - 20)) : 0;
    svg.append(...[
      drawn('rect', { class: isBeyond ? 'bar beyond' : 'bar', x: place * each + 3, y: height - bottom - tall, width: Math.max(2, each - 6), height: tall }),
      place % apart === 0 && drawn('text', { x: (place + 0.5) * each, y: height - bottom + 15, 'text-anchor': 'middle' }, name),
    ].filter(Boolean));
  });
  const beyond = bars.findIndex(({ isBeyond }) => isBeyond);
  if (beyond > 0) {
    svg.append(drawn('line', { class: 'target', x1: beyond * each, x2: beyond * each, y1: 0, y2: height - bottom }),
      drawn('text', { x: beyond * each + 6, y: 12 }, 'the target'));
  }
  svg.append(drawn('line', { class: 'axis', x1: 0, x2: width, y1: height - bottom, y2: height - bottom }));
  return svg;
}

/** As wide as there is room for in an element, so that letters keep their size. */
export const room = (element, otherwise = 640) => Math.min(1100, Math.max(260, element?.clientWidth || otherwise));
