// The console by keyboard alone: from the skip link to why somebody is in a segment.
const assert = require('node:assert/strict');
const { focused, page: opened, run, says, tabTo } = require('../browser/launch.cjs');

const HOST = process.env.HOST;

run(async (browser) => {
  const page = await opened(browser, HOST);
  await page.goto(`${HOST}/`);
  await says(page, '631 identifiers');
  await tabTo(page, ({ text }) => text === 'Skip to the content', 1);
  await page.keyboard.press('Enter');
  assert.equal((await focused(page)).id, 'view');
  // Backwards, to the field in which people are looked for.
  for (let at = 0; (await focused(page)).id !== 'wanted'; at += 1) {
    assert.ok(at < 20, 'the field is not reached');
    await page.keyboard.down('Shift'); await page.keyboard.press('Tab'); await page.keyboard.up('Shift');
  }
  await page.keyboard.type('klara.huber.0@example.com');
  await page.keyboard.press('Enter');
  await says(page, '5,364.97');
  await tabTo(page, ({ text }) => text === 'Why? In champions');
  await page.keyboard.press('Enter');
  await says(page, 'rfm_recency >= 4');
  assert.equal((await focused(page)).text, 'Why? In champions', 'the focus stays where it is');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => !document.body.innerText.includes('rfm_recency >= 4'));
  await tabTo(page, ({ text }) => text === 'Why? Where lifetime_value comes from');
  await page.keyboard.press('Space');
  await says(page, 'sum(amount)');
  await says(page, 'Older rows');
  await tabTo(page, ({ text }) => text === 'Older rows');
  const rows = () => page.evaluate(() => document.querySelectorAll('.timeline > li').length);
  const before = await rows();
  await page.keyboard.press('Enter');
  await page.waitForFunction((were) => document.querySelectorAll('.timeline > li').length > were, {}, before);
  await tabTo(page, ({ id }) => id === 'beside');
  await page.keyboard.type('anonymous_id:a_2def5a91c4d2bcb4');
  await page.keyboard.press('Enter');
  await says(page, 'Two people', 'h1');
  // A new view begins where it is read from.
  await page.waitForFunction(() => document.activeElement.id === 'view');
  await page.goto(`${HOST}/#/rejects`);
  await says(page, 'malformed');
  await tabTo(page, ({ text }) => text.includes('malformed'));
  await page.keyboard.press('Enter');
  await says(page, 'not json at all');
  // Whoever has begun to write while a view is asked for goes on.
  await page.evaluate(() => {
    const asked = window.fetch;
    window.fetch = async (path, ...rest) => {
      if (String(path).startsWith('/v1/conflicts')) await new Promise((answer) => { window.answer = answer; });
      return asked(path, ...rest);
    };
    document.getElementById('wanted').value = '';
    location.hash = '#/conflicts';
  });
  await page.waitForFunction(() => window.answer);
  await page.focus('#wanted');
  await page.keyboard.type('kla');
  await page.evaluate(() => window.answer());
  await says(page, 'The newest first', 'main');
  await page.keyboard.type('ra');
  assert.equal(await page.evaluate(() => document.activeElement.value), 'klara', 'the focus stays where somebody writes');
  // The dialog for a key is left by Escape, and the focus comes back.
  await page.evaluate(() => document.getElementById('ask-key').focus());
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.getElementById('key-dialog').open && document.activeElement.id === 'key');
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => !document.getElementById('key-dialog').open && document.activeElement.id === 'ask-key');
  assert.deepEqual(page.faults, []);
});
