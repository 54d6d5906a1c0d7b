// Rows as JSON inside the page, and the script that shows a few hundred of them at a time.
#include "apps/classify/classify_page.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "apps/report/html.h"
#include "core/base/json_text.h"
#include "core/io/atomic_file.h"

namespace parallax {
namespace {

using nlohmann::json;

constexpr int kConfusionWidth = 900;  // largest, in pixels
constexpr size_t kTopShown = 5;
constexpr std::string_view kMark = "@rows@";  // in the page's frame, where the rows go

constexpr const char* kStyle = R"(<style>
.tools { position: sticky; top: 0; background: #fff; padding: .6em 0; border-bottom: 1px solid #ddd;
         display: flex; flex-wrap: wrap; gap: .8em; align-items: center; z-index: 1; }
.tools input, .tools select, .tools button { font: inherit; padding: .2em .5em; }
#rows { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: .8em; margin: 1em 0; }
.card { border: 1px solid #ddd; border-left: 4px solid #bbb; border-radius: 4px; padding: .5em; font-size: 13px;
        min-width: 0; overflow-wrap: anywhere; }
.card.right { border-left-color: #2a9d4a; } .card.wrong { border-left-color: #d03b3b; }
.card.broken { border-left-color: #d08b00; background: #fff8e8; }
.card img { display: block; max-width: 100%; height: 96px; object-fit: contain; margin: 0 auto .4em;
            border: 0; image-rendering: auto; }
.card .path { color: #777; font-size: 11px; }
.bar { height: 3px; background: #4a78c0; margin: 1px 0 3px; }
.run { color: #777; margin-top: .4em; }
img.confusion { max-width: 100%; height: auto; }
</style>
)";

constexpr const char* kTools = R"(<div class="tools">
<label>Filter <input id="text" placeholder="name, class or path" size="24"></label>
<label>Show <select id="show"></select></label>
<label>Sort by <select id="sort"></select></label>
<label><input type="checkbox" id="down"> descending</label>
<span id="count" class="note"></span></div>
<div id="rows"></div><p><button id="more">show more</button></p>
)";

constexpr const char* kScript = R"(<script>
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
  r.search = (r.p + " " + (r.e || "") + " " + (r.c === undefined ? "" : name(r.c)) + " " +
    (r.r || []).map(x => name(x.t[0][0])).join(" ")).toLowerCase();
});
const shows = [["all images", () => true]];
if (rows.some(r => r.state === "right" || r.state === "wrong"))
  shows.push(["right", r => r.state === "right"], ["wrong", r => r.state === "wrong"]);
if (rows.some(r => r.e)) shows.push(["could not be read", r => !!r.e]);
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
function card(r) {
  const c = el("div", "card " + r.state);
  if (r.i) { const img = el("img"); img.src = "data:image/jpeg;base64," + r.i; img.alt = r.p; c.append(img); }
  if (r.e) c.append(el("div", "", r.e));
  (r.r || []).forEach((x, j) => {
    if (j > 0 && x.t[0][0] === r.r[0].t[0][0]) {
      c.append(el("div", "run", runs[j] + ": same class; probability differs by " +
        (x.d >= 0.005 ? x.d.toFixed(2) : x.d.toExponential(0))));
      return;
    }
    if (runs.length > 1) c.append(el("div", "run", runs[j]));
    x.t.forEach(t => {
      c.append(el("div", "", name(t[0]) + "  " + (100 * t[1]).toFixed(1) + " %"));
      const bar = el("div", "bar"); bar.style.width = (100 * t[1]) + "%"; c.append(bar);
    });
  });
  if (r.c !== undefined)
    c.append(el("div", "run", (r.state === "right" ? "✓ right: it is " : "✗ wrong: it is ") + name(r.c)));
  c.append(el("div", "path", r.p));
  return c;
}
let shown = [], end = 0;
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
  shown = rows.filter(r => keep(r) && words.every(w => r.search.includes(w)));
  shown.sort((a, b) => {
    const x = key(a), y = key(b);
    return sign * (x < y ? -1 : x > y ? 1 : 0) || a.n - b.n;
  });
  at("rows").replaceChildren(); end = 0; more();
}
at("more").onclick = more;
at("text").oninput = update;
["show", "sort", "down"].forEach(id => at(id).onchange = update);
update();
})();
</script>
)";

