// Texts in English and German; german.js, with titles and meanings, is made from bridge/entities/german*.py.

import { GERMAN } from "./german.js";

const TEXTS = {
  overview: ["Overview", "Übersicht"], topics: ["Topics", "Topics"], commands: ["Commands", "Befehle"], log: ["Log", "Protokoll"],
  exports: ["Exports", "Exporte"], language: ["Language", "Sprache"], theme: ["Colours", "Farben"], auto: ["as the system", "wie das System"],
  light: ["light", "hell"], dark: ["dark", "dunkel"], skip: ["Skip to content", "Zum Inhalt"], pages: ["Pages", "Seiten"],
  lost: ["No connection to the bridge: values may be old.", "Keine Verbindung zur Bridge: Werte können alt sein."],
  evcc: ["evcc", "evcc"], push: ["Push", "Push"], broker: ["Broker", "Broker"], on: ["on", "an"], off: ["off", "aus"], yes: ["yes", "ja"], no: ["no", "nein"],
  connected: ["connected", "verbunden"], disconnected: ["not connected", "nicht verbunden"],
  online: ["online", "online"], starting: ["starting", "startet"], stale: ["stale", "veraltet"], unreachable: ["unreachable", "nicht erreichbar"],
  invalid: ["no evcc answers", "kein evcc antwortet"], fatal: ["configuration error", "Konfigurationsfehler"], stopped: ["not running", "läuft nicht"], since: ["since {}", "seit {}"],
  grid: ["Grid", "Netz"], pv: ["Solar", "Solar"], battery: ["Battery", "Batterie"], home: ["Home", "Haus"], charging: ["Charging", "Laden"],
  picture: ["Energy in the house", "Energie im Haus"], loadpoints: ["Loadpoints", "Ladepunkte"], loadpoint: ["Loadpoint {}", "Ladepunkt {}"],
  mode: ["Mode", "Modus"], vehicle: ["Vehicle", "Fahrzeug"], power: ["Power", "Leistung"], charge: ["Charge", "Ladestand"], limit: ["limit", "Limit"],
  novehicle: ["none", "keins"], plan: ["Plan", "Plan"], isCharging: ["charging", "lädt"], isConnected: ["connected", "verbunden"], isFree: ["free", "frei"],
  nodata: ["evcc has not answered yet.", "evcc hat noch nicht geantwortet."], search: ["Search topics", "Topics durchsuchen"],
  settableOnly: ["settable only", "nur setzbare"], noAliases: ["without aliases", "ohne Aliase"], count: ["{} of {} topics", "{} von {} Topics"], list: ["Topics", "Topics"],
  settable: ["settable", "setzbar"], alias: ["alias", "Alias"], aliasOf: ["Alias of", "Alias von"], close: ["Close", "Schließen"], copy: ["Copy", "Kopieren"], copyTopic: ["Copy topic", "Topic kopieren"],
  copied: ["copied", "kopiert"], value: ["Value", "Wert"], changed: ["Changed", "Geändert"], ago: ["{} ago", "vor {}"], now: ["now", "jetzt"], snippet: ["Snippet for", "Schnipsel für"],
  set: ["Set", "Setzen"], clear: ["Clear", "Löschen"], newValue: ["New value", "Neuer Wert"], setBy: ["Set by", "Setzen über"], sending: ["sending …", "wird gesendet …"], run: ["Run", "Ausführen"],
  readOnly: ["To set it here, web.write must be true.", "Zum Setzen auf dieser Seite muss web.write true sein."], details: ["Details", "Einzelheiten"],
  borrowed: ["Borrowed settings", "Geliehene Einstellungen"], until: ["until {}", "bis {}"], then: ["then {}", "dann {}"], thenCleared: ["then cleared", "dann gelöscht"],
  filter: ["Filter", "Filter"], status: ["Status", "Status"], all: ["all", "alle"], time: ["Time", "Zeit"], topic: ["Topic", "Topic"], payload: ["Payload", "Inhalt"], answer: ["Answer", "Antwort"], call: ["Call", "Aufruf"],
  nothing: ["No commands yet.", "Noch keine Befehle."], noLines: ["No lines.", "Keine Zeilen."], level: ["Level", "Stufe"], origin: ["From", "Von"], lease: ["given back", "zurückgegeben"],
  ok: ["ok", "ok"], refused: ["refused", "abgelehnt"], failed: ["failed", "fehlgeschlagen"], superseded: ["superseded", "überholt"],
  exportsHint: ["Files made for this house; how to use them is in the documentation.", "Für dieses Haus erzeugte Dateien; die Dokumentation beschreibt ihre Verwendung."],
  nofiles: ["There are files once evcc has answered.", "Dateien gibt es, sobald evcc geantwortet hat."], logout: ["Log out", "Abmelden"], settings: ["Settings", "Einstellungen"], mean: ["Meaning", "Bedeutung"],
};
const LANGUAGES = ["en", "de"];

export let language = localStorage.getItem("language") ?? (navigator.language.startsWith("de") ? "de" : "en");
if (!LANGUAGES.includes(language)) language = "en";

export function setLanguage(chosen) {
  localStorage.setItem("language", chosen);
  location.reload();
}

export function t(key, ...values) {
  const text = TEXTS[key]?.[LANGUAGES.indexOf(language)] ?? key;
  let position = 0;
  return text.replace(/{}/g, () => values[position++]);
}

// a title or a meaning
export function inLanguage(english) {
  if (language === "en" || !english) return english;
  if (GERMAN[english]) return GERMAN[english];
  for (const [pattern, text] of PATTERNS) {
    const found = pattern.exec(english);
    if (found) return text.replace("{}", () => GERMAN[found[1]] ?? found[1]);
  }
  return english;
}

// what a setting takes
export function takes(english) {
  return language === "en" ? english : TAKES.reduce((text, [one, other]) => text.replace(one, other), english);
}

const TAKES = [
  [/^on or off$/, "an oder aus"], [/^seconds, or like /, "Sekunden, oder wie "], [/^a time like /, "eine Zeit wie "], [/^anything$/, "irgendetwas"],
  [/^name or title of a vehicle$/, "Name oder Titel eines Fahrzeugs"], [/^a word/, "ein Wort"], [/^JSON like /, "JSON wie "], [/^number in /, "Zahl in "],
  [/^any number/, "jede Zahl"], [/^([-.\d]+) to /, "$1 bis "], [/^([-.\d]+) or more/, "$1 oder mehr"], [/, whole$/, ", ganz"], [/ or (?=\S+$)/, " oder "],
];
const PATTERNS = Object.entries(GERMAN).filter(([english]) => english.includes("{}"))
  .map(([english, german]) => [new RegExp(`^${english.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace("{}", "(.+)")}$`), german]);
