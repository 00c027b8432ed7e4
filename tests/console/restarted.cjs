// What the page shows of a run that began with a checkpoint: people, why, segments and conflicts as they were; what this
// run alone has counted is of this run.
const assert = require('node:assert/strict');
const { page: opened, press, run, says, violations } = require('../browser/launch.cjs');

const HOST = process.env.HOST;
const part = encodeURIComponent;
const APART = ['customer_id:C0000160', 'anonymous_id:a_2def5a91c4d2bcb4'];

run(async (browser) => {
  const page = await opened(browser, HOST);
  const shows = async (hash, ...texts) => {
    await page.goto(`${HOST}/#/${hash}`);
    for (const text of texts) await says(page, text);
    await page.waitForFunction(() => !/Asking the run|Looking at the stored rows/.test(document.body.innerText));
    assert.deepEqual(await violations(page), [], hash);
  };
  await shows('', '254', '631 identifiers', 'No row has come yet');
  await shows(`person/${part('klara.huber.0@example.com')}`, '5,364.97', 'champions', 'data/crm/customers.ndjson:1', 'Withheld links', 'Product Viewed');
  for (const select of ['.card ul.plain > li button.small', 'td button.small']) await press(page, select);
  await says(page, 'rfm_recency', 'body');
  await page.waitForFunction(() => !document.body.innerText.includes('Computed of all stored rows'));
  await shows(`compare/${APART.map(part).join('/')}`, 'Two people', 'some of them are withheld', 'at_most');
  await shows('segments', 'big_spenders_lapsed', '16.1 %');
  await shows('segment/champions', 'rfm_recency >= 4', 'klara.huber.0@example.com');
  await shows('conflicts/withheld', 'C0000160', 'a person has at most 1 of type customer_id');
  // Those of which it was not certain that the output had them may have been told again.
  await shows('rejects', 'Each row is counted by the first of its reasons');
  assert.deepEqual(page.faults, []);
});
