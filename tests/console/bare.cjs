// A run that stores nothing, decides nothing and has neither segments nor rejects: the page says so, with the remedy.
const assert = require('node:assert/strict');
const { page: opened, run, says, violations } = require('../browser/launch.cjs');

const HOST = process.env.HOST;

run(async (browser) => {
  const page = await opened(browser, HOST, { width: 360 });
  const shows = async (hash, ...texts) => {
    await page.goto(`${HOST}/#/${hash}`);
    for (const text of texts) await says(page, text, 'main');
    assert.deepEqual(await violations(page), [], hash);
  };
  await shows('', '1 identifier', 'Within the target');
  await shows('person/ada%40example.com', 'email:ada@example.com', 'Rows are not stored', '--data FOLDER', 'The definition has no attributes', 'The definition has no segments');
  await shows('compare/ada%40example.com/ada%40example.com', 'One person', 'takes no decisions', '--data FOLDER');
  await shows('segments', 'The definition has no segments');
  await shows('segment/none', "there is no segment 'none'");
  await shows('rejects', 'No output publishes rejects', 'No row was rejected');
  await shows('conflicts', 'No output publishes conflicts');
  await shows('people', 'There is 1 person');
  assert.deepEqual(page.faults.filter((of) => !/status of 404/.test(of)), []);
});
