// What the bridge sends, kept here; views are called when something of theirs has changed.

export const store = { hello: null, topics: new Map(), health: {}, journal: [], log: [], connected: false, shape: 0, commands: {} };

const MOST_ENTRIES = 200;
const MOST_LINES = 500;
const listeners = new Set();
const pending = new Map();
let first = true;

// `listener(kind, changes)`: kind is hello, topics, health, journal, log, connected or time; at most once a frame
export function listen(listener) {
  listeners.add(listener);
}

export function notify(kind, changes = []) {
  if (pending.size === 0) schedule(flush);
  const waiting = pending.get(kind) ?? new Set();
  for (const change of changes) waiting.add(change);
  pending.set(kind, waiting);
}

function schedule(task) {
  if (document.hidden) setTimeout(task, 200);
  else requestAnimationFrame(task);
}

function flush() {
  const batch = [...pending];
  pending.clear();
  for (const [kind, changes] of batch) for (const listener of listeners) listener(kind, changes);
}

export function connect() {
  const source = new EventSource("api/stream");
  const on = (name, take) => source.addEventListener(name, (event) => take(JSON.parse(event.data)));
  source.onopen = () => setConnected(true);
  source.onerror = () => {
    setConnected(false);
    if (source.readyState === EventSource.CLOSED) setTimeout(reconnect, 3000);
  };
  on("hello", takeHello);
  on("topics", takeTopics);
  on("health", (health) => { store.health = health; notify("health"); });
  on("journal", takeJournal);
  on("log", takeLog);
  setInterval(() => notify("time"), 1000);
}

// the login may have ended, or too many pages are open
async function reconnect() {
  const answer = await fetch("api/health").catch(() => null);
  if (answer) location.reload();
  else setTimeout(reconnect, 3000);
}

function setConnected(connected) {
  store.connected = connected;
  notify("connected");
}

function takeHello(hello) {
  const restarted = store.hello && store.hello.version !== hello.version;
  if (restarted) location.reload(); // the page of another version
  store.hello = hello;
  store.journal = [];
  store.log = [];
  first = true;
  notify("hello");
}

function takeTopics(rows) {
  if (first) {
    for (const topic of store.topics.keys()) if (!(topic in rows)) remove(topic);
  }
  for (const [topic, row] of Object.entries(rows)) {
    if (row === null) remove(topic);
    else put(topic, row);
  }
  first = false;
  notify("topics", Object.keys(rows));
}

function put(topic, row) {
  const known = store.topics.get(topic);
  row.flash = !first && known && known.value !== row.value ? performance.now() : known?.flash ?? -1e9;
  row.text = `${topic} ${row.title}`.toLowerCase();
  if (!known) store.shape += 1;
  store.topics.set(topic, row);
  if (topic.endsWith("/bridge/commands")) takeCommands(topic.slice(0, -"/bridge/commands".length), row.value);
}

function remove(topic) {
  if (store.topics.delete(topic)) store.shape += 1;
}

function takeCommands(root, text) {
  try {
    store.commands[root] = new Map(JSON.parse(text).map((entry) => [`${root}/${entry.topic}`, entry]));
  } catch {
    store.commands[root] = new Map();
  }
  notify("commands");
}

function takeJournal(entries) {
  store.journal = [...store.journal, ...entries].slice(-MOST_ENTRIES);
  notify("journal");
}

function takeLog(lines) {
  store.log = [...store.log, ...lines].slice(-MOST_LINES);
  notify("log");
}

export function value(topic) {
  return store.topics.get(topic)?.value;
}

export function number(topic) {
  const text = value(topic);
  return text === undefined || text === "" || Number.isNaN(Number(text)) ? null : Number(text);
}

// the condition of the site that a topic is of; one root may be below another
export function siteOf(topic) {
  const sites = Object.values(store.health).filter(({ root }) => topic.startsWith(`${root}/`));
  return sites.sort((one, other) => other.root.length - one.root.length)[0];
}

// the address of a topic in the list; a topic may have a % in it
export function link(topic) {
  return `#topics:${encodeURIComponent(topic)}`;
}

// the borrowed settings of a site: the entries of bridge/leases
export function leases(root) {
  try {
    return JSON.parse(value(`${root}/bridge/leases`) ?? "[]");
  } catch {
    return [];
  }
}

// the entry of bridge/commands for a set-topic
export function setting(setTopic) {
  for (const entries of Object.values(store.commands)) if (entries.has(setTopic)) return entries.get(setTopic);
  return null;
}

export async function send(topic, text) {
  try {
    const answer = await fetch("api/set", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ topic, value: text }),
    });
    const found = await answer.json();
    return answer.ok ? found : { status: "refused", error: found.error };
  } catch (error) {
    return { status: "failed", error: String(error.message ?? error) };
  }
}
