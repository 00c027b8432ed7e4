// A page with an SDK of Segment's or RudderStack's: somebody looks around, signs in, buys, signs out, and another one looks
// around at the same browser. The page is served from elsewhere than the collector, as pages are.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { run } = require('../browser/launch.cjs');

const HOST = process.env.HOST;
const SDK = process.argv[2];
// The SDK of RudderStack also sends as pages do that are being left: without headers, with the key in the address.
const BEACON = process.argv[3] === 'beacon';
const modules = process.env.NODE_PATH;
const folder = { segment: '@segment/analytics-next/dist/umd', rudder: '@rudderstack/analytics-js/dist/npm/modern/bundled/umd' }[SDK];

/** Serves an empty page, and the SDK as it is installed. */
const server = http.createServer((request, answer) => {
  if (request.url === '/') {
    answer.setHeader('content-type', 'text/html');
    answer.end('<!doctype html><title>shop</title><script src="/sdk/index.js"></script>');
    return;
  }
  const file = path.join(modules, folder, path.basename(request.url));
  if (!request.url.startsWith('/sdk/') || !fs.existsSync(file)) { answer.statusCode = 404; answer.end(); return; }
  answer.setHeader('content-type', 'text/javascript');
  answer.end(fs.readFileSync(file));
});

/** In the page: what the shop's own script does. */
const VISIT = {
  segment: async ([host]) => {
    const [analytics] = await window.AnalyticsNext.AnalyticsBrowser.load({ writeKey: 'web', cdnURL: host });
    await analytics.page('Home');
    await analytics.track('Viewed', { total: '1.25' });
    await analytics.identify('ada', { email: 'Ada@Example.com' });
    await analytics.track('Order', { total: '12.50' });
    const first = analytics.user().anonymousId();
    await analytics.reset();
    await analytics.track('Viewed', { total: '2.00' });
    return [first, analytics.user().anonymousId()];
  },
  rudder: ([host, useBeacon]) => new Promise((resolve) => {
    const Analytics = window.rudderanalytics.RudderAnalytics;
    const analytics = new Analytics();
    const beaconQueueOptions = { flushQueueInterval: 200 };
    analytics.load('web', host, { configUrl: host, logLevel: 'WARN', useBeacon, beaconQueueOptions });
    analytics.ready(() => {
      analytics.page('Home');
      analytics.track('Viewed', { total: '1.25' });
      analytics.identify('ada', { email: 'Ada@Example.com' });
      analytics.track('Order', { total: '12.50' });
      const first = analytics.getAnonymousId();
      analytics.reset(true);
      analytics.track('Viewed', { total: '2.00' });
      resolve([first, analytics.getAnonymousId()]);
    });
  }),
}[SDK];

/** The profile of an identifier, once it is this. */
async function profile(page, id, holds) {
  for (let tried = 0; tried < 600; tried += 1) {
    const answer = await fetch(`${HOST}/v1/profiles/${encodeURIComponent(id)}`);
    if (answer.ok) {
      const { profile: found } = await answer.json();
      if (holds(found)) return found;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const last = await (await fetch(`${HOST}/v1/profiles/${encodeURIComponent(id)}`)).text();
  throw new Error(`${id} never is what it should be: ${last}; the page said: ${page.said.join('; ')}`);
}

run(async (browser) => {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const page = await browser.newPage();
    page.said = [];
    page.on('console', (message) => page.said.push(message.text()));
    page.on('pageerror', (error) => page.said.push(error.message));
    page.on('requestfailed', (request) => page.said.push(`${request.url()} ${request.failure().errorText}`));
    page.on('response', (answer) => answer.status() >= 400 && page.said.push(`${answer.url()} ${answer.status()}`));
    const asked = new Set();
    const sent = new Set();
    page.on('request', (request) => {
      const url = new URL(request.url());
      asked.add(url.origin);
      if (request.method() === 'POST') sent.add(`${request.resourceType()} ${url.pathname}${url.search}`);
    });
    const own = `http://127.0.0.1:${server.address().port}`;
    await page.goto(own);
    const [first, second] = await page.evaluate(VISIT, [HOST, BEACON]);
    assert.ok(first && second && first !== second, `${first} ${second}: whoever signs out is somebody else`);
    const ada = await profile(page, 'user:ada', (of) => of.attributes.messages === 4);
    assert.deepEqual(ada.identifiers, { user: ['ada'], email: ['ada@example.com'], anonymous: [first] });
    assert.equal(ada.attributes.spent, 13.75);
    assert.deepEqual(ada.attributes.kinds, ['identify', 'page', 'track']);
    const other = await profile(page, `anonymous:${second}`, (of) => of.attributes.messages === 1);
    assert.deepEqual(other.identifiers, { anonymous: [second] });
    const beacons = [...sent].filter((of) => of === 'ping /beacon/v1/batch?writeKey=web');
    assert.deepEqual([...sent].length > 0 && beacons, BEACON ? [...sent] : [], 'all is sent by beacons, or nothing');
    assert.deepEqual([...asked].filter((of) => of !== own && of !== HOST), [], 'nobody else is asked');
  } finally { server.close(); }
});
