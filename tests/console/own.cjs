// People of somebody's own files, found by what stands in one of them.
const assert = require('node:assert/strict');
const { page: opened, run, says } = require('../browser/launch.cjs');

const HOST = process.env.HOST;

run(async (browser) => {
  const page = await opened(browser, HOST);
  await page.goto(HOST);
  await says(page, 'Rows in a second');
  await page.type('#wanted', 'ADA@home.example');
  await page.keyboard.press('Enter');
  await says(page, 'customer_no:K-1', 'h1');
  await says(page, 'exports/orders.csv');
  await says(page, 'email:ada@home.example');
  assert.deepEqual(page.faults, []);
});
