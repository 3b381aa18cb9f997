// The page: header, tabs, and the view that is open.

import { h, replace, update } from "./dom.js";
import { clock } from "./format.js";
import { language, setLanguage, t } from "./i18n.js";
import { connect, listen, store } from "./store.js";
import { Commands } from "./commands.js";
import { Exports } from "./exports.js";
import { Log } from "./log.js";
import { Overview } from "./overview.js";
import { Topics } from "./topics.js";

const VIEWS = { overview: Overview, topics: Topics, commands: Commands, log: Log, exports: Exports };
const main = document.getElementById("main");
let view = null;
let name = "";

function header() {
  const links = Object.keys(VIEWS).map((key) => h("a", { href: `#${key}`, "data-view": key }, t(key)));
  const languages = h("select", { "aria-label": t("language"), onchange: (event) => setLanguage(event.target.value) },
    option("en", "English", language), option("de", "Deutsch", language));
  const theme = localStorage.getItem("theme") ?? "auto";
  const themes = h("select", { "aria-label": t("theme"), onchange: (event) => setTheme(event.target.value) },
    ...["auto", "light", "dark"].map((key) => option(key, t(key), theme)));
  replace(document.getElementById("header"), h("h1", {}, "evcc-bridge"), h("nav", { "aria-label": t("pages") }, links), h("div", { class: "choices" }, languages, themes));
  update(document.getElementById("skip"), t("skip"));
  document.documentElement.lang = language;
  setTheme(theme);
}

function option(value, text, chosen) {
  return h("option", { value, selected: value === chosen }, text);
}

function setTheme(theme) {
  localStorage.setItem("theme", theme);
  document.documentElement.dataset.theme = theme;
}

function route() {
  const [, wanted, rest] = /^([^:]*):?(.*)$/s.exec(decoded(location.hash.slice(1)));
  const chosen = wanted in VIEWS ? wanted : "overview";
  if (chosen !== name) {
    name = chosen;
    main.className = chosen === "overview" || chosen === "exports" ? "" : "fixed";
    replace(main);
    view = new VIEWS[chosen](main);
    for (const link of document.querySelectorAll("[data-view]")) {
      if (link.dataset.view === chosen) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = `${t(chosen)} · evcc-bridge`;
  }
  view.open?.(rest);
}

// a link that somebody typed may have a % that encodes nothing
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function banner() {
  const problems = Object.entries(store.health).filter(([, site]) => site.problem)
    .map(([site, { problem, since }]) => {
      const name = Object.keys(store.health).length > 1 ? `${site}: ` : "";
      return `${name}${problem}${since.problem ? ` (${t("since", clock(since.problem))})` : ""}`;
    });
  if (store.hello && !store.connected) problems.unshift(t("lost"));
  update(document.getElementById("banner"), problems.join(" · "));
}

function keys(event) {
  if (event.target.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  const number = Number(event.key);
  const chosen = Object.keys(VIEWS)[number - 1];
  if (event.key === "/") {
    event.preventDefault();
    location.hash = "topics";
    setTimeout(() => document.querySelector("input[type=search]")?.focus());
  } else if (chosen) location.hash = chosen;
}

header();
route();
addEventListener("hashchange", route);
addEventListener("keydown", keys);
listen((kind, changes) => {
  if (kind === "health" || kind === "connected") banner();
  view.update(kind, changes);
});
connect();
