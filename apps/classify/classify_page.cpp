// Rows as JSON inside the page, and the script that shows a few hundred of them at a time.
#include "apps/classify/classify_page.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "apps/report/html.h"
#include "classify_page_text.h"
#include "core/io/atomic_file.h"

namespace parallax {
namespace {

using nlohmann::json;

constexpr double kUnsure = 0.5;  // probability below which a prediction is marked
constexpr size_t kTopShown = 5;
constexpr std::string_view kMark = "@rows@";  // in the page's frame, where the rows go

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
  std::string text = fmt::format(
      "<p>{}</p>\n<p class=\"note\">The model knows {} classes; a picture of anything else gets "
      "the nearest of them.</p>\n",
      html::escape(options.heading),
      results.format().labels.size());
  text += "<pre>" + html::escape(summary_text(summary, results.format())) + "</pre>\n";
  if (summary.images > options.most_thumbnails) {
    text += fmt::format("<p class=\"note\">Thumbnails of the first {} images.</p>\n",
                        options.most_thumbnails);
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
                 fmt::format("<style>{}</style>\n{}{}{}<script>{}</script>\n",
                             pages::k_classify_css,
                             introduction(results, summary, options),
                             pages::k_classify_html,
                             kMark,
                             pages::k_classify_js) +
                     "<p class=\"note\">" + html::escape(options.footer) + "</p>\n");
  const size_t mark = frame.rfind(kMark);
  put(std::string_view(frame).substr(0, mark));
  put(fmt::format("<script type=\"application/json\" id=\"data\">{{\"unsure\":{},\"names\":",
                  kUnsure));
  put(html::script_safe(used_names(results)));
  put(",\"runs\":" + html::script_safe(results.format().runs) + ",\"rows\":[\n");
  int64_t count = 0;
  results.for_each([&](const ClassifiedImage& image) {
    const bool with_thumbnail = count < options.most_thumbnails;
    put((count == 0 ? "" : ",\n") +
        html::script_safe(row_json(image, with_thumbnail ? results.thumbnail(image) : "")));
    ++count;
  });
  put("\n]}</script>\n");
  put(std::string_view(frame).substr(mark + kMark.size()));
  file.commit();
}

}  // namespace parallax
