// All topics: search, and a list of which only the visible rows are in the document.

import { control } from "./controls.js";
import { copy, h, replace, update } from "./dom.js";
import { age, lease, moment, shown } from "./format.js";
import { inLanguage, t } from "./i18n.js";
import { PROGRAMS, snippet } from "./snippets.js";
import { leases, link, setting, siteOf, store } from "./store.js";

const HEIGHT = 52; // of a row, as in the style sheet
const MARGIN = 8; // rows beyond the visible ones
const FLASH = 1500; // milliseconds
const SCOPES = ["/site/", "/loadpoints", "/vehicles", "/bridge/"];
const collator = new Intl.Collator("en", { numeric: true });

export class Topics {
  constructor(main) {
    this.shape = -1;
    this.topics = [];
    this.sorted = [];
    this.selected = "";
    this.rows = new Map();
    this.search = h("input", { type: "search", "aria-label": t("search"), placeholder: `${t("search")} ( / )`, oninput: () => this.filter(), onkeydown: (event) => this.fromSearch(event) });
    this.settable = h("input", { type: "checkbox", onchange: () => this.filter() });
    this.originals = h("input", { type: "checkbox", onchange: () => this.filter() });
    this.count = h("span", { class: "faint small", role: "status" });
    this.space = h("div", { class: "rows", role: "presentation" });
    this.list = h("div", { class: "list", role: "listbox", tabindex: "0", "aria-label": t("list"), onscroll: () => this.draw(), onkeydown: (event) => this.keys(event) }, this.space);
    this.detail = h("section", { class: "detail", "aria-label": t("details") });
    replace(main, h("div", { class: "tools" }, this.search, h("label", {}, this.settable, t("settableOnly")), h("label", {}, this.originals, t("noAliases")), this.count),
      h("div", { class: "split" }, this.list, this.detail));
    new ResizeObserver(() => this.draw()).observe(this.list);
    this.update("topics", []);
  }

  open(topic) {
    this.wanted = topic;
    if (topic && store.topics.has(topic)) this.show(topic);
  }

  update(kind, changes) {
    if (kind === "topics" || kind === "hello") {
      if (this.shape !== store.shape) this.sort();
      else this.draw(changes);
      if (this.selected && [...changes].includes(this.selected)) this.drawValue();
    } else if (kind === "time") {
      this.draw();
      if (this.selected) this.drawValue();
    }
    else if (kind === "commands" && this.selected) this.drawDetail();
  }

  show(topic) {
    this.wanted = "";
    this.move(topic);
    this.select(topic);
  }

  sort() {
    this.shape = store.shape;
    this.sorted = [...store.topics.keys()].sort((one, other) => rank(one) - rank(other) || collator.compare(one, other));
    this.filter();
    if (this.wanted && store.topics.has(this.wanted)) this.show(this.wanted);
  }

