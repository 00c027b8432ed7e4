// Somebody decides that two are one, while rows come in.
const assert = require('node:assert/strict');
const { page: opened, picture, run, says, tabTo, violations } = require('../browser/launch.cjs');

const HOST = process.env.HOST;

run(async (browser) => {
  const page = await opened(browser, HOST);
  await page.goto(`${HOST}/#/compare/ada%40example.com/ben%40example.com`);
  await says(page, 'no row ties one to the other');
  assert.deepEqual(await violations(page), []);
  await picture(page, 'decide-1280-light');
  // What is left out leaves no word behind.
  const said = await page.evaluate(() => document.querySelector('main').innerText);
  assert.doesNotMatch(said, /\b(false|true|null|undefined)\b/);
  // By keyboard alone.
  await tabTo(page, ({ text }) => text === 'They are the same');
  await page.keyboard.press('Enter');
  await says(page, 'are the same person');
  await says(page, 'One person', 'h1');
  await says(page, 'Decisions about them');
  await page.goto(`${HOST}/#/person/ada%40example.com`);
  await says(page, 'decided');
  await says(page, 'ben@example.com');
  // Rates: rows are sent from beside the page while it is looked at.
  await page.goto(`${HOST}/#/`);
  await says(page, 'Rows in a second');
  let sent = 2;
  const sending = setInterval(() => {
    const rows = Array.from({ length: 20 }, () => `{"id":"${++sent}","email":"e${sent}@example.com","device":"d${sent}"}\n`).join('');
    fetch(`${HOST}/v1/sources/shop`, { method: 'POST', body: `${rows}{"id":"none${sent}"}\n` }).catch(() => null);
  }, 100);
  try {
    const moves = (name) => page.waitForFunction((of) => {
      const tile = [...document.querySelectorAll('.tile')].find((one) => one.innerText.startsWith(of));
      return Number(tile?.querySelector('.big').innerText.replace(/[^0-9.]/g, '')) > 0;
    }, {}, name);
    await moves('Rows in a second');
    await moves('Rejected in a second');
    // How soon rows are told of is that of the rows which came while it was looked at, and of all, each said to be so.
    await moves('Within the target');
    const [lately, all] = await page.evaluate(() => [...document.querySelectorAll('section.card')].find((of) => of.innerText.startsWith('Latency')).innerText.split('\n').filter((of) => /half took/.test(of)));
    assert.match(lately, /Of the last \d+ s’s rows half took .* 99 % took /);
    assert.match(all, /^Of all rows since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC half took /);
    await page.waitForFunction(() => document.querySelector('.tile .spark .curve')?.getAttribute('d').length > 40);
    await picture(page, 'live-1280-light');
    // A segment's size is drawn as it grows: from fewer people, which lie deeper, up to all that there are, at the top.
    const grows = (select) => page.waitForFunction((of) => {
      const drawn = document.querySelector(of)?.getAttribute('d') ?? '';
      const heights = [...drawn.matchAll(/^M[\d.]+ ([\d.]+)|V([\d.]+)/g)].map(([, first, later]) => Number(first ?? later));
      return heights.length > 3 && heights.every((height, at) => at === 0 || height <= heights[at - 1]) && heights[0] > heights.at(-1) + 10;
    }, {}, select);
    await page.goto(`${HOST}/#/segment/active`);
    await says(page, 'people now', 'main');
    await grows('.drawing svg.chart path.curve');
    assert.match(await page.$eval('.drawing svg.chart', (of) => of.getAttribute('aria-label')), /^Size of active over time, now [\d,]+$/);
    await picture(page, 'growing-1280-light');
    await page.goto(`${HOST}/#/segments`);
    await grows('.drawing svg.spark path.curve');
  } finally { clearInterval(sending); }
  assert.deepEqual(page.faults, []);
});
