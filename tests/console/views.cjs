// Every view of the console, wide and narrow, light and dark: what it says, that nothing stands beyond its width, and that
// axe finds nothing wrong. Leaves pictures for people to look at.
const assert = require('node:assert/strict');
const { overflow, page: opened, picture, press, run, says, violations } = require('../browser/launch.cjs');

const HOST = process.env.HOST;
const KLARA = 'klara.huber.0@example.com';
const APART = ['customer_id:C0000160', 'anonymous_id:a_2def5a91c4d2bcb4'];
const part = encodeURIComponent;

/** The links that are drawn of a person, with what each says. */
async function drawnLinks(page) {
  await page.waitForSelector('.graph svg path.edge');
  return page.$$eval('.graph svg path.edge', (all) => all.map((of) => ({
    isWithheld: of.classList.contains('withheld'),
    isDashed: getComputedStyle(of).strokeDasharray !== 'none',
    length: of.getTotalLength(),
    why: of.querySelector('title').textContent,
  })));
}

/** Links that are withheld are drawn otherwise than those that count, to whom they would lead, and say why. */
async function drawsWithheld(page) {
  const withheld = (await drawnLinks(page)).filter(({ isWithheld }) => isWithheld);
  assert.ok(withheld.some(({ why }) => why.includes('C0000160')), JSON.stringify(withheld));
  for (const { why, isDashed, length } of withheld) {
    assert.match(why, / — .*: a person has at most 1 of type customer_id/);
    assert.ok(isDashed && length > 10, why);
  }
  assert.ok(await page.$$eval('.graph svg g.node.strange text', (all) => all.length) > 0);
}

/** Opens all that unfolds, so that it is looked at, too. */
async function unfold(page) {
  for (const select of ['.card ul.plain > li button.small', 'td button.small']) await press(page, select);
  await says(page, 'rfm_recency', 'body');
  await page.waitForFunction(() => !document.body.innerText.includes('Computed of all stored rows'));
  const links = (await drawnLinks(page)).filter(({ isWithheld }) => !isWithheld);
  assert.ok(links.length > 3 && links.every(({ isDashed, length }) => !isDashed && length > 10), JSON.stringify(links));
}

const VIEWS = [
  { name: 'overview', hash: '', says: ['254', '631 identifiers', '2,892 in all', 'Within the target', 'products', '200 ms', 'No row came in the last', 'Of all rows since'] },
  { name: 'people', hash: 'people', says: ['customer_id', 'Some of them', 'Other identifiers', 'Two people side by side', 'champions'] },
  { name: 'person', hash: `person/${part(KLARA)}`, says: ['klara.huber.0@example.com', '5,364.97', 'champions', 'First seen', 'data/crm/customers.ndjson:1', 'Withheld links', 'Product Viewed'], act: unfold },
  { name: 'withheld', hash: `person/${part(APART[0])}`, says: ['a person has at most 1 of type customer_id: one side has C0000160, the other C0000161', 'Compare the two'], act: drawsWithheld },
  { name: 'compare', hash: `compare/${APART.map(part).join('/')}`, says: ['Two people', 'some of them are withheld', 'at_most', 'This definition takes no decisions'] },
  { name: 'segments', hash: 'segments', says: ['big_spenders_lapsed', '16.1 %', 'orders > 0', 'Of all customers those who ordered lately'] },
  { name: 'segment', hash: 'segment/champions', says: ['rfm_recency >= 4', 'Of all customers', KLARA] },
  { name: 'rejects', hash: 'rejects', says: ['malformed', 'wrong_type'], act: async (page) => {
    await page.evaluate(() => document.querySelectorAll('details').forEach((of) => { of.open = true; }));
    await says(page, 'not json at all');
  } },
  { name: 'conflicts', hash: 'conflicts', says: ['The newest first', 'single source'], act: async (page) => {
    // What is no alarm does not look like one.
    const badges = await page.evaluate(() => [...document.querySelectorAll('ul.links .badge')].map((of) => [of.innerText, of.classList.contains('out')]));
    for (const [kind, isAlarm] of badges) assert.equal(isAlarm, kind !== 'single source', kind);
  } },
  { name: 'conflicts-withheld', hash: 'conflicts/withheld', says: ['C0000160', 'a person has at most 1 of type customer_id'] },
  { name: 'nobody', hash: 'person/eve%40nowhere.example', says: ['Nobody is known by'] },
  { name: 'nothing', hash: 'elsewhere', says: ['Nothing is here'] },
];

run(async (browser) => {
  for (const [width, scheme] of [[1280, 'light'], [360, 'dark'], [360, 'light'], [1280, 'dark']]) {
    for (const view of VIEWS) {
      const where = `${view.name}-${width}-${scheme}`;
      const page = await opened(browser, HOST, { width, scheme });
      await page.goto(`${HOST}/#/${view.hash}`);
      for (const text of view.says) await says(page, text);
      if (view.act) await view.act(page);
      await page.waitForFunction(() => !/Asking the run|Looking at the stored rows/.test(document.body.innerText));
      assert.equal(await overflow(page), null, `${where} has what is beyond its width`);
      assert.deepEqual(await violations(page), [], where);
      await picture(page, where);
      assert.deepEqual(page.faults, [], where);
      await page.close();
    }
  }
});
