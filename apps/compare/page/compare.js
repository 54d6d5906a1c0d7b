"use strict";
// The comparison's page: everything is drawn from the JSON in #data, as made by comparison_json() with pictures.
(() => {
const data = JSON.parse(document.getElementById("data").textContent);

// ---- what was measured

const scenes = data.scenes;
const models = [];  // in the order of the run; the same colour everywhere
for (const scene of scenes)
  for (const model of scene.models)
    if (!models.some(m => m.name === model.model))
      models.push({name: model.model, variant: model.variant, summary: model.variant_summary || "", reading: model.reading, steps: model.training_steps});
models.forEach((m, i) => { m.colour = colourOf(i); });
const entryOf = (scene, model) => scene.models.find(m => m.model === model.name);
const firstForm = entry => entry.forms.recurrent || Object.values(entry.forms)[0];  // whose pictures are shown
const allMetrics = [
  {key: "psnr", label: "PSNR", unit: "dB", digits: 2, better: 1},
  {key: "masked_psnr", label: "PSNR inside the object", unit: "dB", digits: 2, better: 1},
  {key: "ssim", label: "SSIM", unit: "", digits: 4, better: 1},
  {key: "lpips", label: "LPIPS", unit: "", digits: 4, better: -1}];
const valuesOf = (scene, model, key) => {
  const entry = entryOf(scene, model);
  return entry ? firstForm(entry).views.map(v => number(v[key])) : null;
};
const metrics = allMetrics.filter(m => scenes.some(s => models.some(model => (valuesOf(s, model, m.key) || []).some(isFinite))));

// Student's t for a two-sided interval of 95 %.
const tTable = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
const t95 = n => n < 1 ? NaN : n <= 10 ? tTable[n - 1] : 1.96 + 2.372 / n + 2.823 / (n * n) + 2.556 / (n * n * n);
function estimate(groups) {  // values by scene: the mean of the scenes' means, its error over the views of these scenes
  const used = groups.filter(g => g.length > 0);
  if (!used.length) return null;
  let sum = 0, variance = 0, freedom = 0;
  for (const g of used) {
    const mean = g.reduce((a, b) => a + b, 0) / g.length;
    sum += mean;
    variance += g.length > 1 ? g.reduce((a, b) => a + (b - mean) ** 2, 0) / (g.length - 1) / g.length : NaN;
    freedom += g.length - 1;
  }
  const error = Math.sqrt(variance) / used.length, mean = sum / used.length;
  return {mean, error, low: mean - t95(freedom) * error, high: mean + t95(freedom) * error, count: used.flat().length};
}
const differences = (scene, model, base, key) => {
  const a = valuesOf(scene, model, key), b = valuesOf(scene, base, key);
  return a && b ? a.map((x, i) => x - b[i]) : [];
};
const finite = list => list.filter(Number.isFinite);
const median = list => { const s = [...list].sort((a, b) => a - b); return s.length ? quantile(s, 0.5) : NaN; };
const quantile = (s, q) => { const i = q * (s.length - 1), l = Math.floor(i); return s[l] + (i - l) * (s[Math.min(l + 1, s.length - 1)] - s[l]); };

const state = {scene: "all", metric: metrics[0].key, base: data.baseline, filter: "", hidden: new Set(), sort: null, down: true,
               picture: 0, left: "truth", right: models[0].name, mode: "slide", edge: 50, sharp: false};
const metric = () => metrics.find(m => m.key === state.metric);
const chosenScenes = () => state.scene === "all" ? scenes : [scenes[state.scene]];
const baseline = () => models.find(m => m.name === state.base) || models[0];
const matching = () => models.filter(m => (m.name + " variant " + m.variant).toLowerCase().includes(state.filter));
const shown = () => matching().filter(m => !state.hidden.has(m.name));

// ---- the table: a row per model, both forms in it

function agreement(model) {  // between the two forms, over the chosen scenes
  const found = chosenScenes().map(s => entryOf(s, model)).filter(e => e && e.difference);
  return found.length ? Math.min(...found.map(e => number(e.difference.psnr_between_forms))) : NaN;
}
const timeOf = (model, form, key) => median(chosenScenes().map(s => entryOf(s, model)).filter(e => e && e.forms[form])
  .map(e => number(e.forms[form][key]) * 1e3).filter(Number.isFinite));
const forms = ["recurrent", "parallel"].filter(form => scenes.some(s => s.models.some(m => m.forms[form])));
const mean = (model, key) => estimate(chosenScenes().map(s => finite(valuesOf(s, model, key) || [])));
const over = (model, key) => estimate(chosenScenes().map(s => finite(differences(s, model, baseline(), key))));

function columns() {
  const list = [{label: "model", text: m => m.name, key: m => m.name},
                {label: "variant", text: m => m.variant, key: m => m.variant, hint: "row of the variant table"}];
  if (models.some(m => m.reading === "streamed"))
    list.push({label: "input views", text: m => m.reading, key: m => m.reading, hint: "read in one update (batch) or one after the other (streamed)"});
  if (models.some(m => m.steps > 0)) list.push({label: "steps", text: m => m.steps > 0 ? m.steps : "–", key: m => m.steps, hint: "of training"});
  for (const x of metrics)
    list.push({label: x.label + (x.unit ? " " + x.unit : ""), hint: "mean over the held-out views ± its standard error", better: x.better,
               cell: m => { const e = mean(m, x.key); return e ? [fixed(e.mean, x.digits), small(" ± " + fixed(e.error, x.digits))] : ["–"]; },
               key: m => { const e = mean(m, x.key); return e ? e.mean : NaN; }});
  const x = metric();
  list.push({label: `${x.label} over ${baseline().name}`, hint: "paired by view; interval of 95 %",
             cell: m => { const e = m === baseline() ? null : over(m, x.key);
                          return e ? [signed(e.mean, x.digits), small(` [${signed(e.low, x.digits)}, ${signed(e.high, x.digits)}]`)] : ["–"]; },
             key: m => { const e = over(m, x.key); return e ? e.mean : NaN; }});
  list.push({label: "better views", hint: `in how many views the ${x.label} is better than the baseline's`,
             cell: m => { const d = chosenScenes().flatMap(s => finite(differences(s, m, baseline(), x.key)));
                          return [m === baseline() || !d.length ? "–" : `${d.filter(v => v * x.better > 0).length} of ${d.length}`]; },
             key: m => chosenScenes().flatMap(s => differences(s, m, baseline(), x.key)).filter(v => v * x.better > 0).length});
  if (data.beside_paper)
    list.push({label: "in the paper", hint: data.beside_paper.note, text: m => paperOf(m), key: m => parseFloat(paperOf(m).replace("−", "-"))});
  if (forms.length > 1)
    list.push({label: "forms equal to, dB", hint: "PSNR between the recurrent and the parallel form's pictures", text: m => fixed(agreement(m), 0), key: agreement});
  for (const form of forms)
    list.push({label: `reading, ${form}, ms`, text: m => fixed(timeOf(m, form, "reconstruct_seconds"), 1), key: m => timeOf(m, form, "reconstruct_seconds")});
  if (forms.length > 1)
    list.push({label: "faster form", hint: "called faster only where the paired rounds' interval of 95 % says so", text: m => fasterForm(m), key: m => fasterForm(m)});
  list.push({label: "ms a view", text: m => fixed(timeOf(m, forms[0], "render_seconds_per_view"), 2), key: m => timeOf(m, forms[0], "render_seconds_per_view")});
  if (chosenScenes().length > 1) list.push({label: "scenes", text: m => chosenScenes().filter(s => entryOf(s, m)).length, key: m => chosenScenes().filter(s => entryOf(s, m)).length});
  return list;
}
const paperOf = m => { const p = data.beside_paper.psnr, a = p[m.variant], b = p[baseline().variant];
  return a === undefined || b === undefined || m === baseline() ? "–" : signed(a - b, 2); };
function fasterForm(model) {
  const words = new Set(chosenScenes().map(s => entryOf(s, model)).filter(e => e && e.faster_form).map(e => e.faster_form));
  return words.size === 1 ? [...words][0] : words.size ? "differs by scene" : "–";
}
function drawTable() {
  const list = columns(), rows = matching();
  const sort = list.find(c => c.label === state.sort);
  if (sort) rows.sort((a, b) => {
    const x = sort.key(a), y = sort.key(b);
    const order = typeof x === "number" ? (Number.isNaN(x) ? 1 : Number.isNaN(y) ? -1 : state.down ? y - x : x - y)
                                        : String(x).localeCompare(String(y), undefined, {numeric: true}) * (state.down ? -1 : 1);
    return order || models.indexOf(a) - models.indexOf(b);
  });
  const head = el("tr", {}, ...list.map(c => el("th", {scope: "col", title: c.hint, "aria-sort": c.label === state.sort ? (state.down ? "descending" : "ascending") : undefined},
    el("button", {onclick: () => { state.down = state.sort === c.label ? !state.down : c.label !== "model"; state.sort = c.label; draw(); }},
       c.label + (c.label === state.sort ? (state.down ? " ↓" : " ↑") : "")))));
  const body = rows.map(m => el("tr", {class: [state.hidden.has(m.name) && "off", m === baseline() && "base"].filter(Boolean).join(" ")},
    ...list.map((c, i) => i > 0 ? el("td", {}, ...(c.cell ? c.cell(m) : [String(c.text(m))]))
      : el("td", {title: m.name + (m.summary ? ": " + m.summary : "")}, el("label", {}, el("input", {type: "checkbox", class: "no-print", "aria-label": "show " + m.name,
          ...(state.hidden.has(m.name) ? {} : {checked: ""}), onchange: e => { state.hidden[e.target.checked ? "delete" : "add"](m.name); draw(); }}), " ",
          swatch(m), m.name, m === baseline() ? small(" baseline") : "")))));
  at("table").replaceChildren(el("table", {}, el("thead", {}, head), el("tbody", {}, ...body)));
}
function swatch(m) { const s = el("span", {class: "swatch"}); s.style.background = m.colour; return s; }

// ---- charts: every view a dot, by scene

function dotChart(caption, rows, unit, zero) {  // rows: {model, points: [{value, text, scene, view}], bar: [low, mean, high]}
  const all = rows.flatMap(r => [...r.points.map(p => p.value), ...(r.bar || [])]).filter(Number.isFinite);
  if (!all.length) return null;
  let low = Math.min(...all, ...(zero ? [0] : [])), high = Math.max(...all, ...(zero ? [0] : []));
  const margin = (high - low || Math.abs(high) || 1) * 0.04; low -= margin; high += margin;
  const left = 132, right = 520, row = 26, top = 6, bottom = top + rows.length * row;
  const place = v => left + (v - low) / (high - low) * (right - left);
  const chart = svg("svg", {viewBox: `0 0 ${right + 14} ${bottom + 36}`, role: "img", "aria-label": caption});
  const ticks = ticksOf(low, high);
  for (const v of ticks.list) {
    chart.append(svg("line", {x1: place(v), x2: place(v), y1: top, y2: bottom, class: "grid"}),
                 svg("text", {x: place(v), y: bottom + 15, "text-anchor": "middle", class: "tick"}, fixed(v, ticks.digits)));
  }
  if (zero) chart.append(svg("line", {x1: place(0), x2: place(0), y1: top, y2: bottom, class: "zero"}));
  rows.forEach((r, i) => {
    const y = top + row * (i + 0.5), name = r.model.name.length > 19 ? r.model.name.slice(0, 9) + "…" + r.model.name.slice(-9) : r.model.name;
    const label = svg("text", {x: left - 8, y: y + 4, "text-anchor": "end"}, name);
    hover(label, r.model.name + (r.model.summary ? ": " + r.model.summary : ""));
    chart.append(label);
    const sorted = finite(r.points.map(p => p.value)).sort((a, b) => a - b);
    if (!sorted.length) return;
    if (r.bar) {
      const bar = svg("rect", {x: place(r.bar[0]), y: y - 8, width: Math.max(1, place(r.bar[2]) - place(r.bar[0])), height: 16, fill: r.model.colour, opacity: 0.3});
      hover(bar, r.text); chart.append(bar);
    } else {
      chart.append(svg("rect", {x: place(quantile(sorted, 0.25)), y: y - 8, height: 16, fill: r.model.colour, opacity: 0.18,
                                width: Math.max(1, place(quantile(sorted, 0.75)) - place(quantile(sorted, 0.25)))}));
    }
    for (const p of r.points) {
      if (!Number.isFinite(p.value)) continue;
      const dot = svg("circle", {cx: place(p.value), cy: y, r: 3.2, fill: r.model.colour, opacity: 0.6});
      hover(dot, p.text);
      const picture = pictures().findIndex(x => x.scene === p.scene && x.view === p.view);
      if (picture >= 0) { dot.style.cursor = "pointer"; dot.addEventListener("click", () => { state.picture = picture; state.right = r.model.name; drawPictures(); at("pictures").scrollIntoView(); }); }
      chart.append(dot);
    }
    const middle = r.bar ? r.bar[1] : quantile(sorted, 0.5);
    const mark = svg("line", {x1: place(middle), x2: place(middle), y1: y - 10, y2: y + 10, stroke: r.model.colour, "stroke-width": 3});
    hover(mark, r.text); chart.append(mark);
  });
  chart.append(svg("text", {x: (left + right) / 2, y: bottom + 31, "text-anchor": "middle", class: "tick"}, unit));
  return el("figure", {}, el("figcaption", {}, caption), chart);
}
function drawCharts() {
  const x = metric(), figures = [], base = baseline(), unit = x.unit || x.label;
  const point = (scene, i, value, text) => ({value, scene, view: scene.scene.target_views[i], text});
  for (const scene of chosenScenes()) {
    const nameOf = i => `${scene.scene.name}, view ${scene.scene.target_views[i]}`;
    const rows = shown().filter(m => entryOf(scene, m)).map(m => {
      const values = valuesOf(scene, m, x.key);
      return {model: m, text: `${m.name}: median ${fixed(median(finite(values)), x.digits)} ${x.unit}`,
              points: values.map((v, i) => point(scene, i, v, `${m.name}, ${nameOf(i)}: ${fixed(v, x.digits)} ${x.unit}`))};
    });
    figures.push(dotChart(`${scene.scene.name}: ${x.label} of each held-out view`, rows, unit, false));
    const against = shown().filter(m => m !== base && entryOf(scene, m) && entryOf(scene, base)).map(m => {
      const values = differences(scene, m, base, x.key), e = estimate([finite(values)]);
      return {model: m, bar: e && Number.isFinite(e.error) ? [e.low, e.mean, e.high] : undefined,
              text: e ? `${m.name} over ${base.name}: ${signed(e.mean, x.digits)} [${signed(e.low, x.digits)}, ${signed(e.high, x.digits)}]` : m.name,
              points: values.map((v, i) => point(scene, i, v, `${m.name} over ${base.name}, ${nameOf(i)}: ${signed(v, x.digits)} ${x.unit}`))};
    });
    if (against.length) figures.push(dotChart(`${scene.scene.name}: ${x.label} over ${base.name}, the same views; bar: 95 % interval of the mean`, against, unit, true));
  }
  at("charts").replaceChildren(...figures.filter(Boolean));
}

// ---- pictures: the same view by all models

function pictures() {
  return chosenScenes().flatMap(scene => {
    const entry = scene.models.find(m => m.pictures && m.pictures.length);
    return entry ? entry.pictures.map(p => ({scene, view: p.view, truth: p.truth})) : [];
  });
}
const uri = png => "data:image/png;base64," + png;
function sourcesOf(picture) {  // what there is of one view: truth, models, and a model's second form where it differs visibly
  const list = [{name: "truth", colour: "var(--soft)", png: picture.truth, note: ""}];
  for (const m of shown()) {
    const entry = entryOf(picture.scene, m), found = entry && (entry.pictures || []).find(p => p.view === picture.view);
    if (!found) continue;
    const i = picture.scene.scene.target_views.indexOf(picture.view);
    Object.entries(found.images).forEach(([form, png], k) => {
      const value = number(entry.forms[form].views[i][state.metric]);
      list.push({name: m.name + (k ? ", " + form : ""), model: m, colour: m.colour, png, note: `${fixed(value, metric().digits)} ${metric().unit}`});
    });
  }
  return list;
}
function drawPictures() {
  const all = pictures();
  at("pictures").hidden = !all.length;
  if (!all.length) return;
  state.picture = (state.picture + all.length) % all.length;
  const picture = all[state.picture], sources = sourcesOf(picture);
  const find = name => sources.find(s => s.name === name);
  const left = find(state.left) || sources[0], right = find(state.right) || sources[sources.length - 1];
  at("view").replaceChildren(...all.map((p, i) => new Option(`${p.scene.scene.name}, view ${p.view}`, i, false, i === state.picture)));
  for (const [id, chosen] of [["left", left], ["right", right]])
    at(id).replaceChildren(...sources.map(s => new Option(s.name, s.name, false, s === chosen)));
  for (const mode of ["slide", "flip", "difference"]) at(mode).setAttribute("aria-pressed", state.mode === mode || (mode === "flip" && state.mode === "flipped"));
  const under = el("img", {src: uri(left.png), alt: left.name}), top = el("img", {src: uri(right.png), alt: right.name, class: "over"});
  const edge = el("div", {class: "edge"});
  const pair = el("div", {class: "pair" + (state.sharp ? " sharp" : "")});
  const stack = el("div", {class: state.mode === "difference" ? "difference" : ""}, under, top);
  const setEdge = () => {
    top.style.clipPath = state.mode === "slide" ? `inset(0 0 0 ${state.edge}%)` : "";
    top.style.visibility = state.mode === "flip" ? "hidden" : "visible";
    edge.hidden = state.mode !== "slide"; edge.style.left = state.edge + "%";
  };
  pair.append(stack, edge);
  if (state.mode === "slide" || state.mode === "flip") pair.append(el("span", {class: "name left"}, left.name));
  if (state.mode === "slide" || state.mode === "flipped") pair.append(el("span", {class: "name right"}, right.name));
  if (state.mode === "difference") pair.append(el("span", {class: "name left"}, `|${left.name} − ${right.name}| × 4`));
  const drag = e => { const box = pair.getBoundingClientRect(); state.edge = Math.max(0, Math.min(100, (e.clientX - box.left) / box.width * 100)); setEdge(); };
  pair.onpointerdown = e => { if (state.mode === "slide") { pair.setPointerCapture(e.pointerId); drag(e); } else flip(); };
  pair.onpointermove = e => { if (state.mode === "slide" && (e.buttons || e.pointerType === "mouse")) drag(e); };
  setEdge();
  at("pair").replaceChildren(pair);
  at("tiles").className = "tiles" + (state.sharp ? " sharp" : "");
  at("tiles").replaceChildren(...sources.map(s => {
    const mark = el("span", {class: "swatch"}); mark.style.background = s.colour;
    return el("button", {class: "tile" + (s === left || s === right ? " chosen" : ""), title: s.name + (s.model && s.model.summary ? ": " + s.model.summary : ""),
      onclick: e => { state[e.shiftKey ? "left" : "right"] = s.name; drawPictures(); }},
      el("img", {src: uri(s.png), alt: `${s.name}, view ${picture.view}`}), el("b", {}, mark, s.name), s.note || "held-out view");
  }));
}
function flip() { if (state.mode === "slide" || state.mode === "difference") state.mode = "flip"; state.mode = state.mode === "flip" ? "flipped" : "flip"; drawPictures(); }

// ---- controls

function draw() { drawPictures(); drawTable(); drawCharts(); }
const options = (id, list, value, change) => {
  at(id).replaceChildren(...list.map(([text, key]) => new Option(text, key, false, String(key) === String(value))));
  at(id).onchange = e => { change(e.target.value); draw(); };
};
options("scene", [[scenes.length > 1 ? `all ${scenes.length}` : scenes[0].scene.name, "all"], ...(scenes.length > 1 ? scenes.map((s, i) => [s.scene.name, i]) : [])],
        "all", v => { state.scene = v; state.picture = 0; });
options("metric", metrics.map(m => [m.label, m.key]), state.metric, v => { state.metric = v; });
options("baseline", models.map(m => [m.name, m.name]), state.base, v => { state.base = v; });
at("filter").oninput = e => { state.filter = e.target.value.toLowerCase(); draw(); };
at("view").onchange = e => { state.picture = +e.target.value; drawPictures(); };
at("previous").onclick = () => { --state.picture; drawPictures(); };
at("next").onclick = () => { ++state.picture; drawPictures(); };
at("left").onchange = e => { state.left = e.target.value; drawPictures(); };
at("right").onchange = e => { state.right = e.target.value; drawPictures(); };
at("slide").onclick = () => { state.mode = "slide"; drawPictures(); };
at("flip").onclick = flip;
at("difference").onclick = () => { state.mode = "difference"; drawPictures(); };
at("sharp").onchange = e => { state.sharp = e.target.checked; drawPictures(); };
document.addEventListener("keydown", e => {
  if (e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName)) return;
  if (e.key === "f") flip();
  else if (e.key === "ArrowLeft" || e.key === "ArrowRight") { state.picture += e.key === "ArrowLeft" ? -1 : 1; drawPictures(); }
});
draw();
})();
