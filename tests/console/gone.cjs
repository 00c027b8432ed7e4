// The run ends while the page is open, and comes back. What runs this is told how far it is, and ends the run meanwhile.
const assert = require('node:assert/strict');
const { page: opened, run, says, violations } = require('../browser/launch.cjs');

const HOST = process.env.HOST;

run(async (browser) => {
  const page = await opened(browser, HOST, { expected: [/ERR_/, /status of 503/] });
  await page.goto(`${HOST}/`);
  await says(page, '631 identifiers');
  console.log('seen');
  await says(page, 'The run does not answer', '#state');
  await says(page, '631 identifiers');
  assert.deepEqual(await violations(page), []);
  // Another view can't be had now.
  await page.evaluate(() => { location.hash = '#/conflicts/withheld'; });
  await says(page, 'The run does not answer', 'main');
  console.log('gone');
  await says(page, 'C0000160', 'main');
  await page.waitForFunction(() => document.getElementById('state').innerText === '');
  await page.evaluate(() => { location.hash = '#/'; });
  await says(page, '631 identifiers');
  console.log('back');
  assert.deepEqual(page.faults, []);
});
