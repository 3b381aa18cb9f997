// The house in one picture: grid, solar, battery, home, loadpoints with their vehicles; the three connections.

import { control } from "./controls.js";
import { h, replace, svg, update } from "./dom.js";
import { amount, clock, lease, moment, watts } from "./format.js";
import { t } from "./i18n.js";
import { leases, link, number, store, value } from "./store.js";

// where each node is, its icon on a field of 24 x 24, and which way its power flows when it is positive
const NODES = {
  pv: { x: 170, y: 44, into: true, icon: "M12 8a4 4 0 1 0 0 8a4 4 0 1 0 0-8M12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M19 5l-2 2M7 17l-2 2" },
  grid: { x: 50, y: 150, into: true, icon: "M8 22 12 2l4 20M6 8h12M5 13h14M9 16l6 6M15 16l-6 6" },
  battery: { x: 290, y: 150, into: true, icon: "M6 6h12v16H6zM10 6V3h4v3M9 18h6M9 14h6" },
  home: { x: 104, y: 262, into: false, icon: "M3 12 12 3l9 9M6 10v11h12V10" },
  charging: { x: 236, y: 262, into: false, icon: "M9 2v6M15 2v6M6 8h12v4a6 6 0 0 1-12 0zM12 18v4" },
};
const CENTER = { x: 170, y: 150 };
const NOTHING = 10; // watts

export class Overview {
  constructor(main) {
    this.main = main;
    this.sites = new Map();
    this.build();
  }

  build() {
    this.sites = new Map(Object.entries(store.health).map(([name, site]) => [name, new House(name, site.root)]));
    replace(this.main, store.hello ? [...this.sites.values()].map((house) => house.element) : h("p", {}, "…"));
    this.draw();
  }

  update(kind) {
    if (kind === "health" && Object.keys(store.health).join() !== [...this.sites.keys()].join()) this.build();
    else if (kind !== "log" && kind !== "journal") this.draw();
  }

  draw() {
    for (const house of this.sites.values()) house.draw();
  }
}

class House {
  constructor(name, root) {
    this.name = name;
    this.root = root;
    this.nodes = {};
    this.points = new Map();
    this.links = h("div", { class: "links" });
    this.linked = {};
    for (const link of ["evcc", "push", "broker"]) {
      const word = h("strong");
      const since = h("span", { class: "faint small" });
      this.linked[link] = { word, since };
      this.links.append(h("div", { class: "card" }, h("div", { class: "faint small" }, t(link)), h("div", {}, word), since));
    }
    this.heading = h("h2", {}, name);
    this.borrowed = h("section", { class: "card borrowed", "aria-label": t("borrowed"), hidden: true });
    this.empty = h("p", { class: "faint" }, t("nodata"));
    this.list = h("section", { class: "points", "aria-label": t("loadpoints") });
    this.element = h("section", { class: "house", "aria-label": name },
      h("div", {}, this.heading, h("div", { class: "card picture" }, this.picture()), this.links, this.borrowed), h("div", {}, this.empty, this.list));
  }

  picture() {
    const lines = [];
    const circles = [];
    for (const [name, { x, y, icon }] of Object.entries(NODES)) {
      const tone = `var(--${name === "charging" ? "charge" : name})`;
      const line = svg("line", { x1: x, y1: y, x2: CENTER.x, y2: CENTER.y, class: "flow" });
      line.style.setProperty("--tone", tone);
      const text = svg("text", { x, y: y + 22, class: "value" });
      const circle = svg("circle", { cx: x, cy: y, r: 40 });
      const path = svg("path", { d: icon, transform: `translate(${x - 11} ${y - 30}) scale(.9)` });
      circle.style.stroke = path.style.stroke = tone;
      const extra = svg("text", { x, y: y + 56, class: "name" });
      lines.push(line);
      circles.push(svg("g", {}, circle, path, svg("text", { x, y: y + 6, class: "name" }, t(name)), text, extra));
      this.nodes[name] = { line, text, extra };
    }
    this.svg = svg("svg", { viewBox: "0 0 340 326", role: "img" }, lines, svg("circle", { cx: CENTER.x, cy: CENTER.y, r: 5 }), circles);
    return this.svg;
  }

  topic(...names) {
    return names.map((name) => number(`${this.root}/site/${name}`)).find((found) => found !== null) ?? null;
  }

  draw() {
    const count = number(`${this.root}/loadpoints`) ?? 0;
    const charging = Array.from({ length: count }, (_, index) => number(`${this.root}/loadpoints/${index + 1}/chargePower`) ?? 0);
    const soc = this.topic("battery/soc", "batterySoc");
    this.node("pv", this.topic("pvPower"));
    this.node("grid", this.topic("grid/power", "gridPower"));
    this.node("battery", this.topic("battery/power", "batteryPower"), soc === null ? "" : `${amount(soc, 0)} %`);
    this.node("home", this.topic("homePower"));
    this.node("charging", count ? charging.reduce((sum, power) => sum + power, 0) : null);
    const summary = Object.keys(NODES).map((name) => `${t(name)} ${this.nodes[name].text.textContent}`);
    const label = `${t("picture")}: ${summary.join(", ")}`;
    if (this.svg.getAttribute("aria-label") !== label) this.svg.setAttribute("aria-label", label);
    update(this.heading, value(`${this.root}/site/siteTitle`) || this.name);
    this.empty.hidden = count > 0;
    this.drawPoints(count);
    this.drawLinks();
    this.drawBorrowed();
  }

