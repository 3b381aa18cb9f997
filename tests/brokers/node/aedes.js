// The aedes broker on a port of the loopback interface, with what it stores in a directory: aedes.js PORT DIRECTORY
//
// It has its own persistence in memory, written to a file at the end: with a slower one (level) it emits messages out
// of order, and then drops those that come late as duplicates.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Aedes } from 'aedes'
import createPersistence from 'aedes-persistence'

const [port, directory] = process.argv.slice(2)
const file = join(directory, 'retained.json')
const persistence = createPersistence()
const broker = await Aedes.createBroker({ persistence })
if (existsSync(file)) {
  for (const { payload, ...packet } of JSON.parse(readFileSync(file, 'utf8'))) {
    await new Promise(resolve => broker.publish({ ...packet, payload: Buffer.from(payload, 'base64') }, resolve))
  }
}
createServer(broker.handle).listen(Number(port), '127.0.0.1', () => console.log('ready'))

process.on('SIGTERM', async () => {
  const rows = []
  for await (const { topic, payload, qos } of persistence.createRetainedStream('#')) {
    rows.push({ cmd: 'publish', topic, qos, retain: true, payload: payload.toString('base64') })
  }
  writeFileSync(file, JSON.stringify(rows))
  process.exit(0)
})
