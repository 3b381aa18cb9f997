// The journal: what was commanded, and what became of it.

import { h, replace } from "./dom.js";
import { clock } from "./format.js";
import { t } from "./i18n.js";
import { store } from "./store.js";

const STATUSES = ["ok", "refused", "failed", "superseded", "stale"];

export class Commands {
  constructor(main) {
    this.search = h("input", { type: "search", "aria-label": t("filter"), placeholder: t("filter"), oninput: () => this.draw() });
    this.status = h("select", { "aria-label": t("status"), onchange: () => this.draw() }, h("option", { value: "" }, t("all")), ...STATUSES.map((status) => h("option", { value: status }, t(status))));
    this.body = h("tbody");
    const heads = ["time", "topic", "payload", "answer", "call", "origin"].map((key) => h("th", { scope: "col" }, t(key)));
    this.empty = h("p", { class: "faint" }, t("nothing"));
    this.table = h("div", { class: "table", tabindex: "0", role: "region", "aria-label": t("commands") }, h("table", {}, h("thead", {}, h("tr", {}, heads)), this.body));
    replace(main, h("div", { class: "tools" }, this.search, this.status), this.empty, this.table);
    this.draw();
  }

  update(kind) {
    if (kind === "journal" || kind === "hello") this.draw();
  }

  draw() {
    const text = this.search.value.toLowerCase();
    const found = store.journal.filter((entry) => (!this.status.value || entry.status === this.status.value)
      && `${entry.topic} ${entry.payload} ${entry.error ?? ""} ${entry.call ?? ""} ${entry.origin ?? ""}`.toLowerCase().includes(text));
    this.empty.hidden = found.length > 0;
    replace(this.body, found.reverse().map(row));
  }
}

function row(entry) {
  const tone = entry.status === "ok" ? "good" : entry.status === "superseded" ? "" : "bad";
  const http = entry.http ? ` (${entry.http})` : "";
  return h("tr", {}, h("td", {}, clock(entry.time)), h("td", { class: "wide" }, h("code", {}, entry.topic)), h("td", { class: "wide" }, h("code", {}, entry.payload)),
    h("td", { class: "wide" }, h("strong", { class: tone }, t(entry.status)), ` ${entry.ms} ms`, entry.error && h("div", { class: "small" }, entry.error)),
    h("td", { class: "wide" }, entry.call && h("code", {}, `${entry.call}${http}`)), h("td", { class: "wide" }, h("code", {}, entry.origin === "lease" ? t("lease") : entry.origin ?? "")));
}
