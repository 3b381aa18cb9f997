// Ready lines for other programs: read a topic, and set it where it can be set.

const MAKERS = { mosquitto, "Node-RED": nodeRed, openHAB: openhab, "Home Assistant": homeAssistant, Python: python };

export const PROGRAMS = Object.keys(MAKERS);

export function snippet(program, topic, row, broker, entry) {
  const [, host, port] = /^(.*?)(?::(\d+))?$/.exec(broker);
  const example = entry ? exampleOf(entry, row.value) : "";
  return MAKERS[program]({ topic, row, host, port: port ?? "1883", entry, example, name: topic.split("/").slice(1).join(" ") });
}

function exampleOf(entry, current) {
  if (entry.kind === "plan" || entry.kind === "json") return entry.example ?? '{"value":80,"time":"07:00"}';
  return current || String(entry.options?.[0] ?? entry.min ?? "true");
}

const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function mosquitto({ topic, row, host, port, example }) {
  const at = `-h ${host} -p ${port}`;
  const read = `mosquitto_sub ${at} -v -t ${shell(topic)}`;
  return row.set ? `${read}\nmosquitto_pub ${at} -t ${shell(row.set)} -m ${shell(example)}\nmosquitto_sub ${at} -t ${shell(`${row.set.slice(0, -4)}/result`)}` : read;
}

function nodeRed({ topic, row, host, port, name }) {
  const flow = [
    { id: "e1", type: "mqtt-broker", name: "evcc", broker: host, port, protocolVersion: "5" },
    { id: "e2", type: "mqtt in", name, topic, qos: "1", datatype: "auto-detect", broker: "e1", x: 140, y: 60, wires: [["e3"]] },
    { id: "e3", type: "debug", name, x: 360, y: 60, wires: [] },
  ];
  if (row.set) flow.push({ id: "e4", type: "mqtt out", name: `set ${name}`, topic: row.set, qos: "1", retain: "false", broker: "e1", x: 140, y: 120, wires: [] });
  return JSON.stringify(flow, null, 1);
}

function openhab({ topic, row }) {
  const kinds = { number: ["number", "Number"], flag: ["switch", "Switch"], moment: ["string", "String"] };
  const [channel, item] = kinds[row.kind] ?? ["string", "String"];
  const id = topic.replace(/[^A-Za-z0-9]+/g, "_");
  const more = [
    channel === "switch" ? 'on="true", off="false"' : "",
    channel === "number" && row.unit ? `unit="${row.unit}"` : "",
    row.set ? `commandTopic="${row.set}", formatBeforePublish="%s"` : "",
  ].filter(Boolean).map((text) => `, ${text}`).join("");
  return `// things\nType ${channel} : ${id} [ stateTopic="${topic}"${more} ]\n// items\n${item} ${id} "${row.title || id}" { channel="mqtt:topic:broker:evcc:${id}" }`;
}

function homeAssistant({ topic, row, entry }) {
  const root = topic.split("/")[0];
  const quote = (text) => JSON.stringify(text);
  const lines = [`name: ${quote(row.title || topic)}`, `state_topic: ${quote(topic)}`, `availability_topic: ${quote(`${root}/status`)}`];
  let platform = "sensor";
  if (row.kind === "flag") platform = row.set ? "switch" : "binary_sensor";
  else if (row.set && entry?.kind === "number") platform = "number";
  else if (row.set && entry?.options?.length) platform = "select";
  if (row.kind === "flag") lines.push('payload_on: "true"', 'payload_off: "false"');
  else if (row.unit) lines.push(`unit_of_measurement: ${quote(row.unit)}`);
  if (platform === "number") for (const key of ["min", "max", "step"]) if (key in entry) lines.push(`${key}: ${entry[key]}`);
  if (platform === "select") lines.push(`options: ${JSON.stringify(entry.options.map(String))}`);
  if (["switch", "number", "select"].includes(platform)) lines.push(`command_topic: ${quote(row.set)}`);
  return `mqtt:\n  - ${platform}:\n${lines.map((line) => `      ${line}`).join("\n")}`;
}

function python({ topic, row, host, port, example }) {
  const publish = row.set ? `\n        await client.publish(${JSON.stringify(row.set)}, ${JSON.stringify(example)})` : "";
  return `import asyncio\nimport aiomqtt\n\nasync def main():\n    async with aiomqtt.Client(${JSON.stringify(host)}, ${port}) as client:${publish}
        await client.subscribe(${JSON.stringify(topic)})\n        async for message in client.messages:\n            print(message.topic, message.payload.decode())\n\nasyncio.run(main())`;
}
