// The last lines of the log, the newest at the end.

import { h, replace } from "./dom.js";
import { clock } from "./format.js";
import { t } from "./i18n.js";
import { store } from "./store.js";

const LEVELS = ["debug", "info", "warning", "error", "critical"];
const TONES = { warning: "warn", error: "bad", critical: "bad", debug: "faint" };

export class Log {
  constructor(main) {
    this.search = h("input", { type: "search", "aria-label": t("filter"), placeholder: t("filter"), oninput: () => this.draw() });
    this.level = h("select", { "aria-label": t("level"), onchange: () => this.draw() }, ...LEVELS.slice(0, 4).map((level) => h("option", {}, level)));
    this.lines = h("ol", { class: "log mono" });
    this.empty = h("p", { class: "faint" }, t("noLines"));
    this.scroll = h("div", { class: "table", tabindex: "0", role: "region", "aria-label": t("log") }, this.empty, this.lines);
    replace(main, h("div", { class: "tools" }, this.search, this.level), this.scroll);
    this.draw();
    this.scroll.scrollTop = this.scroll.scrollHeight;
  }

  update(kind) {
    if (kind === "log" || kind === "hello") this.draw();
  }

  draw() {
    const atEnd = this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < 40;
    const least = LEVELS.indexOf(this.level.value);
    const words = this.search.value.toLowerCase();
    const found = store.log.filter(([, level, text]) => LEVELS.indexOf(level) >= least && text.toLowerCase().includes(words));
    this.empty.hidden = found.length > 0;
    replace(this.lines, found.map(([time, level, text]) => h("li", {}, h("span", { class: "faint" }, `${clock(time)} `), h("span", { class: TONES[level] ?? "" }, `${level} `), text)));
    if (atEnd) this.scroll.scrollTop = this.scroll.scrollHeight;
  }
}
