// What @segment/analytics-node sends, each call once.
const { Analytics } = require('@segment/analytics-node')

const analytics = new Analytics({ writeKey: 'web', host: process.env.HOST, flushAt: 4, maxRetries: 0 })
analytics.on('error', (error) => { console.error(error); process.exitCode = 1 })
analytics.track({ anonymousId: 'a1', event: 'Viewed', properties: { total: '1.25' } })
analytics.identify({ anonymousId: 'a1', userId: 'ada', traits: { email: 'Ada@Example.com' } })
analytics.track({ userId: 'ada', event: 'Order', properties: { total: '12.50' } })
analytics.page({ userId: 'ada', name: 'Home' })
analytics.screen({ userId: 'ada', name: 'Cart' })
analytics.group({ userId: 'ada', groupId: 'g', traits: {} })
analytics.alias({ userId: 'ada', previousId: 'a0' })
analytics.track({ userId: 'ada', event: 'Order', timestamp: new Date(Date.now() - 86400000) })
analytics.closeAndFlush()
