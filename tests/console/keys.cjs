// Where keys are set the page asks for one, says that it is wrong, and shows all with a right one.
const assert = require('node:assert/strict');
const { page: opened, picture, run, says, violations } = require('../browser/launch.cjs');

const HOST = process.env.HOST;

async function give(page, key) {
  await page.waitForFunction(() => document.getElementById('key-dialog').open);
  await page.type('#key', key);
  await page.locator('#key-form button[value=use]').click();
}

run(async (browser) => {
  const page = await opened(browser, HOST, { expected: [/status of 40[13]/] });
  await page.goto(`${HOST}/#/person/ada%40example.com`);
  await page.waitForFunction(() => document.getElementById('key-dialog').open);
  assert.deepEqual(await violations(page), []);
  await picture(page, 'key-1280-light');
  await give(page, 'wrong');
  await says(page, 'there is no such key', '#key-dialog');
  await give(page, 'writing-key-of-shop');
  await says(page, 'this key is for writing alone');
  await page.locator('#ask-key').click();
  await give(page, 'reading-key-of-shop');
  await says(page, 'email:ada@example.com', 'h1');
  await page.waitForFunction(() => document.getElementById('state').innerText === '');
  // A decision takes the admin key: another is told so, and nothing is decided.
  await page.goto(`${HOST}/#/compare/email%3Aada%40example.com/device%3Ad1`);
  await page.locator('button ::-p-text(They are different)').click();
  await says(page, 'admin key', '#view [role=status]');
  await page.locator('#ask-key').click();
  await give(page, 'deciding-key-of-shop');
  // The key stays when the page is loaded anew; what stood there before is gone for certain.
  await page.waitForFunction(() => sessionStorage.getItem('key') === 'deciding-key-of-shop');
  await page.reload();
  await page.waitForSelector('#right');
  await page.evaluate(() => { document.getElementById('right').value = 'device:d1'; });
  await page.locator('button ::-p-text(They are different)').click();
  await says(page, 'Two people', 'h1');
  // The key is in this tab alone.
  assert.equal(await page.evaluate(() => sessionStorage.getItem('key')), 'deciding-key-of-shop');
  assert.equal(await page.evaluate(() => localStorage.length + document.cookie.length), 0);
  assert.deepEqual(page.faults, []);
});
