"use strict";
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const names = data.names, runs = data.runs, rows = data.rows, step = 200;
const at = id => document.getElementById(id);
const name = i => names[i] || ("class " + i);
const best = r => r.r && r.r[0].t[0];
rows.forEach((r, i) => {
  r.n = i;
  r.state = r.e ? "broken" : r.c === undefined ? "plain" : r.r[0].k === 0 ? "right" : "wrong";
  r.differs = !!r.r && r.r.some(x => x.t[0][0] !== r.r[0].t[0][0]);
  r.unsure = !r.e && !!best(r) && best(r)[1] < data.unsure;
  r.search = (r.p + " " + (r.e || "") + " " + (r.c === undefined ? "" : name(r.c)) + " " +
    (r.r || []).map(x => name(x.t[0][0])).join(" ")).toLowerCase();
});
const shows = [["all images", () => true]];
if (rows.some(r => r.state === "right" || r.state === "wrong"))
  shows.push(["right", r => r.state === "right"], ["wrong", r => r.state === "wrong"]);
if (rows.some(r => r.e)) shows.push(["could not be classified", r => !!r.e]);
if (rows.some(r => r.unsure)) shows.push([`unsure: below ${100 * data.unsure} %`, r => r.unsure]);
if (runs.length > 1) shows.push(["runs disagree", r => r.differs]);
const worst = r => r.r ? Math.max(0, ...r.r.map(x => x.d || 0)) : -1;
const sorts = [["order of the run", r => r.n], ["path", r => r.p],
  ["probability", r => best(r) ? best(r)[1] : -1],
  ["predicted class", r => best(r) ? name(best(r)[0]) : ""]];
if (rows.some(r => r.c !== undefined)) sorts.push(["true class", r => r.c === undefined ? "" : name(r.c)]);
if (runs.length > 1) sorts.push(["difference of runs", worst]);
const fill = (id, list) => list.forEach((x, i) => at(id).add(new Option(x[0], i)));
fill("show", shows); fill("sort", sorts);
const el = (tag, cls, text) => {
  const e = document.createElement(tag);
  if (cls) e.className = cls;
  if (text !== undefined) e.textContent = text;
  return e;
};
const percent = p => (100 * p).toFixed(1) + " %";
// A row per class that a run has on top or the first run has at all, a column per run.
function runsTable(r) {
  const classes = [...new Set([...r.r.map(x => x.t[0][0]), ...r.r[0].t.map(t => t[0])])].slice(0, 6);
  const table = el("table"), head = el("tr");
  head.append(el("th", "", ""), ...runs.map(run => el("th", "", run)));
  table.append(head);
  for (const k of classes) {
    const line = el("tr");
    line.append(el("td", "", name(k)));
    r.r.forEach(x => {
      const found = x.t.find(t => t[0] === k), cell = el("td", "", found ? percent(found[1]) : "–");
      if (x.t[0][0] === k) cell.style.fontWeight = "600";
      line.append(cell);
    });
    table.append(line);
  }
  const last = el("tr");
  last.append(el("td", "note", "largest difference"), ...r.r.map((x, j) => el("td", "note", j === 0 ? "" :
    x.d >= 0.005 ? x.d.toFixed(2) : x.d.toExponential(0))));
  table.append(last);
  return table;
}
function card(r) {
  const c = el("div", "card " + r.state);
  if (r.i) { const img = el("img"); img.src = "data:image/jpeg;base64," + r.i; img.alt = r.p; c.append(img); }
  if (r.e) c.append(el("div", "", r.e));
  if (runs.length > 1 && r.r) c.append(runsTable(r));
  else (r.r || []).forEach(x => x.t.forEach(t => {
    c.append(el("div", "", name(t[0]) + "  " + percent(t[1])));
    const bar = el("div", "bar"); bar.style.width = (100 * t[1]) + "%"; c.append(bar);
  }));
  if (r.unsure) c.append(el("div", "unsure", "unsure: it may be none of these classes"));
  if (r.c !== undefined)
    c.append(el("div", "run", (r.state === "right" ? "✓ right: it is " : "✗ wrong: it is ") + name(r.c)));
  c.append(el("div", "path", r.p));
  return c;
}
let shown = [], end = 0, pair = null;  // [true class, predicted class] if only those are shown
function more() {
  const part = document.createDocumentFragment();
  for (const stop = Math.min(end + step, shown.length); end < stop; ++end) part.append(card(shown[end]));
  at("rows").append(part);
  at("more").hidden = end >= shown.length;
  at("count").textContent = shown.length + " of " + rows.length + " images";
}
function update() {
  const words = at("text").value.toLowerCase().split(/\s+/).filter(w => w);
  const keep = shows[at("show").value][1], key = sorts[at("sort").value][1], sign = at("down").checked ? -1 : 1;
  shown = rows.filter(r => keep(r) && (!pair || (r.c === pair[0] && !!best(r) && best(r)[0] === pair[1])) && words.every(w => r.search.includes(w)));
  shown.sort((a, b) => {
    const x = key(a), y = key(b);
    return sign * (x < y ? -1 : x > y ? 1 : 0) || a.n - b.n;
  });
  at("rows").replaceChildren(); end = 0; more();
}
at("more").onclick = more;
at("text").oninput = update;
["show", "sort", "down"].forEach(id => at(id).onchange = update);

