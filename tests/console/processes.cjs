// Where there are several processes, the first one's page shows everybody and counts what all have counted, and says so;
// another one's says that it does not know, and leads to the same view of the first one.
const assert = require('node:assert/strict');
const { page: opened, overflow, picture, run, says, violations } = require('../browser/launch.cjs');

const { HOST, OTHER } = process.env;

run(async (browser) => {
  const page = await opened(browser, HOST);
  await page.goto(HOST);
  await says(page, 'The run has 2 processes. What is told here is of all of them together', 'main');
  // What is said of all is so: rows and identifiers of both.
  const shows = (pattern) => page.waitForFunction((of) => [...document.querySelectorAll('.tile')].some((one) => new RegExp(of).test(one.innerText)), {}, pattern);
  await shows('100 identifiers');
  await shows('50 in all');
  await page.waitForFunction(() => [...document.querySelectorAll('.tile')].some((of) => /^People\s+50\b/.test(of.innerText)));
  assert.deepEqual(await violations(page), []);
  for (let number = 0; number < 50; number += 7) {
    await page.goto(`${HOST}/#/person/${number}%40example.com`);
    await says(page, `email:${number}@example.com`, 'h1');
    await says(page, `d${number}`, 'main');
  }
  for (const [view, none] of [['rejects', 'No row was rejected'], ['conflicts', 'There are none']]) {
    await page.goto(`${HOST}/#/${view}`);
    await says(page, none, 'main');
  }
  assert.deepEqual(page.faults, []);

  const other = await opened(browser, OTHER, { width: 360, expected: [/status of 421/] });
  for (const view of ['', 'people', 'segments', 'rejects', 'compare/a/b', 'person/7%40example.com']) {
    await other.goto('about:blank');
    await other.goto(`${OTHER}/#/${view}`);
    await says(other, 'this process does not know all people', 'main');
    await says(other, `Go to ${HOST}`, 'main');
    assert.equal(await overflow(other), null);
    assert.deepEqual(await violations(other), [], view);
  }
  await picture(other, 'other-process-360-light');
  assert.deepEqual(other.faults, []);
  await other.locator('main a ::-p-text(Go to)').click();
  await says(other, 'email:7@example.com', 'h1');
  assert.equal(new URL(other.url()).origin, HOST);
});
