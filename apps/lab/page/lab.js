// The laboratory's page: everything is drawn from the JSON in #data, as made by lab_json() for pages.
(() => {
const data = JSON.parse(at("data").textContent);
const kinds = {"holds here": ["✓", "holds"], "does not hold here": ["✗", "fails"], "undecided here": ["?", "undecided"], "not tested": ["–", "untested"]};
const keyOf = row => row.model + (row.classifies ? " (images)" : "");
const rowsOf = probe => data.rows.filter(r => r.probe === probe.name);
const probes = data.probes.filter(p => rowsOf(p).length);
const chosen = Object.fromEntries(probes.map(p => [p.name, 0]));
const sentenceOf = f => `${f.verdict}: ${f.number ? f.number + ". " : ""}${f.sentence}`;

// ---- the grid: claims against models

function drawGrid() {
  const models = [...new Set(data.rows.map(keyOf))], rows = [];
  for (const probe of probes) {
    const claims = [...new Set(rowsOf(probe).flatMap(r => r.result.findings.map(f => f.claim)))];
    for (const claim of claims) {
      const found = model => rowsOf(probe).filter(r => keyOf(r) === model).flatMap(r => r.result.findings).find(f => f.claim === claim);
      const section = models.map(found).find(f => f).section;
      rows.push(el("tr", {}, el("td", {}, claim, section ? small(` ${section}`) : ""), ...models.map(model => {
        const f = found(model);
        if (!f) return el("td", {});
        const [mark, name] = kinds[f.verdict];
        const button = el("button", {class: name, "aria-label": `${model}: ${sentenceOf(f)}`, onclick: () => {
          chosen[probe.name] = rowsOf(probe).findIndex(r => keyOf(r) === model);
          drawProbe(probe);
          at("probe-" + probe.name).scrollIntoView();
        }}, mark);
        point(button, `${model}: ${sentenceOf(f)}`);
        return el("td", {}, button);
      })));
    }
  }
  at("grid").replaceChildren(el("table", {}, el("thead", {}, el("tr", {}, el("th", {scope: "col"}, "claim"), ...models.map(m => el("th", {scope: "col"}, m)))), el("tbody", {}, ...rows)));
}
function point(node, text) {  // like hover(), for elements that are not drawings
  node.addEventListener("mousemove", e => { tip.textContent = text; tip.hidden = false;
    tip.style.left = Math.max(0, Math.min(e.clientX + 12, innerWidth - tip.offsetWidth - 8)) + "px"; tip.style.top = e.clientY + 14 + "px"; });
  node.addEventListener("mouseleave", () => { tip.hidden = true; });
}

// ---- plots

const compact = x => Number.isInteger(x) && Math.abs(x) < 1e6 ? String(x).replace("-", "−") : Math.abs(x) >= 1e5 || Math.abs(x) < 1e-3 ? x.toExponential(1).replace("-", "−") : String(+x.toPrecision(4)).replace("-", "−");
function logTicks(low, high) {  // powers of ten, or of two where the range is short
  const decades = Math.log10(high / low), list = [];
  if (decades < 1.2) { for (let v = 2 ** Math.ceil(Math.log2(low) - 1e-9); v <= high * (1 + 1e-9); v *= 2) list.push(v); return list; }
  const step = 10 ** Math.max(1, Math.ceil(decades / 8));
  for (let v = 10 ** Math.ceil(Math.log10(low) - 1e-9); v <= high * (1 + 1e-9); v *= step) list.push(v);
  return list;
}
function logAxis(values) {
  const zeros = values.includes(0), used = values.filter(v => Number.isFinite(v) && v > 0);
  if (!used.length && !zeros) return null;
  let low = used.length ? Math.min(...used) : 1, high = used.length ? Math.max(...used) : 1;
  if (high / low < 1.01) { low /= 2; high *= 2; }
  const f = (high / low) ** 0.04, below = zeros ? 0.1 : 0;  // exact zeros have a line of their own, below the scale
  low /= f; high *= f;
  return {low, high, of: v => v === 0 ? 0.03 : below + (1 - below) * Math.log(v / low) / Math.log(high / low), ok: v => Number.isFinite(v) && (v > 0 || v === 0 && zeros),
          ticks: [...(zeros ? [0] : []), ...(used.length ? logTicks(low, high) : [])], text: v => v === 0 ? "exactly 0" : compact(v), log: true};
}
function axis(values, log) {
  if (log) return logAxis(values);
  const used = values.filter(Number.isFinite);
  if (!used.length) return null;
  let low = Math.min(...used), high = Math.max(...used);
  const margin = (high - low || Math.abs(high) || 1) * 0.05;
  low -= margin; high += margin;
  const ticks = ticksOf(low, high);
  return {low, high, of: v => (v - low) / (high - low), ok: Number.isFinite, ticks: ticks.list, text: v => high < 1e5 && low > -1e5 && ticks.digits < 5 ? fixed(v, ticks.digits) : compact(v), log};
}
function chart(plot) {
  const points = plot.series.flatMap(s => s.points.map(p => p.map(number)));
  const x = axis(points.map(p => p[0]), plot.log_x), y = axis(points.map(p => p[1]), plot.log_y);
  if (!x || !y) return el("p", {class: "soft small"}, "nothing to draw");
  const left = plot.scatter ? 10 : 78, right = 512, top = 10, bottom = plot.scatter ? 360 : 262;
  const px = v => left + x.of(v) * (right - left), py = v => bottom - y.of(v) * (bottom - top);
  const picture = svg("svg", {viewBox: `0 0 ${right + 12} ${bottom + (plot.scatter ? 10 : 42)}`, role: "img", "aria-label": plot.title});
  if (!plot.scatter) {
    const xs = plot.log_x && [...new Set(points.map(p => p[0]))].length <= 9 ? [...new Set(points.map(p => p[0]))] : x.ticks;
    for (const v of xs) picture.append(svg("line", {x1: px(v), x2: px(v), y1: top, y2: bottom, class: "grid"}), svg("text", {x: px(v), y: bottom + 16, "text-anchor": "middle", class: "tick"}, x.text(v)));
    for (const v of y.ticks) picture.append(svg("line", {x1: left, x2: right, y1: py(v), y2: py(v), class: "grid"}), svg("text", {x: left - 6, y: py(v) + 4, "text-anchor": "end", class: "tick"}, y.text(v)));
    picture.append(svg("text", {x: (left + right) / 2, y: bottom + 34, "text-anchor": "middle", class: "tick"}, plot.x_label),
                   svg("text", {x: 12, y: (top + bottom) / 2, "text-anchor": "middle", class: "tick", transform: `rotate(-90 12 ${(top + bottom) / 2})`}, plot.y_label));
  } else {
    picture.append(svg("rect", {x: left, y: top, width: right - left, height: bottom - top, fill: "none", class: "grid"}));
  }
  plot.series.forEach((s, i) => {
    const used = s.points.map(p => p.map(number)).filter(p => x.ok(p[0]) && y.ok(p[1]));
    if (!plot.scatter) picture.append(svg("polyline", {points: used.map(p => `${px(p[0]).toFixed(1)},${py(p[1]).toFixed(1)}`).join(" "), fill: "none", stroke: colourOf(i), "stroke-width": 2,
                                                       ...(i % 2 ? {"stroke-dasharray": "6 4"} : {})}));
    for (const p of used) {
      const dot = svg("circle", {cx: px(p[0]), cy: py(p[1]), r: plot.scatter ? 2.6 : 3.2, fill: colourOf(i), opacity: plot.scatter ? 0.65 : 1});
      if (!plot.scatter) hover(dot, `${s.name}: ${compact(p[1])} at ${compact(p[0])}`);
      picture.append(dot);
    }
  });
  const legend = el("div", {class: "legend"}, ...plot.series.map((s, i) => { const mark = el("span", {class: "swatch"}); mark.style.background = colourOf(i); return el("span", {}, mark, s.name); }));
  return el("div", {}, picture, legend);
}
function figures(plots) {  // plots of one title share a figure with a choice
  const titles = [...new Set(plots.map(p => p.title))];
  return titles.map(title => {
    const same = plots.filter(p => p.title === title), box = el("div", {});
    const show = i => box.replaceChildren(chart(same[i]));
    const caption = el("figcaption", {}, title);
    if (same.length > 1) {
      const select = el("select", {"aria-label": title, onchange: e => show(+e.target.value)}, ...same.map((p, i) => new Option(p.choice, i)));
      caption.append(select);
    }
    show(0);
    return el("figure", {}, caption, box);
  });
}

// ---- one probe, one model at a time

const finding = f => el("div", {class: "finding " + kinds[f.verdict][1]}, el("p", {}, el("b", {class: "verdict " + kinds[f.verdict][1]}, `${kinds[f.verdict][0]} ${f.verdict}`), el("b", {}, f.claim), f.section ? el("span", {class: "soft"}, ` (${f.section})`) : ""),
  el("p", {}, f.number ? el("b", {}, f.number + ". ") : "", f.sentence));
const tableOf = t => el("div", {class: "tablebox"}, el("h3", {}, t.title), el("div", {class: "scroll"}, el("table", {},
  el("thead", {}, el("tr", {}, ...t.rows[0].map(c => el("th", {scope: "col"}, c)))), el("tbody", {}, ...t.rows.slice(1).map(r => el("tr", {}, ...r.map(c => el("td", {}, c))))))));
function drawProbe(probe) {
  const rows = rowsOf(probe), row = rows[chosen[probe.name]], result = row.result;
  const select = el("select", {"aria-label": "model", onchange: e => { chosen[probe.name] = +e.target.value; drawProbe(probe); }},
    ...rows.map((r, i) => new Option(keyOf(r) + (r.variant ? `, row ${r.variant}` : ""), i, false, i === chosen[probe.name])));
  at("probe-" + probe.name).replaceChildren(
    el("h2", {}, probe.title + (probe.section ? ` (${probe.section})` : "")), el("p", {class: "soft"}, probe.summary),
    el("div", {class: "bar"}, el("label", {}, "Model ", select), row.seconds ? el("span", {class: "soft small"}, `${fixed(row.seconds, 1)} s`) : ""),
    ...result.findings.map(finding), ...result.notes.map(n => el("p", {class: "soft small"}, n)),
    result.pictures.length ? el("div", {class: "pictures"}, ...result.pictures.map(p => el("figure", {}, el("img", {src: "data:image/png;base64," + p.png, alt: p.title}), el("b", {}, p.title), el("div", {class: "soft"}, p.note)))) : "",
    result.plots.length ? el("div", {class: "charts"}, ...figures(result.plots)) : "",
    ...result.tables.map(tableOf));
}
for (const probe of probes) {
  // The comparison of all models first, where there is one.
  chosen[probe.name] = Math.max(0, rowsOf(probe).findIndex(r => !r.variant));
  at("probes").append(el("section", {id: "probe-" + probe.name}));
  drawProbe(probe);
}
drawGrid();
})();