// ---- confusions of the first run
const judged = rows.filter(r => r.c !== undefined && best(r));
const counts = new Map();
judged.forEach(r => { const key = r.c + " " + best(r)[0]; counts.set(key, (counts.get(key) || 0) + 1); });
const confused = [...counts].map(([key, n]) => ({pair: key.split(" ").map(Number), n}));
function choose(next) {
  pair = pair && next && pair[0] === next[0] && pair[1] === next[1] ? null : next;
  [...at("pairs").children].forEach(b => b.setAttribute("aria-pressed", !!pair && b.dataset.pair === pair.join(" ")));
  update();
}
if (judged.length) {
  at("confusion").hidden = false;
  confused.filter(x => x.pair[0] !== x.pair[1]).sort((a, b) => b.n - a.n || a.pair[0] - b.pair[0]).slice(0, 20).forEach(x => {
    const b = el("button", "", `${name(x.pair[0])} → ${name(x.pair[1])}: ${x.n}`);
    b.dataset.pair = x.pair.join(" "); b.onclick = () => choose(x.pair);
    at("pairs").append(b);
  });
  const classes = [...new Set(confused.flatMap(x => x.pair))].sort((a, b) => a - b), place = new Map(classes.map((k, i) => [k, i]));
  const canvas = at("matrix").querySelector("canvas"), context = canvas.getContext("2d");
  const cell = Math.max(1, Math.floor(720 / classes.length)), label = cell >= 14 ? 130 : 0;
  const totals = new Map(); judged.forEach(r => totals.set(r.c, (totals.get(r.c) || 0) + 1));
  canvas.width = label + cell * classes.length; canvas.height = cell * classes.length + label;
  context.fillStyle = "#fff"; context.fillRect(0, 0, canvas.width, canvas.height);
  confused.forEach(x => {
    const share = x.n / totals.get(x.pair[0]), right = x.pair[0] === x.pair[1];
    context.fillStyle = right ? `rgb(42 120 190 / ${0.15 + 0.85 * share})` : `rgb(205 50 50 / ${0.15 + 0.85 * share})`;
    context.fillRect(label + place.get(x.pair[1]) * cell, place.get(x.pair[0]) * cell, cell, cell);
  });
  if (label) {
    context.fillStyle = "#222"; context.font = `${Math.min(12, cell - 2)}px system-ui, sans-serif`;
    const short = k => name(k).length > 18 ? name(k).slice(0, 17) + "…" : name(k);
    classes.forEach((k, i) => {
      context.textAlign = "right"; context.fillText(short(k), label - 4, (i + 0.75) * cell);
      context.save(); context.translate(label + (i + 0.75) * cell, cell * classes.length + 4); context.rotate(-Math.PI / 2);
      context.fillText(short(k), 0, 0); context.restore();
    });
  }
  const under = e => {
    const box = canvas.getBoundingClientRect(), scale = canvas.width / box.width;
    const i = Math.floor((e.clientY - box.top) * scale / cell), j = Math.floor(((e.clientX - box.left) * scale - label) / cell);
    return classes[i] === undefined || classes[j] === undefined ? null : [classes[i], classes[j]];
  };
  canvas.onmousemove = e => {
    const p = under(e);
    at("cell").textContent = p ? `true ${name(p[0])}, predicted ${name(p[1])}: ${counts.get(p.join(" ")) || 0} of ${totals.get(p[0]) || 0}` : "Point at a cell.";
  };
  canvas.onclick = e => { const p = under(e); if (p && counts.has(p.join(" "))) choose(p); };
}
update();
})();
