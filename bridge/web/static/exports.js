// The generated files of other programs, to download.

import { h, replace } from "./dom.js";
import { bytes } from "./format.js";
import { t } from "./i18n.js";
import { store } from "./store.js";

const NAMES = { openhab: "openHAB", nodered: "Node-RED", homeassistant: "Home Assistant" };

export class Exports {
  constructor(main) {
    this.main = main;
    this.load();
  }

  update(kind) {
    if (kind === "hello") this.load();
  }

  async load() {
    const sites = store.hello?.sites ?? [];
    const found = await Promise.all(sites.map(async (site) => [site, await (await fetch(`api/exports?site=${encodeURIComponent(site)}`)).json()]));
    replace(this.main, h("p", {}, t("exportsHint")), found.map(([site, targets]) => h("section", { "aria-label": site }, sites.length > 1 && h("h2", {}, site), cards(site, targets))));
  }
}

function cards(site, targets) {
  return h("div", { class: "exports" }, Object.entries(targets).map(([target, files]) => h("div", { class: "card" }, h("h2", {}, NAMES[target] ?? target),
    Object.keys(files).length ? h("ul", {}, Object.entries(files).map(([path, size]) => h("li", {}, link(site, target, path), ` (${bytes(size)})`))) : h("p", { class: "faint" }, t("nofiles")))));
}

function link(site, target, path) {
  const address = `api/exports/${target}/${path.split("/").map(encodeURIComponent).join("/")}?site=${encodeURIComponent(site)}`;
  return h("a", { href: address, download: path.split("/").at(-1) }, path);
}
