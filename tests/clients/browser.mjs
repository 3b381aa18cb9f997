// What a page in a browser does with mqtt.js: read a topic over WebSocket, set it, wait for answer and new value.
// Arguments: url, topic, payload. Writes one JSON object.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.NODE_MODULES}/`);
const mqtt = require("mqtt");
const [url, topic, payload] = process.argv.slice(2);
const seen = { before: null, answer: null, after: null };

const client = mqtt.connect(url, { protocolVersion: 5, connectTimeout: 5000 });
client.on("connect", () => client.subscribe([topic, "answers/browser"], { qos: 1 }));
client.on("error", (error) => { console.error(error); process.exit(1); });
client.on("message", (from, message) => {
  if (from === "answers/browser") seen.answer = JSON.parse(message);
  else if (seen.before === null) {
    seen.before = message.toString();
    client.publish(`${topic}/set`, payload, { qos: 1, properties: { responseTopic: "answers/browser" } });
  } else seen.after = message.toString();
  if (seen.answer !== null && seen.after !== null) {
    console.log(JSON.stringify(seen));
    client.end();
  }
});
