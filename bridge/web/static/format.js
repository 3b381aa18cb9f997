// Values and times as people read them.

import { language, t } from "./i18n.js";

const locale = navigator.language.startsWith(language) ? navigator.language : language;
const numbers = new Map();

export function amount(value, digits = 3) {
  if (!numbers.has(digits)) numbers.set(digits, new Intl.NumberFormat(locale, { maximumFractionDigits: digits }));
  return numbers.get(digits).format(value);
}

export function watts(value) {
  if (value === null) return "–";
  const size = Math.abs(value);
  return size >= 1000 ? `${amount(value / 1000, size >= 10000 ? 1 : 2)} kW` : `${amount(value, 0)} W`;
}

export function lease({ value, until, before }) {
  return `${value} ${t("until", clock(until))}, ${before === null ? t("thenCleared") : t("then", before)}`;
}

const moments = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });
const times = new Intl.DateTimeFormat(locale, { timeStyle: "medium" });

export const moment = (seconds) => moments.format(seconds * 1000);
export const clock = (seconds) => (Date.now() / 1000 - seconds < 72000 ? times : moments).format(seconds * 1000);

export function duration(seconds) {
  if (seconds < 1) return t("now");
  if (seconds < 100) return `${Math.floor(seconds)} s`;
  if (seconds < 6000) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

export function shown(row, longest = 200) {
  if (row.kind === "moment" && /^\d{9,11}$/.test(row.value)) return moment(Number(row.value));
  if (row.kind === "flag" && /^(true|false)$/.test(row.value)) return t(row.value === "true" ? "yes" : "no");
  const text = row.kind === "number" && /^-?\d{1,12}(\.\d+)?$/.test(row.value) ? amount(Number(row.value)) : row.value;
  return `${text.length > longest ? `${text.slice(0, longest)} …` : text}${row.unit ? ` ${row.unit}` : ""}`;
}

export function age(row) {
  const seconds = Date.now() / 1000 - row.changed;
  return seconds < 1 ? t("now") : duration(seconds);
}

export function bytes(count) {
  return count < 1000 ? `${count} B` : `${amount(count / 1000, 1)} kB`;
}