// JSON that is safe inside a <script> element.
std::string script_safe(const json& value) {
  std::string text = dump_json(value);
  for (size_t at = text.find("</"); at != std::string::npos; at = text.find("</", at)) {
    text.replace(at, 2, "<\\/");
  }
  for (size_t at = text.find("<!--"); at != std::string::npos; at = text.find("<!--", at)) {
    text.replace(at, 4, "\\u003c!--");
  }
  return text;
}

json row_json(const ClassifiedImage& image, const std::string& thumbnail) {
  json row = {{"p", image.path}};
  if (image.truth) {
    row["c"] = *image.truth;
  }
  if (!image.error.empty()) {
    row["e"] = image.error;
    return row;
  }
  for (const RunResult& run : image.runs) {
    json top = json::array();
    for (size_t k = 0; k < std::min(kTopShown, run.top.size()); ++k) {
      top.push_back({run.top[k].index, std::round(run.top[k].probability * 1e6) / 1e6});
    }
    row["r"].push_back({{"t", std::move(top)}, {"k", run.truth_rank}, {"d", run.difference}});
  }
  if (!thumbnail.empty()) {
    row["i"] = html::base64(thumbnail);
  }
  return row;
}

// The names of the classes that the rows mention, by index.
json used_names(const ResultsFolder& results) {
  std::set<int> used;
  results.for_each([&](const ClassifiedImage& image) {
    if (image.truth) {
      used.insert(*image.truth);
    }
    for (const RunResult& run : image.runs) {
      for (size_t k = 0; k < std::min(kTopShown, run.top.size()); ++k) {
        used.insert(run.top[k].index);
      }
    }
  });
  json names = json::object();
  for (const int index : used) {
    names[std::to_string(index)] = results.format().labels.short_name(index);
  }
  return names;
}

std::string introduction(const ResultsFolder& results,
                         const ClassifySummary& summary,
                         const ClassifyPageOptions& options) {
  std::string text = "<p>" + html::escape(options.heading) + "</p>\n<pre>" +
                     html::escape(summary_text(summary, results.format())) + "</pre>\n";
  if (summary.images > options.most_thumbnails) {
    text += fmt::format("<p class=\"note\">Thumbnails of the first {} images.</p>\n",
                        options.most_thumbnails);
  }
  if (!summary.runs.empty() && summary.runs.front().accuracy.images() > 0) {
    const cv::Mat picture =
        confusion_picture(summary.runs.front().accuracy, results.format().labels);
    text += "<details><summary>Confusion matrix: true classes down, predicted ones across" +
            (results.format().runs.size() > 1 ? ", " + html::escape(results.format().runs.front())
                                              : std::string()) +
            "</summary>" +
            html::image(picture, "confusion matrix", std::min(picture.cols, kConfusionWidth)) +
            "</details>\n";
  }
  return text;
}

}  // namespace

void write_classify_page(const std::filesystem::path& path,
                         const ResultsFolder& results,
                         const ClassifySummary& summary,
                         const ClassifyPageOptions& options) {
  AtomicFile file(path);
  const auto put = [&](std::string_view text) { file.write(text.data(), text.size()); };
  const std::string frame =
      html::page(options.title,
                 kStyle + introduction(results, summary, options) + kTools + std::string(kMark) +
                     kScript + "<p class=\"note\">" + html::escape(options.footer) + "</p>\n");
  const size_t mark = frame.rfind(kMark);
  put(std::string_view(frame).substr(0, mark));
  put("<script type=\"application/json\" id=\"data\">{\"names\":");
  put(script_safe(used_names(results)));
  put(",\"runs\":" + script_safe(results.format().runs) + ",\"rows\":[\n");
  int64_t count = 0;
  results.for_each([&](const ClassifiedImage& image) {
    const bool with_thumbnail = count < options.most_thumbnails;
    put((count == 0 ? "" : ",\n") +
        script_safe(row_json(image, with_thumbnail ? results.thumbnail(image) : "")));
    ++count;
  });
  put("\n]}</script>\n");
  put(std::string_view(frame).substr(mark + kMark.size()));
  file.commit();
}

}  // namespace parallax