  filter() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    this.topics = this.sorted.filter((topic) => {
      const row = store.topics.get(topic);
      if (this.settable.checked && !row.set) return false;
      if (this.originals.checked && row.alias_of) return false;
      return words.every((word) => row.text.includes(word) || inLanguage(row.title).toLowerCase().includes(word));
    });
    update(this.count, t("count", this.topics.length, this.sorted.length));
    this.space.style.height = `${Math.max(this.topics.length * HEIGHT, 1)}px`;
    this.draw();
  }

  draw() {
    const first = Math.max(Math.floor(this.list.scrollTop / HEIGHT) - MARGIN, 0);
    const last = Math.min(first + Math.ceil(this.list.clientHeight / HEIGHT) + 2 * MARGIN, this.topics.length);
    const visible = new Map(this.topics.slice(first, last).map((topic, index) => [topic, first + index]));
    for (const [topic, row] of this.rows) {
      if (!visible.has(topic)) {
        row.element.remove();
        this.rows.delete(topic);
      }
    }
    for (const [topic, position] of visible) {
      if (!this.rows.has(topic)) {
        this.rows.set(topic, this.row(topic));
        this.space.append(this.rows.get(topic).element);
      }
      this.drawRow(topic, position);
    }
  }

  row(topic) {
    const parts = { name: h("span"), value: h("span", { class: "value" }), topic: h("span", { class: "mono" }, topic), age: h("span", { class: "age" }) };
    parts.element = h("div", { class: "row", role: "option", onclick: () => this.select(topic) }, parts.name, parts.value, parts.topic, parts.age);
    return parts;
  }

  drawRow(topic, position) {
    const row = store.topics.get(topic);
    const { element, name, value, age: since } = this.rows.get(topic);
    const tags = [row.set && "settable", row.alias_of && "alias"].filter(Boolean);
    const heading = `${inLanguage(row.title) || topic.split("/").at(-1)}|${tags}`;
    if (name.dataset.key !== heading) {
      name.dataset.key = heading;
      replace(name, heading.split("|")[0], tags.map((tag) => h("span", { class: "tag" }, t(tag))));
    }
    update(value, shown(row, 40));
    update(since, age(row));
    element.id = `row-${position}`;
    element.style.top = `${position * HEIGHT}px`;
    element.classList.toggle("flash", performance.now() - row.flash < FLASH);
    element.setAttribute("aria-selected", String(topic === this.selected));
    element.setAttribute("aria-posinset", position + 1);
    element.setAttribute("aria-setsize", this.topics.length);
    if (topic === this.selected) this.list.setAttribute("aria-activedescendant", element.id);
  }

  fromSearch(event) {
    if (event.key === "ArrowDown" && this.topics.length) {
      event.preventDefault();
      this.list.focus();
      this.move(this.topics[0]);
    } else if (event.key === "Enter" && this.topics.length) this.select(this.topics[0]);
  }

  keys(event) {
    const position = this.topics.indexOf(this.selected);
    const page = Math.max(Math.floor(this.list.clientHeight / HEIGHT) - 1, 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps) {
      event.preventDefault();
      this.move(this.topics[Math.min(Math.max(position + steps[event.key], 0), this.topics.length - 1)]);
    } else if (event.key === "Enter" && this.selected) {
      event.preventDefault(); // it would press the button that gets the focus
      this.select(this.selected, true);
    } else if (event.key === "Escape") this.close();
  }

  move(topic) {
    if (!topic) return;
    const top = this.topics.indexOf(topic) * HEIGHT;
    if (top < this.list.scrollTop) this.list.scrollTop = top;
    else if (top + HEIGHT > this.list.scrollTop + this.list.clientHeight) this.list.scrollTop = top + HEIGHT - this.list.clientHeight;
    this.selected = topic;
    this.draw();
    if (this.detail.childElementCount) this.drawDetail();
  }

  select(topic, focus = false) {
    this.selected = topic;
    this.draw();
    this.drawDetail();
    if (focus) this.detail.querySelector("input, select, button")?.focus();
  }

  close() {
    replace(this.detail);
    this.detail.className = "detail";
    this.list.focus();
  }

  drawDetail() {
    const topic = this.selected;
    const row = store.topics.get(topic);
    if (!row) return this.close();
    const entry = row.set && setting(row.set);
    const program = h("select", { "aria-label": t("snippet"), onchange: () => this.drawSnippet() }, ...PROGRAMS.map((name) => h("option", {}, name)));
    program.value = localStorage.getItem("program") ?? PROGRAMS[0];
    if (!program.value) program.value = PROGRAMS[0];
    this.program = program;
    this.code = h("pre", { tabindex: "0", "aria-label": t("snippet") });
    this.valueText = h("pre", { tabindex: "0", "aria-label": t("value") });
    this.changedText = h("p", { class: "faint small" });
    this.leaseText = h("p", { class: "warn small" });
    this.detail.className = "detail card";
    replace(this.detail,
      h("div", { class: "head" }, h("h2", {}, inLanguage(row.title) || topic.split("/").at(-1)), h("button", { onclick: () => this.close() }, t("close"))),
      h("div", { class: "head" }, h("code", {}, topic), copyButton("copyTopic", () => topic)),
      row.meaning && h("p", {}, inLanguage(row.meaning)),
      row.alias_of && h("p", {}, `${t("aliasOf")} `, h("a", { href: link(row.alias_of) }, h("code", {}, row.alias_of))),
      this.valueText, this.leaseText, this.changedText,
      entry && h("p", { class: "small" }, `${t("setBy")} `, h("code", {}, row.set), ` · ${inLanguage(entry.meaning)}`),
      entry && (store.hello.write ? control(row.set, entry, row.value) : h("p", { class: "faint small" }, t("readOnly"))),
      h("div", { class: "head" }, h("label", {}, `${t("snippet")} `, program), copyButton("copy", () => this.code.textContent)), this.code);
    this.detail.onkeydown = (event) => { if (event.key === "Escape") this.close(); };
    this.drawValue();
    this.drawSnippet();
  }

  drawValue() {
    const row = store.topics.get(this.selected);
    if (!row || !this.valueText) return;
    update(this.valueText, shown(row, 20000));
    const site = siteOf(this.selected);
    const found = site && leases(site.root).find(({ topic }) => `${site.root}/${topic}` === this.selected);
    update(this.leaseText, found ? `${t("borrowed")}: ${lease(found)}` : "");
    update(this.changedText, `${t("changed")}: ${moment(row.changed)}`);
  }

  drawSnippet() {
    localStorage.setItem("program", this.program.value);
    const row = store.topics.get(this.selected);
    const site = siteOf(this.selected);
    update(this.code, snippet(this.program.value, this.selected, row, site?.addresses.broker ?? "broker:1883", row.set && setting(row.set)));
  }
}

// evcc's values come first, what is about the bridge last
function rank(topic) {
  const found = SCOPES.findIndex((scope) => topic.includes(scope));
  return found < 0 ? SCOPES.length - 1.5 : found;
}

function copyButton(label, text) {
  const button = h("button", { onclick: async () => { await copy(text()); update(button, t("copied")); setTimeout(() => update(button, t(label)), 1500); } }, t(label));
  return button;
}
