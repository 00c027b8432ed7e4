// Texts that would be markup, escapes of terminals and turned writing: they are shown as what they are, and nothing runs.
const assert = require('node:assert/strict');
const { page: opened, picture, press, run, says, violations } = require('../browser/launch.cjs');

const HOST = process.env.HOST;
const EMAIL = '"><img src=x onerror=alert(2)>@evil.example';
const DEVICE = 'a/b?c#d%2F\u202egnp.exe';

run(async (browser) => {
  const page = await opened(browser, HOST, { width: 360 });
  for (const wanted of [`email:${EMAIL}`, EMAIL, `device:${DEVICE}`]) {
    await page.goto('about:blank');
    await page.goto(`${HOST}/#/person/${encodeURIComponent(wanted)}`);
    await says(page, '<script>alert(3)</script>\u241b[31mred\u2407 </td><b>bold</b>');
    await says(page, '<script>alert(1)</script>');
    await says(page, '\u27e8U+202E\u27e9gnp.exe');
    await says(page, '"><img src=x');
    await page.waitForSelector('.graph svg text');
  }
  for (const select of ['.card ul.plain > li button.small', 'td button.small']) await press(page, select);
  await says(page, 'last(note)');
  assert.deepEqual(await violations(page), []);
  await picture(page, 'hostile-360-light');
  await page.goto(`${HOST}/#/person/crowd%40example.com`);
  await says(page, '41 more');
  await says(page, 'The 48 identifiers with the most links are drawn, of 61');
  assert.deepEqual(await violations(page), []);
  await page.evaluate(() => document.querySelectorAll('details').forEach((of) => { of.open = true; }));
  await says(page, 'kiosk-59');
  assert.deepEqual(await violations(page), []);
  await page.goto(`${HOST}/#/rejects`);
  await page.waitForSelector('details');
  await page.evaluate(() => document.querySelectorAll('details').forEach((of) => { of.open = true; }));
  await says(page, '<script>alert(4)</script>\u27e8U+202E\u27e9');
  for (const hash of ['segments', 'segment/active', 'conflicts', 'segment/%3Cscript%3Ealert(5)%3C%2Fscript%3E', '%E0%A4%A', 'person/%00']) {
    await page.goto(`${HOST}/#/${hash}`);
    await page.waitForFunction(() => document.querySelector('h1') && !document.body.innerText.includes('Asking the run'));
  }
  const elements = await page.evaluate(() => document.querySelectorAll('main script, main img, main b').length);
  assert.equal(elements, 0);
  // What the answers 404 to is told, and the browser notes it.
  assert.deepEqual(page.faults.filter((of) => !/status of 40[04]/.test(of)), []);
});
