// The table of all variants and forms, PSNR per view, and PSNR over the number of views read.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "apps/report/results.h"
#include "apps/viewer/panels/plots.h"
#include "apps/viewer/ui.h"

namespace parallax {
namespace {

using view::TableRow;
using view::ViewState;

// A column's title and its width in ems, whatever is in it.
constexpr std::pair<const char*, float> kColumns[] = {{"model", 5.5F},
                                                      {"V", 1},
                                                      {"form", 4.8F},
                                                      {"PSNR dB", 4},
                                                      {"in object", 4.2F},
                                                      {"SSIM", 3},
                                                      {"tokens/s", 4.5F},
                                                      {"ms", 3},
                                                      {"differ", 3.5F}};

struct Range {
  double low = 0;
  double high = 0;
  double share(double value) const {
    return high > low ? (value - low) / (high - low) : (std::isfinite(value) ? 1.0 : 0.0);
  }
};

// Bars start a little below the smallest value, so that small differences show.
Range psnr_range(const std::vector<TableRow>& rows) {
  Range range{1e300, -1e300};
  for (const TableRow& row : rows) {
    if (std::isfinite(row.mean.psnr)) {
      range.low = std::min(range.low, row.mean.psnr - 1);
      range.high = std::max(range.high, row.mean.psnr);
    }
  }
  return range;
}

double fastest(const std::vector<TableRow>& rows) {
  double most = 0;
  for (const TableRow& row : rows) {
    most = std::isfinite(row.tokens_per_second) ? std::max(most, row.tokens_per_second) : most;
  }
  return most;
}

void draw_row(ViewState& state, const TableRow& row, const Range& range, double most) {
  ImGui::TableNextRow();
  ImGui::TableNextColumn();
  const std::string name = middle_ellipsis(row.source.model, ImGui::GetContentRegionAvail().x);
  const bool chosen = ImGui::Selectable(
      fmt::format("{}##{} {}", name, row.source.model, form_name(row.source.form)).c_str(),
      false,
      ImGuiSelectableFlags_SpanAllColumns);
  if (ImGui::IsItemHovered()) {
    ImGui::SetTooltip("%s\nclick: show it in the first pane", row.source.model.c_str());
  }
  if (chosen && !state.panes.empty()) {
    state.panes.front().kind = view::PaneKind::kModel;
    state.panes.front().source = row.source;
  }
  ImGui::TableNextColumn();
  ImGui::TextUnformatted(row.variant.c_str());
  ImGui::TableNextColumn();
  if (!row.error.empty()) {
    ImGui::TextWrapped("%s", row.error.c_str());
    return;
  }
  ImGui::Text("%s", std::string(form_name(row.source.form)).c_str());
  const int colour = static_cast<int>(row.source.form);
  ImGui::TableNextColumn();
  draw_bar(range.share(row.mean.psnr),
           format_metric(row.mean.psnr, 2),
           ImGui::GetContentRegionAvail().x,
           colour);
  ImGui::TableNextColumn();
  ImGui::TextUnformatted(format_metric(row.mean.masked_psnr, 2).c_str());
  ImGui::TableNextColumn();
  ImGui::TextUnformatted(format_metric(row.mean.ssim, 3).c_str());
  ImGui::TableNextColumn();
  draw_bar(most > 0 ? row.tokens_per_second / most : 0,
           fmt::format("{:.0f}", row.tokens_per_second),
           ImGui::GetContentRegionAvail().x,
           colour);
  ImGui::TableNextColumn();
  ImGui::Text("%.1f", row.view_ms);
  ImGui::TableNextColumn();
  ImGui::Text("%s",
              std::isnan(row.pair.max_absolute)
                  ? "-"
                  : fmt::format("{:.0e}", row.pair.max_absolute).c_str());
}

}  // namespace

bool draw_table_panel(ViewState& state, Ui& ui) {
  if (state.scene == nullptr) {
    draw_note("No scene is open.");
    return false;
  }
  if (state.task_progress) {
    ImGui::ProgressBar(static_cast<float>(state.task_progress->share),
                       {-1, ImGui::GetTextLineHeight()},
                       state.task_progress->text.c_str());
  }
  state.results_shown = true;
  const size_t held_out = view::held_out_views(state).size();
  const std::string measured = held_out <= view::kMostTableViews
                                   ? std::to_string(held_out)
                                   : fmt::format("{} of {}", view::kMostTableViews, held_out);
  ImGui::PushTextWrapPos(0);
  ImGui::TextDisabled(
      "%s held-out views, %zu read in a batch. Bars of PSNR begin 1 dB below the least; tokens/s: "
      "reading; ms: a view; differ: recurrent | parallel. Right-click a title to choose columns.",
      measured.c_str(),
      view::input_views(state).size());
  ImGui::PopTextWrapPos();
  const std::vector<TableRow> rows = state.table;
  constexpr ImGuiTableFlags kFlags = ImGuiTableFlags_RowBg | ImGuiTableFlags_BordersInnerV |
                                     ImGuiTableFlags_ScrollX | ImGuiTableFlags_ScrollY |
                                     ImGuiTableFlags_Resizable | ImGuiTableFlags_Hideable |
                                     ImGuiTableFlags_SizingFixedFit;
  if (ImGui::BeginTable("table", static_cast<int>(std::size(kColumns)), kFlags)) {
    ImGui::TableSetupScrollFreeze(1, 1);  // the name stays
    for (const auto& [title, width] : kColumns) {
      ImGui::TableSetupColumn(
          title, ImGuiTableColumnFlags_WidthFixed, width * ImGui::GetFontSize());
    }
    ImGui::TableHeadersRow();
    const Range range = psnr_range(rows);
    const double most = fastest(rows);
    for (const TableRow& row : rows) {
      draw_row(state, row, range, most);
    }
    ImGui::EndTable();
  }
  mark_item(ui, "table");
  return false;
}

bool draw_view_plot_panel(ViewState& state, Ui& /*ui*/) {
  state.results_shown = true;
  if (state.table.empty()) {
    draw_note("The background work has produced no row yet.");
    return false;
  }
  std::vector<PlotSeries> series;
  for (const TableRow& row : state.table) {
    // The forms agree to a hundredth of a millibel, so there is one line per model.
    if (row.source.form != Form::kRecurrent) {
      continue;
    }
    PlotSeries line{row.source.model, {}};
    for (size_t i = 0; i < row.views.size(); ++i) {
      line.points.emplace_back(row.views[i], row.psnrs[i]);
    }
    series.push_back(std::move(line));
  }
  const ImVec2 room = ImGui::GetContentRegionAvail();
  draw_line_plot("psnr per view",
                 series,
                 "held-out view",
                 "PSNR dB",
                 {room.x, std::max(room.y - 3 * ImGui::GetTextLineHeightWithSpacing(), 60.0F)});
  return false;
}

bool draw_curve_panel(ViewState& state, Ui& /*ui*/) {
  state.results_shown = true;
  if (state.curve.empty()) {
    draw_note(state.scene == nullptr ? "No scene is open."
                                     : "The background work has not reached this yet.");
    return false;
  }
  PlotSeries batch{state.curve_model + ", batch: all views in one range, as trained", {}};
  PlotSeries streamed{state.curve_model + ", streamed: view after view, another computation", {}};
  for (const view::CurvePoint& point : state.curve) {
    batch.points.emplace_back(point.views, point.batch_psnr);
    streamed.points.emplace_back(point.views, point.streamed_psnr);
  }
  const ImVec2 room = ImGui::GetContentRegionAvail();
  draw_line_plot("curve",
                 {batch, streamed},
                 "views read",
                 "PSNR dB",
                 {room.x, std::max(room.y - 3 * ImGui::GetTextLineHeightWithSpacing(), 60.0F)});
  return false;
}

}  // namespace parallax
