"""The widget of the power flow: one bar of what gives power and one of what takes it, each with its legend."""

COLORS = ["#f2b705", "#1f77b4", "#0a7d2c", "#7f7f7f", "#a347e1", "#e8590c", "#d62728", "#17a2b8", "#8c564b"]

# a Vue component; PARTS is replaced by the topics with their names
POWER_FLOW = """\
<template>
  <div class="evcc-power">
    <div v-for="side in sides" :key="side.name" class="evcc-side">
      <div class="evcc-head"><span>{{ side.name }}</span><b>{{ watts(side.total) }}</b></div>
      <div class="evcc-bar">
        <div v-for="part in side.parts" :key="part.name" :title="part.name"
             :style="{ flexGrow: part.power, background: part.color }"></div>
      </div>
      <ul>
        <li v-for="part in side.parts" :key="part.name">
          <i :style="{ background: part.color }"></i>{{ part.name }} <b>{{ watts(part.power) }}</b>
        </li>
      </ul>
    </div>
  </div>
</template>
<script>
export default {
  computed: {
    sides() {
      const TREE = PARTS;
      const COLORS = { solar: "#f2b705", grid: "#1f77b4", battery: "#0a7d2c", home: "#7f7f7f" };
      const CHARGING = ["#a347e1", "#e8590c", "#d62728", "#17a2b8", "#8c564b"];
      const powers = this.msg?.payload || {}, site = {};
      for (const topic in TREE.names) site[TREE.names[topic]] = powers[topic] || 0;
      const grid = site["grid/power"] || 0, battery = site["battery/power"] || 0;
      const charging = Object.entries(TREE.loadpoints).map(([topic, name], number) =>
        ({ name, power: powers[topic] || 0, color: CHARGING[number % CHARGING.length] }));
      return [
        this.side(TREE.words.In, [
          { name: TREE.words.Solar, power: site.pvPower || 0, color: COLORS.solar },
          { name: TREE.words.Battery, power: battery, color: COLORS.battery },
          { name: TREE.words.Grid, power: grid, color: COLORS.grid },
        ]),
        this.side(TREE.words.Out, [
          { name: TREE.words.Home, power: site.homePower || 0, color: COLORS.home },
          ...charging,
          { name: TREE.words.Battery, power: -battery, color: COLORS.battery },
          { name: TREE.words.Grid, power: -grid, color: COLORS.grid },
        ]),
      ];
    },
  },
  methods: {
    side(name, all) {
      const parts = all.filter((part) => part.power > 0);
      return { name, parts, total: parts.reduce((sum, part) => sum + part.power, 0) };
    },
    watts(power) {
      return power >= 1000 ? `${(power / 1000).toFixed(1)} kW` : `${Math.round(power)} W`;
    },
  },
};
</script>
<style scoped>
.evcc-power { display: flex; flex-direction: column; gap: 16px; }
.evcc-head { display: flex; justify-content: space-between; }
.evcc-bar { display: flex; height: 28px; border-radius: 6px; overflow: hidden; background: #e0e0e8; margin: 4px 0; }
.evcc-bar div { min-width: 2px; }
.evcc-side ul { display: flex; flex-wrap: wrap; gap: 4px 16px; list-style: none; padding: 0; margin: 0; }
.evcc-side i { display: inline-block; width: 10px; height: 10px; border-radius: 50%; margin-right: 6px; }
</style>
"""