  node(name, power, extra = "") {
    const { line, text, extra: below } = this.nodes[name];
    update(text, watts(power));
    update(below, extra);
    const on = power !== null && Math.abs(power) > NOTHING;
    line.setAttribute("class", `flow${on ? " on" : ""}${on && power > 0 !== NODES[name].into ? " back" : ""}`);
  }

  drawPoints(count) {
    for (let index = 1; index <= Math.max(count, this.points.size); index += 1) {
      if (index > count) {
        this.points.get(index).element.remove();
        this.points.delete(index);
      } else {
        if (!this.points.has(index)) {
          this.points.set(index, new Loadpoint(`${this.root}/loadpoints/${index}`, index));
          this.list.append(this.points.get(index).element);
        }
        this.points.get(index).draw();
      }
    }
  }

  drawBorrowed() {
    const text = value(`${this.root}/bridge/leases`) ?? "";
    if (text === this.leases) return;
    this.leases = text;
    const rows = leases(this.root).map((each) => h("li", {}, h("a", { href: link(`${this.root}/${each.topic}`) }, h("code", {}, each.topic)), ` ${lease(each)}`));
    this.borrowed.hidden = rows.length === 0;
    replace(this.borrowed, h("h3", {}, t("borrowed")), h("ul", {}, rows));
  }

  drawLinks() {
    const site = store.health[this.name];
    if (!site) return;
    const words = {
      evcc: [t(site.evcc), site.evcc === "online" ? "good" : "bad"],
      push: [t(site.push ? "on" : "off"), site.push ? "good" : "warn"],
      broker: [t(site.broker ? "connected" : "disconnected"), site.broker ? "good" : "bad"],
    };
    for (const [link, [word, tone]] of Object.entries(words)) {
      update(this.linked[link].word, word);
      this.linked[link].word.className = tone;
      update(this.linked[link].since, site.since[link] ? t("since", clock(site.since[link])) : "");
    }
  }
}

class Loadpoint {
  constructor(topic, index) {
    this.topic = topic;
    this.index = index;
    this.title = h("h3");
    this.state = h("span", { class: "small" });
    this.level = h("i");
    this.limit = h("b");
    this.bar = h("div", { class: "bar", role: "img" }, this.level, this.limit);
    this.facts = Object.fromEntries(["power", "vehicle", "charge", "mode", "plan"].map((name) => [name, h("dd")]));
    const rows = Object.entries(this.facts).flatMap(([name, fact]) => [h("dt", {}, t(name)), fact]);
    this.form = h("div");
    this.element = h("article", { class: "card point" }, h("div", { class: "head" }, this.title, this.state), this.bar, h("dl", {}, rows), this.form);
  }

  draw() {
    const of = (key) => value(`${this.topic}/${key}`);
    const soc = number(`${this.topic}/vehicleSoc`) ?? 0;
    const limit = number(`${this.topic}/effectiveLimitSoc`) || number(`${this.topic}/limitSoc`) || 0;
    const there = of("connected") === "true";
    const heating = of("chargerFeatureHeating") === "true";
    const unit = heating ? "°C" : "%";
    const goal = limit && !(heating && limit === 100) ? `, ${t("limit")} ${amount(limit, 0)} ${unit}` : "";
    const charge = there && soc ? `${amount(soc, 0)} ${unit}${goal}` : "–";
    update(this.title, of("title") || t("loadpoint", this.index));
    update(this.state, t(of("charging") === "true" ? "isCharging" : there ? "isConnected" : "isFree"));
    update(this.facts.power, watts(number(`${this.topic}/chargePower`)));
    update(this.facts.vehicle, (there && (of("vehicleTitle") || of("vehicleName"))) || t("novehicle"));
    update(this.facts.charge, charge);
    update(this.facts.mode, of("mode") ?? "–");
    update(this.facts.plan, of("planActive") === "true" || of("effectivePlanTime") ? moment(Number(of("effectivePlanTime") || of("planProjectedEnd") || 0)) : "–");
    this.level.style.width = `${there ? Math.min(Math.max(soc, 0), 100) : 0}%`;
    this.limit.style.left = `${Math.min(limit || 100, 99)}%`;
    this.bar.setAttribute("aria-label", `${t("charge")}: ${charge}`);
    this.drawForm();
  }

  drawForm() {
    const entry = store.hello?.write && store.commands[this.topic.split("/loadpoints/")[0]]?.get(`${this.topic}/mode/set`);
    const key = JSON.stringify(entry || null);
    if (key === this.key) return;
    this.key = key;
    replace(this.form, entry ? control(`${this.topic}/mode/set`, entry, value(`${this.topic}/mode`), t("mode")) : null);
  }
}
