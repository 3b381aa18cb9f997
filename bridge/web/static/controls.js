// A form for one setting, made of its entry in bridge/commands, with the answer below it.

import { h, update } from "./dom.js";
import { takes, t } from "./i18n.js";
import { send } from "./store.js";

const LONG = new Set(["plan", "json"]);

export function control(topic, entry, current = "", label = t("newValue")) {
  const output = h("output", { "aria-live": "polite", class: "small" });
  const submit = async (text) => {
    output.className = "small";
    update(output, t("sending"));
    show(output, await send(topic, text));
  };
  const field = entry.kind === "button" ? null : input(entry, current);
  const unit = entry.unit ? ` (${entry.unit})` : "";
  const form = h("form", { class: "set", onsubmit: (event) => { event.preventDefault(); submit(field ? field.value : "1"); } },
    field && h("label", {}, h("span", { class: "small faint" }, `${label}${unit}`), field),
    h("button", { class: "primary" }, t(field ? "set" : "run")),
    "clear" in entry && h("button", { type: "button", onclick: () => submit(entry.clear) }, t("clear")),
    field && field.tagName !== "SELECT" && h("span", { class: "small faint" }, takes(entry.takes)), output);
  return form;
}

function input(entry, current) {
  const choices = entry.kind === "switch" ? ["true", "false"] : entry.options;
  if (choices?.length) {
    const known = choices.map(String);
    const all = current && !known.includes(current) && entry.kind !== "vehicle" ? [current, ...known] : known;
    return h("select", {}, ...all.map((text) => h("option", { value: text, selected: text === current }, entry.kind === "switch" ? t(text === "true" ? "on" : "off") : text)));
  }
  if (LONG.has(entry.kind)) {
    const area = h("textarea", { required: true, spellcheck: "false" });
    area.value = entry.example ?? (entry.takes.includes("{") ? entry.takes.slice(entry.takes.indexOf("{")) : "");
    return area;
  }
  const field = h("input", { required: true, type: entry.kind === "number" ? "number" : entry.kind === "clock" ? "time" : "text",
    min: entry.min, max: entry.max, step: entry.kind === "number" ? entry.step ?? "any" : null });
  field.value = current;
  return field;
}

function show(output, answer) {
  output.className = answer.status === "ok" ? "small good" : "small bad";
  const words = [t(answer.status), answer.error, answer.call, answer.ms === undefined ? "" : `${answer.ms} ms`];
  update(output, words.filter(Boolean).join(" · "));
}
