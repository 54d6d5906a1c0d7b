"use strict";
// What the pages' scripts share: elements, numbers as text, colours, hints, ticks. Each page has an element #tip.
const at = id => document.getElementById(id);
const el = (tag, attributes, ...children) => {
  const e = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) e[key] = value;
    else if (value !== undefined && value !== false) e.setAttribute(key, value);
  }
  e.append(...children.filter(c => c !== undefined && c !== null));
  return e;
};
const svg = (tag, attributes, text) => {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  if (text !== undefined) e.textContent = text;
  return e;
};
const small = text => el("small", {}, text);
const number = x => x === "inf" ? Infinity : x === "-inf" ? -Infinity : x === null || x === undefined ? NaN : x;
const fixed = (x, digits) => Number.isNaN(x) ? "–" : !Number.isFinite(x) ? (x > 0 ? "∞" : "−∞") : x.toFixed(digits).replace("-", "−");
const signed = (x, digits) => (x > 0 ? "+" : "") + fixed(Math.abs(x) < 0.5 * 10 ** -digits ? 0 : x, digits);
// Ten colours that are told apart by people who see fewer, then hues as far from each other as they go.
const palette = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#7d5ab5", "#8c564b", "#6b7785", "#e0439a"];
const colourOf = i => palette[i] || `hsl(${(i * 137.5) % 360} 60% 50%)`;
const tip = at("tip");
const hover = (node, text) => {
  node.addEventListener("mousemove", e => { tip.textContent = text; tip.hidden = false;
    tip.style.left = Math.min(e.clientX + 12, innerWidth - tip.offsetWidth - 8) + "px"; tip.style.top = e.clientY + 14 + "px"; });
  node.addEventListener("mouseleave", () => { tip.hidden = true; });
  node.append(svg("title", {}, text));
};
function ticksOf(low, high) {
  const raw = (high - low) / 5, power = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 5, 10].map(f => f * power).find(s => s >= raw);
  const list = [];
  for (let k = Math.ceil(low / step); k * step <= high + step * 1e-9; ++k) list.push(k * step);
  return {list, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9))};
}
