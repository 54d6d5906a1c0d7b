// Uses the same names for values as `compare`.
#include "apps/viewer/exports.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <filesystem>

#include "apps/report/results.h"
#include "apps/report/system_info.h"
#include "core/base/build_info.h"
#include "core/base/error.h"
#include "core/base/json_text.h"
#include "core/base/paths.h"
#include "core/io/atomic_file.h"
#include "vision/metrics/image_metrics.h"

namespace parallax {
namespace {

using nlohmann::json;
using view::TableRow;
using view::ViewState;

std::vector<std::vector<std::string>> table_rows(const ViewState& state) {
  std::vector<std::vector<std::string>> rows = {{"model",
                                                 "variant",
                                                 "form",
                                                 "views",
                                                 "PSNR dB",
                                                 "SSIM",
                                                 "masked dB",
                                                 "reconstruct ms",
                                                 "ms/view",
                                                 "tokens/s",
                                                 "max |rec-par|",
                                                 "PSNR rec/par dB"}};
  for (const TableRow& row : state.table) {
    rows.push_back({row.source.model,
                    row.variant,
                    row.error.empty() ? std::string(form_name(row.source.form)) : row.error,
                    std::to_string(row.views.size()),
                    format_metric(row.mean.psnr, 4),
                    format_metric(row.mean.ssim, 4),
                    format_metric(row.mean.masked_psnr, 4),
                    format_metric(row.reconstruct_ms, 2),
                    format_metric(row.view_ms, 2),
                    format_metric(row.tokens_per_second, 0),
                    fmt::format("{:.2e}", row.pair.max_absolute),
                    format_metric(row.pair.psnr, 1)});
  }
  return rows;
}

json quality_json(const view::Quality& quality) {
  return {{"psnr", metric_json(quality.psnr)},
          {"ssim", metric_json(quality.ssim)},
          {"masked_psnr", metric_json(quality.masked_psnr)}};
}

json table_json(const ViewState& state) {
  json rows = json::array();
  for (const TableRow& row : state.table) {
    json psnrs = json::object();
    for (size_t i = 0; i < row.views.size(); ++i) {
      psnrs[std::to_string(row.views[i])] = metric_json(row.psnrs[i]);
    }
    rows.push_back({{"model", row.source.model},
                    {"variant", row.variant},
                    {"form", form_name(row.source.form)},
                    {"mean", quality_json(row.mean)},
                    {"psnr_of_view", std::move(psnrs)},
                    {"reconstruct_ms", metric_json(row.reconstruct_ms)},
                    {"ms_per_view", metric_json(row.view_ms)},
                    {"tokens_per_second", metric_json(row.tokens_per_second)},
                    {"between_forms",
                     {{"psnr", metric_json(row.pair.psnr)},
                      {"max_absolute", metric_json(row.pair.max_absolute)}}},
                    {"error", row.error}});
  }
  return rows;
}

json curve_json(const ViewState& state) {
  json points = json::array();
  for (const view::CurvePoint& point : state.curve) {
    points.push_back({{"views", point.views},
                      {"batch_psnr", metric_json(point.batch_psnr)},
                      {"streamed_psnr", metric_json(point.streamed_psnr)}});
  }
  return {{"model", state.curve_model}, {"points", std::move(points)}};
}

json frame_numbers(const ViewState& state) {
  json sources = json::array();
  if (state.full) {
    for (const view::SourceFrame& source : state.full->sources) {
      json entry = quality_json(source.quality);
      entry["source"] = view::source_label(source.source);
      entry["error"] = source.error;
      entry["render_ms"] = metric_json(source.render_ms);
      sources.push_back(std::move(entry));
    }
  }
  return sources;
}

}  // namespace

void export_numbers(const ViewState& state, const std::string& path) {
  if (state.scene == nullptr) {
    throw Error("there are no values yet: no scene is open");
  }
  create_folder(std::filesystem::absolute(path).parent_path());
  if (path.ends_with(".csv")) {
    write_file_atomically(path, format_csv(table_rows(state)));
    return;
  }
  const json numbers = {{"scene", state.scene->path},
                        {"size", {state.scene->height, state.scene->width}},
                        {"input_views", view::input_views(state)},
                        {"machine", describe_machine()},
                        {"provenance", provenance_json()},
                        {"psnr_definition", kPsnrDefinition},
                        {"camera", view::camera_json(state.view.camera)},
                        {"view", state.snapped},
                        {"frame", frame_numbers(state)},
                        {"table", table_json(state)},
                        {"curve", curve_json(state)}};
  write_json(path, numbers);
}

std::string next_free_path(const std::filesystem::path& folder,
                           const std::string& stem,
                           const std::string& extension) {
  int highest = 0;  // 1: the name without a number
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder.empty() ? "." : folder, error), end;
       !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (!name.starts_with(stem)) {
      continue;
    }
    std::string rest = name.substr(stem.size());
    int number = 1;
    if (rest.starts_with('_')) {
      const size_t digits = rest.find_first_not_of("0123456789", 1);
      const size_t count = std::min(digits, rest.size()) - 1;
      if (count < 3 || count > 9) {
        continue;
      }
      number = std::stoi(rest.substr(1, count));
      rest = rest.substr(1 + count);
    }
    if (extension.empty() ? rest.starts_with('.') : rest == extension) {
      highest = std::max(highest, number);
    }
  }
  const std::string number = highest > 0 ? fmt::format("_{:03}", highest + 1) : "";
  return (folder / (stem + number + extension)).string();
}

std::string next_free_path(const std::filesystem::path& path) {
  return next_free_path(path.parent_path(), path.stem().string(), path.extension().string());
}

PngText picture_metadata(const ViewState& state) {
  PngText text = {{"Software", "parallax " + build_commit()}};
  if (state.scene != nullptr) {
    text["Scene"] = state.scene->path;
    text["Pose"] = view::camera_json(state.view.camera).dump();
    text["View"] = state.snapped >= 0 ? std::to_string(state.snapped) : "none of the scene's";
    text["Input views"] = fmt::format("{}", fmt::join(view::input_views(state), ","));
  }
  json models = json::array();
  for (const auto& [name, loaded] : state.loaded) {
    models.push_back(
        {{"model", name}, {"variant", loaded.model.variant}, {"hash", loaded.model.hash}});
  }
  text["Models"] = dump_json(models);
  json panes = json::array();
  for (const view::Pane& pane : state.panes) {
    panes.push_back(view::pane_title(state, pane));
  }
  text["Panes"] = dump_json(panes);
  text["Numbers"] = dump_json(frame_numbers(state));
  text["Screen"] = view::kScreenNames[static_cast<int>(state.screen)];
  return text;
}

}  // namespace parallax
