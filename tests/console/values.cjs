// Values that are no plain texts: what is false, numbers of any size, each with all of its digits, and long texts, wherever
// a person's values stand; and of two people what differs is bold.
const assert = require('node:assert/strict');
const { overflow, page: opened, picture, press, run, says, violations } = require('../browser/launch.cjs');

const HOST = process.env.HOST;

/** The cells of a table's row, by its heading. */
const cells = (page, caption, heading) => page.evaluate((of, name) => {
  const table = [...document.querySelectorAll('table')].find((one) => one.caption.textContent === of);
  const row = [...table.tBodies[0].rows].find((one) => one.cells[0].textContent === name);
  return [...row.cells].slice(1).map((cell) => ({ text: cell.innerText, bold: [...cell.querySelectorAll('strong')].map((strong) => strong.innerText) }));
}, caption, heading);

run(async (browser) => {
  const page = await opened(browser, HOST, { width: 360, expected: [/status of 404/] });
  await page.goto(`${HOST}/#/person/ada%40example.com`);
  await says(page, 'By their own time', 'main');
  const value = async (name) => (await cells(page, 'Attributes', name))[0].text;
  assert.equal(await value('vip'), 'false');
  assert.equal(await value('large'), '1e300');
  assert.equal(await value('small'), '1e-9');
  assert.equal(await value('rows'), '1');
  const BIG = '9,007,199,254,740,993';
  assert.deepEqual([await value('price'), await value('big'), await value('prices'), await value('twice')], ['12.50', BIG, '[12.50]', '25.00']);
  await says(page, 'price 12.50', '.timeline');
  await says(page, `big ${BIG}`, '.timeline');
  await says(page, 'vip false', '.timeline');
  await says(page, 'large 1e300', '.timeline');
  // What is long is folded: the page stays one that is read.
  assert.match(await value('note'), /^x{300}…\s*29,700 more characters/);
  const tall = () => page.evaluate(() => document.documentElement.scrollHeight);
  assert.ok(await tall() < 6_000, `${await tall()} pixels`);
  assert.equal(await overflow(page), null);
  assert.deepEqual(await violations(page), []);
  await picture(page, 'values-360-light');
  await page.evaluate(() => document.querySelectorAll('details').forEach((of) => { of.open = true; }));
  assert.equal((await value('note')).replace(/[^x]/g, '').length, 30_000);
  assert.equal(await overflow(page), null);

  await page.goto(`${HOST}/#/compare/ada%40example.com/ben%40example.com`);
  await says(page, 'no row ties one to the other');
  const beside = (name) => cells(page, 'Identifiers and attributes of both', name);
  const [ada, ben] = await beside('vip');
  assert.deepEqual([ada.text, ben.text], ['false', 'true']);
  assert.deepEqual([ada.bold, ben.bold], [['false'], ['true']]);
  assert.deepEqual((await beside('rows')).map(({ text, bold }) => [text, bold]), [['1', []], ['1', []]]);
  assert.deepEqual((await beside('email')).map(({ bold }) => bold), [['ada@example.com'], ['ben@example.com']]);
  assert.deepEqual((await beside('price')).map(({ text, bold }) => [text, bold]), [['12.50', []], ['12.50', []]]);
  assert.deepEqual((await beside('big')).map(({ text }) => text), [BIG, BIG]);
  // Segments that both are in are not bold.
  const segments = (await beside('segments')).map(({ text, bold }) => [text.split(', ').sort(), bold]);
  assert.deepEqual(segments, [[['active', 'dear'], []], [['active', 'chosen', 'dear'], ['chosen']]]);
  assert.match((await beside('note'))[0].text, /29,700 more characters/);
  // Nothing but the value says so.
  const said = await page.evaluate(() => document.querySelector('main').innerText);
  assert.equal(said.match(/false/g).length, 1);
  assert.deepEqual(await violations(page), []);

  // Why a value is what it is, and why somebody is in a segment, is told with the same digits.
  await page.goto(`${HOST}/#/person/ada%40example.com`);
  await says(page, 'By their own time', 'main');
  const why = async (label, ...texts) => {
    await press(page, `[aria-label="Why? ${label}"]`);
    for (const text of texts) await says(page, text, '.unfolded');
    await press(page, `[aria-label="Why? ${label}"]`);
    await page.evaluate(() => document.querySelectorAll('.unfolded').forEach((of) => of.remove()));
  };
  await why('In dear', 'price is 12.50');
  await why('Where big comes from', BIG);
  await why('Where prices comes from', '[12.50]');
  await why('Where twice comes from', 'price is 12.50');
  await page.goto(`${HOST}/#/segment/dear`);
  await says(page, `price: 12.50, big: ${BIG}`, 'main');

  // What has changed since is told, and shown when somebody wants to see it.
  await page.goto(`${HOST}/#/person/ada%40example.com`);
  await says(page, 'By their own time', 'main');
  await page.evaluate(() => fetch('/v1/sources/shop', { method: 'POST', body: JSON.stringify({ id: '3', email: 'ada@example.com', vip: true }) }));
  await says(page, 'What is known of them has changed since.', 'main');
  assert.equal(await value('vip'), 'false');
  assert.deepEqual(await violations(page), []);
  await press(page, 'main [role=status] button');
  await page.waitForFunction(() => !document.querySelector('main').innerText.includes('has changed since'));
  await says(page, 'By their own time', 'main');
  assert.equal(await value('vip'), 'true');

  // Who is not there yet is shown once they are, and nobody is led away from where they are meanwhile.
  const late = ['late@example.com', 'email:later@example.com'];
  for (const wanted of late) {
    await page.goto(`${HOST}/#/person/${encodeURIComponent(wanted)}`);
    await says(page, wanted === late[0] ? 'Nobody is known by' : 'nobody has the identifier', 'main');
    await page.evaluate(() => document.getElementById('wanted').focus());
    await page.evaluate((of) => fetch('/v1/sources/shop', { method: 'POST', body: JSON.stringify({ id: of, email: of.replace('email:', '') }) }), wanted);
    await says(page, 'By their own time', 'main');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'wanted');
  }
  await page.goto(`${HOST}/#/compare/ada%40example.com/latest%40example.com`);
  await says(page, 'Nobody is known by', 'main');
  await page.evaluate(() => fetch('/v1/sources/shop', { method: 'POST', body: JSON.stringify({ id: '9', email: 'latest@example.com' }) }));
  await says(page, 'no row ties one to the other', 'main');
  assert.deepEqual(await violations(page), []);

  // However many withheld links lead to somebody, they are named once.
  await page.goto(`${HOST}/#/person/dora%40example.com`);
  await page.waitForSelector('.graph svg path.edge.withheld');
  assert.equal(await page.$$eval('.graph svg path.edge.withheld', (all) => all.length), 2);
  assert.equal(await page.$$eval('.graph ~ p.note a', (all) => all.length), 1);
  await says(page, 'it leads to 1 other person, p_', 'main');
  assert.deepEqual(await violations(page), []);

  // Where a value is several people's, of different types, whoever asks says who is meant.
  await page.evaluate(async () => {
    const answer = await fetch('/v1/sources/shop', { method: 'POST', body: JSON.stringify({ id: '10', device: 'ada@example.com' }) });
    await fetch(`/v1/profiles/device:ada%40example.com?after=${answer.headers.get('selfsame-tick')}`);
  });
  const names = ['email:ada@example.com', 'device:ada@example.com'];
  for (const [hash, beside] of [['ada%40example.com/ben%40example.com', (name) => `${name} beside email:ben@example.com`],
    ['ben%40example.com/ada%40example.com', (name) => `email:ben@example.com beside ${name}`]]) {
    for (const name of names) {
      await page.goto(`${HOST}/#/compare/${hash}`);
      await says(page, 'Several people are known by ada@example.com', 'main');
      assert.deepEqual(await page.$$eval('main li a', (all) => all.map((of) => of.textContent)), names);
      assert.deepEqual(await violations(page), []);
      await page.locator(`main li a ::-p-text(${name})`).click();
      await says(page, 'no row ties one to the other', 'main');
      assert.equal(await page.$eval('.pair-names', (of) => of.innerText), beside(name));
    }
  }
  await page.goto(`${HOST}/#/person/ada%40example.com`);
  await says(page, 'Several people are known by ada@example.com', 'main');
  assert.deepEqual(await page.$$eval('main li a', (all) => all.map((of) => of.textContent)), names);
  await page.locator(`main li a ::-p-text(${names[1]})`).click();
  await says(page, names[1], 'h1');
  assert.deepEqual(await violations(page), []);
  assert.deepEqual(page.faults, []);
});
