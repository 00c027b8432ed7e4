// The page over TLS: with a key, a decision, and a certificate that is replaced while the page is open.
const assert = require('node:assert/strict');
const { page: opened, run, says, violations } = require('../browser/launch.cjs');

const HOST = process.env.HOST;

run(async (browser) => {
  const page = await opened(browser, HOST, { expected: [/status of 40[14]/] });
  await page.goto(HOST);
  await page.waitForFunction(() => document.getElementById('key-dialog').open);
  await page.type('#key', 'deciding-key-of-shop');
  await page.locator('#key-form button[value=use]').click();
  await says(page, 'Rows in a second', 'main');
  const row = (body) => page.evaluate((text) => fetch('/v1/sources/shop', {
    method: 'POST', headers: { authorization: 'Bearer deciding-key-of-shop' }, body: text,
  }).then((answer) => answer.status), body);
  assert.equal(await row('{"id":"1","email":"ada@example.com","device":"d1"}'), 200);
  assert.equal(await row('{"id":"2","email":"ben@example.com","device":"d2"}'), 200);
  await says(page, '4 identifiers', 'main');
  assert.deepEqual(await violations(page), []);
  console.log('seen');
  // By which certificate a connection is made is the browser's and the server's: the page goes on.
  const renewed = async () => {
    const other = await browser.createBrowserContext();
    const answer = await (await other.newPage()).goto(`${HOST}/health/live`);
    const name = answer.securityDetails().subjectName();
    await other.close();
    return name === 'next';
  };
  while (!(await renewed())) await new Promise((resolve) => setTimeout(resolve, 200));
  await page.goto(`${HOST}/#/compare/ada%40example.com/ben%40example.com`);
  await says(page, 'no row ties one to the other');
  await page.locator('button ::-p-text(They are the same)').click();
  await says(page, 'One person', 'h1');
  await page.goto(`${HOST}/#/person/ada%40example.com`);
  await says(page, 'ben@example.com');
  await page.waitForFunction(() => document.getElementById('state').innerText === '');
  console.log('renewed');
  assert.deepEqual(page.faults, []);
});
