// Speaks to a broker with mqtt.js from npm, 3.1, 3.1.1 and 5.0, and prints "ok NAME" or "FAIL NAME reason".
// Usage: node mqttjs.mjs PORT, in a folder where "npm install mqtt" was run.
import { createRequire } from 'node:module'
import process from 'node:process'

const mqtt = createRequire(process.cwd() + '/')('mqtt')
const url = `mqtt://127.0.0.1:${process.argv[2]}`
const patience = 10_000
const run = Date.now().toString(36)
let failed = 0
const open = []

class Peer {
  constructor(client) {
    this.client = client
    this.queue = []
    this.waiters = []
    client.on('message', (topic, payload, packet) => {
      const m = { topic, payload: payload.toString(), packet }
      const w = this.waiters.shift()
      if (w) w(m)
      else this.queue.push(m)
    })
  }

  async take(payload) {
    const m = this.queue.shift() ?? await new Promise((resolve, reject) => {
      this.waiters.push(resolve)
      setTimeout(() => reject(new Error(`${payload} did not come`)), patience).unref()
    })
    if (m.payload !== payload) throw new Error(`got ${m.payload}, want ${payload}`)
    return m
  }

  leave() { return this.client.endAsync() }
}

async function enter(version, clientId, options = {}) {
  const protocol = version === 3 ? { protocolId: 'MQIsdp', protocolVersion: 3 } : { protocolVersion: version }
  const client = mqtt.connect(url, { ...protocol, clientId, reconnectPeriod: 0, connectTimeout: patience, ...options })
  open.push(client)
  const peer = new Peer(client) // Before CONNACK: what a session has waiting comes right behind it.
  peer.connack = await new Promise((resolve, reject) => {
    client.once('connect', resolve)
    client.once('error', reject)
    client.once('close', () => reject(new Error('closed')))
  })
  return peer
}

function equal(got, want, what) {
  if (JSON.stringify(got) !== JSON.stringify(want)) throw new Error(`${what}: ${JSON.stringify(got)}, want ${JSON.stringify(want)}`)
}

async function test(title, body) {
  const name = title.replaceAll(' ', '_')
  try {
    await body(`${run}${title.replace(/[^a-z0-9]/gi, '')}`)
    console.log('ok', name)
  } catch (err) {
    failed++
    console.log('FAIL', name, err.message)
  }
  for (const c of open.splice(0)) c.end(true)
}

for (const version of [3, 4, 5]) {
  const of = { 3: '3.1', 4: '3.1.1', 5: '5.0' }[version]

  await test(`${of}: QoS 0 1 2`, async id => {
    const sub = await enter(version, id + 's')
    const pub = await enter(version, id + 'p')
    await sub.client.subscribeAsync(id + '/#', { qos: 2 })
    for (const qos of [0, 1, 2]) {
      for (let i = 0; i < 30; i++) {
        await pub.client.publishAsync(id + '/x', `${qos} ${i}`, { qos })
        equal((await sub.take(`${qos} ${i}`)).packet.qos, qos, 'QoS')
      }
    }
  })

  await test(`${of}: persistent session`, async id => {
    const keep = { clean: false, properties: version === 5 ? { sessionExpiryInterval: 300 } : undefined }
    let sub = await enter(version, id + 's', keep)
    const pub = await enter(version, id + 'p')
    await sub.client.subscribeAsync(id, { qos: 2 })
    await sub.leave()
    // QoS 2 last: this client hands such a message over at PUBREL, behind what came meanwhile.
    for (let i = 0; i < 30; i++) await pub.client.publishAsync(id, `${i}`, { qos: i < 15 ? 1 : 2 })
    sub = await enter(version, id + 's', keep)
    if (version > 3) equal(sub.connack.sessionPresent, true, 'Session Present')
    for (let i = 0; i < 30; i++) await sub.take(`${i}`)
  })

  await test(`${of}: retained`, async id => {
    const pub = await enter(version, id + 'p')
    await pub.client.publishAsync(id, 'kept', { qos: 1, retain: true })
    const sub = await enter(version, id + 's')
    await sub.client.subscribeAsync(id, { qos: 1 })
    equal((await sub.take('kept')).packet.retain, true, 'RETAIN')
    await pub.client.publishAsync(id, '', { qos: 1, retain: true })
    equal((await sub.take('')).packet.retain, false, 'RETAIN of a live one')
  })

  await test(`${of}: will`, async id => {
    const watch = await enter(version, id + 'w')
    await watch.client.subscribeAsync(id, { qos: 2 })
    const p = await enter(version, id, { will: { topic: id, payload: Buffer.from('gone'), qos: 2, retain: false } })
    p.client.stream.destroy()
    equal((await watch.take('gone')).packet.qos, 2, 'QoS')
  })
}

await test('5.0: properties', async id => {
  const sub = await enter(5, id + 's')
  const pub = await enter(5, id + 'p')
  await sub.client.subscribeAsync(id, { qos: 2, properties: { subscriptionIdentifier: 300 } })
  const properties = {
    payloadFormatIndicator: true, contentType: 'text', responseTopic: 'r/t', correlationData: Buffer.from([0, 255]),
    userProperties: { b: ['1', '2'], a: '3' }, messageExpiryInterval: 100,
  }
  await pub.client.publishAsync(id, 'x', { qos: 2, properties })
  const got = (await sub.take('x')).packet.properties
  equal(got.subscriptionIdentifier, 300, 'Subscription Identifier')
  equal([got.contentType, got.responseTopic, got.payloadFormatIndicator], ['text', 'r/t', true], 'properties')
  equal(got.correlationData.toString('hex'), '00ff', 'Correlation Data')
  equal([got.userProperties.a, got.userProperties.b], ['3', ['1', '2']], 'User Properties')
})

await test('5.0: aliases both ways', async id => {
  const sub = await enter(5, id + 's', { properties: { topicAliasMaximum: 10 } })
  const pub = await enter(5, id + 'p', { autoAssignTopicAlias: true })
  await sub.client.subscribeAsync(id + '/#', { qos: 1 })
  for (let i = 0; i < 20; i++) {
    await pub.client.publishAsync(`${id}/${i % 3}`, `${i}`, { qos: i % 2 })
    equal((await sub.take(`${i}`)).topic, `${id}/${i % 3}`, 'Topic Name')
  }
})

await test('5.0: taken over', async id => {
  const old = await enter(5, id)
  const told = new Promise((resolve, reject) => {
    old.client.on('disconnect', p => resolve(p.reasonCode))
    setTimeout(() => reject(new Error('not told')), patience).unref()
  })
  await enter(5, id)
  equal(await told, 0x8E, 'Reason Code')
})

await test('5.0: assigned Client Identifier', async () => {
  const p = await enter(5, '')
  if (!p.connack.properties.assignedClientIdentifier) throw new Error('none')
})

process.exit(failed ? 1 : 0)
