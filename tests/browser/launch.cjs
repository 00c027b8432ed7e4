// A headless Chromium for the scripts of tests, and what they look at in it.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const puppeteer = require('puppeteer-core');
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const PATIENCE = Number(process.env.PATIENCE ?? 60_000);

/** Runs a script with a browser, and ends it whatever comes. */
exports.run = async (script) => {
  const browser = await puppeteer.launch({
    // No authority that browsers know vouches for what tests make.
    acceptInsecureCerts: process.env.HOST?.startsWith('https:'),
    executablePath: process.env.CHROMIUM,
    headless: true,
    timeout: PATIENCE,
    protocolTimeout: PATIENCE * 2,
    // Tests may run as root, where Chromium's own walls are not to be had.
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--font-render-hinting=none'],
    env: { ...process.env, LD_LIBRARY_PATH: process.env.CHROMIUM_LIBRARIES, XDG_DATA_HOME: process.env.CHROMIUM_SHARED ?? '' },
  });
  let failed = null;
  try { await script(browser); } catch (error) { failed = error; }
  await browser.close();
  if (failed) { console.error(failed.stack ?? failed); process.exitCode = 1; }
};

/** A page that fails the test where it errs, breaks its policy or asks anybody but `host`. */
exports.page = async (browser, host, { width = 1280, height = 900, scheme = 'light', expected = [] } = {}) => {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.faults = [];
  page.on('pageerror', (error) => page.faults.push(`error: ${error.message}`));
  page.on('console', (message) => {
    const text = `${message.text()} ${message.location().url ?? ''}`;
    if (message.type() === 'error' && !expected.some((of) => of.test(text))) page.faults.push(`console: ${text}`);
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(host) && !url.startsWith('data:') && !url.startsWith('about:')) page.faults.push(`asks elsewhere: ${url}`);
  });
  page.on('dialog', (dialog) => { page.faults.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  return page;
};

/** Waits until the page says this. */
exports.says = (page, text, selector = 'body') => page.waitForFunction(
  (wanted, at) => document.querySelector(at)?.innerText.includes(wanted), {}, text, selector,
).catch(async (error) => {
  const said = await page.evaluate((at) => document.querySelector(at)?.innerText, selector);
  throw new Error(`never says '${text}' in ${selector}: ${error.message}; it says: ${said}; ${page.faults.join('; ')}`);
});

/** What has the focus, as whoever works by keyboard is told of it. */
const focused = (page) => page.evaluate(() => {
  const of = document.activeElement;
  return { isPage: of === document.body, text: (of.getAttribute('aria-label') ?? of.innerText ?? '').trim(), id: of.id, shows: getComputedStyle(of).outlineStyle };
});
exports.focused = focused;

/** Goes on by Tab until this has the focus; everything on the way shows that it has it. */
exports.tabTo = async (page, wanted, most = 80) => {
  for (let at = 0; at < most; at += 1) {
    await page.keyboard.press('Tab');
    const now = await focused(page);
    // Between the last and the first nothing has it.
    if (now.isPage) continue;
    assert.notEqual(now.shows, 'none', `'${now.text}' (${now.id}) does not show that it has the focus`);
    if (wanted(now)) return;
  }
  assert.fail(`${wanted} is not reached by keyboard`);
};

/** Presses a button wherever it stands: what comes in above it may move it away from under a mouse. */
exports.press = async (page, selector) => {
  await page.waitForSelector(selector);
  await page.$eval(selector, (button) => button.click());
};

/** What axe finds wrong. It is put in by the debugger, which the page's policy does not bind. */
exports.violations = async (page) => {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => (await window.axe.run(document, { resultTypes: ['violations'] })).violations);
  return found.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).join(' | ')}`);
};

/** Whether anything stands beyond the page's width. */
exports.overflow = (page) => page.evaluate(() => {
  const width = document.documentElement.clientWidth;
  const isBeyond = document.documentElement.scrollWidth > width;
  const beyond = [...document.querySelectorAll('body *')].filter((of) => of.getBoundingClientRect().right > width + 1 && !of.closest('.scroll'));
  return isBeyond ? `${document.documentElement.scrollWidth} > ${width}: ${beyond.slice(0, 5).map((of) => `${of.tagName}.${of.className}`).join(', ')}` : null;
});

exports.picture = async (page, name) => {
  const folder = process.env.PICTURES;
  fs.mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
};
