// What @rudderstack/rudder-sdk-node sends, each call once.
const RudderAnalytics = require('@rudderstack/rudder-sdk-node')

const analytics = new RudderAnalytics('web', { dataPlaneUrl: process.env.HOST, flushAt: 4 })
// It keeps a timer: the program ends when all eight are sent.
let waiting = 8
const sent = (error) => {
  if (error) { console.error(error); process.exit(1) }
  waiting -= 1
  if (waiting === 0) process.exit()
}
analytics.track({ anonymousId: 'a1', event: 'Viewed', properties: { total: '1.25' } }, sent)
analytics.identify({ anonymousId: 'a1', userId: 'ada', traits: { email: 'Ada@Example.com' } }, sent)
analytics.track({ userId: 'ada', event: 'Order', properties: { total: '12.50' } }, sent)
analytics.page({ userId: 'ada', name: 'Home' }, sent)
analytics.screen({ userId: 'ada', name: 'Cart' }, sent)
analytics.group({ userId: 'ada', groupId: 'g', traits: {} }, sent)
analytics.alias({ userId: 'ada', previousId: 'a0' }, sent)
analytics.track({ userId: 'ada', event: 'Order', timestamp: new Date(Date.now() - 86400000) }, sent)
analytics.flush()
