// A small broker that reads MQTT as other brokers do: readings.js emqx|iobroker PORT DIRECTORY
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { generate, parser } from 'mqtt-packet'

const READINGS = {
  // No Local withholds stored messages of one's own client id too; overlapping subscriptions deliver once each
  emqx: { versions: [4, 5], withholdsOwnStored: true },
  // Every message is kept, and sent without the retain flag after every SUBACK
  iobroker: { versions: [4], keepsAll: true, storedWithoutFlag: true }
}
const TAKEN_OVER = 0x8e
const UNACCEPTABLE_VERSION = 1

const [name, port, directory] = process.argv.slice(2)
const reading = READINGS[name]
const file = join(directory, 'store.json')
const clients = new Map()
const store = load()

function load () {
  try {
    const rows = JSON.parse(readFileSync(file, 'utf8'))
    return new Map(rows.map(one => [one.topic, { ...one, payload: Buffer.from(one.payload, 'base64') }]))
  } catch {
    return new Map()
  }
}

function save () {
  const rows = [...store.values()].map(({ topic, payload, qos, origin }) => ({ topic, payload: payload.toString('base64'), qos, origin }))
  writeFileSync(file, JSON.stringify(rows))
}

function matches (filter, topic) {
  const pattern = filter.split('/')
  const levels = topic.split('/')
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false
  for (let index = 0; index < pattern.length; index++) {
    if (pattern[index] === '#') return true
    if (index >= levels.length || (pattern[index] !== '+' && pattern[index] !== levels[index])) return false
  }
  return pattern.length === levels.length
}

function publish (message) {
  if (message.retain || reading.keepsAll) {
    if (message.payload.length) store.set(message.topic, message)
    else store.delete(message.topic)
  }
  for (const client of clients.values()) client.deliver(message)
}

class Client {
  constructor (socket) {
    this.socket = socket
    this.subscriptions = new Map()
    this.packetId = 0
    this.parser = parser()
    this.parser.on('packet', packet => this[packet.cmd]?.(packet))
    this.parser.on('error', () => socket.destroy())
    socket.setNoDelay(true)
    socket.on('data', data => this.parser.parse(data))
    socket.on('error', () => {})
    socket.on('close', () => this.leave())
  }

  send (packet) {
    if (!this.socket.destroyed) this.socket.write(generate(packet, { protocolVersion: this.version }))
  }

  connect (packet) {
    this.version = packet.protocolVersion
    if (!reading.versions.includes(this.version)) {
      this.version = 4
      this.send({ cmd: 'connack', returnCode: UNACCEPTABLE_VERSION, sessionPresent: false })
      this.socket.end()
      return
    }
    this.parser.settings.protocolVersion = this.version
    this.id = packet.clientId || `anonymous-${Math.random()}`
    this.will = packet.will
    clients.get(this.id)?.takenOver()
    clients.set(this.id, this)
    this.send({ cmd: 'connack', returnCode: 0, reasonCode: 0, sessionPresent: false })
  }

  takenOver () {
    if (this.version === 5) this.send({ cmd: 'disconnect', reasonCode: TAKEN_OVER })
    this.leave()
    this.socket.end()
  }

  leave () {
    if (clients.get(this.id) === this) clients.delete(this.id)
    if (this.will) publish({ ...this.will, origin: this.id })
    this.will = undefined
  }

  disconnect (packet) {
    if (!packet.reasonCode) this.will = undefined
    this.socket.end()
  }

  pingreq () {
    this.send({ cmd: 'pingresp' })
  }

  subscribe (packet) {
    this.send({ cmd: 'suback', messageId: packet.messageId, granted: packet.subscriptions.map(one => Math.min(one.qos, 1)) })
    for (const one of packet.subscriptions) {
      const known = this.subscriptions.has(one.topic)
      this.subscriptions.set(one.topic, { ...one, identifier: packet.properties?.subscriptionIdentifier })
      if (one.rh !== 2 && !(one.rh === 1 && known)) this.replay(this.subscriptions.get(one.topic))
    }
  }

  replay (subscription) {
    for (const message of store.values()) {
      const own = subscription.nl && message.origin === this.id
      if (matches(subscription.topic, message.topic) && !(own && reading.withholdsOwnStored)) {
        this.forward(message, subscription, !reading.storedWithoutFlag)
      }
    }
  }

  unsubscribe (packet) {
    for (const topic of packet.unsubscriptions) this.subscriptions.delete(topic)
    this.send({ cmd: 'unsuback', messageId: packet.messageId, granted: packet.unsubscriptions.map(() => 0) })
  }

  publish (packet) {
    if (packet.qos === 1) this.send({ cmd: 'puback', messageId: packet.messageId })
    if (packet.qos === 2) this.send({ cmd: 'pubrec', messageId: packet.messageId })
    publish({ ...packet, origin: this.id })
  }

  pubrel (packet) {
    this.send({ cmd: 'pubcomp', messageId: packet.messageId })
  }

  deliver (message) {
    for (const subscription of this.subscriptions.values()) {
      const own = subscription.nl && message.origin === this.id
      if (matches(subscription.topic, message.topic) && !own) {
        this.forward(message, subscription, message.retain && subscription.rap)
      }
    }
  }

  forward ({ topic, payload, qos, properties = {} }, subscription, retain) {
    const { responseTopic, correlationData, userProperties, messageExpiryInterval, contentType } = properties
    const kept = { responseTopic, correlationData, userProperties, messageExpiryInterval, contentType }
    const given = Object.entries({ ...kept, subscriptionIdentifier: subscription.identifier }).filter(([, value]) => value != null)
    const messageId = this.packetId = this.packetId % 65_535 + 1
    this.send({
      cmd: 'publish', topic, payload, retain: Boolean(retain), dup: false, qos: Math.min(qos, subscription.qos, 1), messageId,
      ...(this.version === 5 && { properties: Object.fromEntries(given) })
    })
  }
}

createServer(socket => new Client(socket)).listen(Number(port), '127.0.0.1', () => console.log('ready'))

process.on('SIGTERM', () => {
  save()
  process.exit(0)
})
