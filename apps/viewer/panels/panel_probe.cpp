// The inner-loop changes studied in the paper, live next to the unchanged output, with their effect
// on the tokens of a layer.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/report/results.h"
#include "apps/viewer/panels/plots.h"
#include "apps/viewer/ui.h"

namespace parallax {
namespace {

using view::ModelSource;
using view::ProbeState;
using view::ViewState;

bool draw_controls(ViewState& state, Ui& ui) {
  ProbeState& probe = state.probe;
  bool changed = false;
  if (ImGui::BeginCombo("model", probe.model.c_str(), ImGuiComboFlags_HeightLarge)) {
    for (const view::ModelChoice& model : state.models) {
      if (ImGui::Selectable(fmt::format("{} (variant {})", model.name, model.variant).c_str())) {
        probe.model = model.name;
        changed = true;
      }
    }
    ImGui::EndCombo();
  }
  mark_item(ui, "probe/model");
  int form = static_cast<int>(probe.form);
  changed |= ImGui::RadioButton("recurrent", &form, 0);
  ImGui::SameLine();
  changed |= ImGui::RadioButton("parallel", &form, 1);
  probe.form = static_cast<Form>(form);
  changed |= ImGui::SliderInt(
      "inner steps", &probe.change.inner_steps, 1, 64, "%d", ImGuiSliderFlags_Logarithmic);
  mark_item(ui, "probe/steps");
  changed |= ImGui::Checkbox("gradient ascent instead of descent", &probe.change.ascent);
  mark_item(ui, "probe/ascent");
  changed |= ImGui::Checkbox("query := key", &probe.change.key_as_query);
  mark_item(ui, "probe/key");
  changed |= ImGui::Checkbox("mean squared error as inner loss", &probe.change.mse);
  mark_item(ui, "probe/mse");
  const auto loaded = state.loaded.find(probe.model);
  const int blocks = loaded != state.loaded.end() ? loaded->second.blocks : 1;
  probe.block = std::clamp(probe.block, 0, std::max(blocks - 1, 0));
  changed |= ImGui::SliderInt("layer", &probe.block, 0, std::max(blocks - 1, 0));
  mark_item(ui, "probe/layer");
  ImGui::TextWrapped(
      "The weights stay as they were trained: this is what the changed inner loop makes of them.");
  ImGui::Separator();
  if (std::isfinite(probe.projection.equivalence)) {
    ImGui::TextWrapped("Layer %d is q (S0 + sum of k v) to %.1e in float64.",
                       probe.projection.block,
                       probe.projection.equivalence);
  }
  ImGui::TextWrapped(
      "All views are read in one update range: both forms are then one gradient step computed in "
      "two orders. They are two computations over several ranges: choose streamed reading.");
  ImGui::Separator();
  changed |= draw_lab_panel(state, ui);
  return changed;
}

bool draw_picture_of(ViewState& state,
                     Ui& ui,
                     int index,
                     const view::ImagePtr& picture,
                     float side) {
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const ItemRect rect{at, {at.x + side, at.y + side}};
  ImGui::PushID(index);
  ImGui::InvisibleButton("picture", {side, side});
  mark_rect(ui, fmt::format("probe/picture/{}", index), rect.min, rect.max);
  ImGui::PopID();
  bool changed = false;
  if (picture == nullptr) {
    ImGui::GetWindowDrawList()->AddRectFilled(rect.min, rect.max, IM_COL32(28, 28, 32, 255));
    return false;
  }
  PaneDrawing drawing = place_picture(state, static_cast<int>(side), static_cast<int>(side));
  drawing.first = picture;
  if (ImGui::IsItemHovered() || ImGui::IsItemActive()) {
    changed = handle_picture_mouse(state, drawing, rect);
  }
  show_drawing(ui, index, drawing, rect);
  return changed;
}

std::string numbers_of(const ViewState& state, const ModelSource& source) {
  const view::SourceFrame* frame = view::find_source(state, source);
  if (frame == nullptr) {
    return "rendering ...";
  }
  if (!frame->error.empty()) {
    return frame->error;
  }
  return std::isnan(frame->quality.psnr) ? fmt::format("{:.1f} ms", frame->render_ms)
                                         : fmt::format("PSNR {} dB, SSIM {}, {:.1f} ms",
                                                       format_metric(frame->quality.psnr, 2),
                                                       format_metric(frame->quality.ssim, 3),
                                                       frame->render_ms);
}

bool draw_pictures(ViewState& state, Ui& ui) {
  const ModelSource own{state.probe.model, state.probe.form};
  ModelSource changed_source = own;
  changed_source.change = state.probe.change;
  const view::SourceFrame* a = view::find_source(state, own);
  const view::SourceFrame* b = view::find_source(state, changed_source);
  const ImVec2 room = ImGui::GetContentRegionAvail();
  const float spacing = ImGui::GetStyle().ItemSpacing.x;
  const float side =
      std::floor(std::max(16.0F, std::min((room.x - 2 * spacing) / 3, room.y * 0.5F)));
  const view::ImagePtr pictures[] = {state.frame ? state.frame->truth : nullptr,
                                     a != nullptr ? a->picture : nullptr,
                                     b != nullptr ? b->picture : nullptr};
  const std::string titles[] = {
      "truth", view::source_label(own), "changed: " + view::source_label(changed_source)};
  const std::string numbers[] = {state.snapped >= 0 ? fmt::format("view {}", state.snapped) : "-",
                                 numbers_of(state, own),
                                 numbers_of(state, changed_source)};
  bool changed = false;
  for (int i = 0; i < 3; ++i) {
    if (i > 0) {
      ImGui::SameLine();
    }
    ImGui::BeginGroup();
    ImGui::PushTextWrapPos(ImGui::GetCursorPosX() + side);
    ImGui::TextUnformatted(titles[i].c_str());
    changed |= draw_picture_of(state, ui, i, pictures[i], side);
    ImGui::TextUnformatted(numbers[i].c_str());
    ImGui::PopTextWrapPos();
    ImGui::EndGroup();
  }
  return changed;
}

PlotSeries points_of(const char* label, const std::vector<view::Point>& points) {
  PlotSeries series{label, {}};
  for (const view::Point& point : points) {
    series.points.emplace_back(point.x, point.y);
  }
  return series;
}

void draw_projection(const ViewState& state) {
  const view::TokenProjection& projection = state.probe.projection;
  if (projection.queries.empty()) {
    ImGui::TextDisabled("The layer's tokens are being computed.");
    return;
  }
  const ImVec2 room = ImGui::GetContentRegionAvail();
  const float width = (room.x - 2 * ImGui::GetStyle().ItemSpacing.x) / 3;
  const ImVec2 size{width, std::max(room.y - 3 * ImGui::GetTextLineHeightWithSpacing(), 60.0F)};
  PlotSeries losses{"inner loss per token", {}};
  for (size_t i = 0; i < projection.losses.size(); ++i) {
    losses.points.emplace_back(static_cast<double>(i), projection.losses[i]);
  }
  const auto group = [&](const std::string& title, const auto& draw) {
    ImGui::BeginGroup();
    ImGui::PushTextWrapPos(ImGui::GetCursorPosX() + width);
    ImGui::TextUnformatted(title.c_str());
    draw();
    ImGui::PopTextWrapPos();
    ImGui::EndGroup();
  };
  group(fmt::format("layer {}: loss after each inner step", projection.block),
        [&] { draw_line_plot("losses", {losses}, "inner steps", "loss", size); });
  ImGui::SameLine();
  group(fmt::format("Q and K, mean cosine {:.2f}, {:.0f} % told apart",
                    projection.query_key_cosine,
                    100 * projection.told_apart),
        [&] {
          draw_scatter_plot(
              "qk", {points_of("Q", projection.queries), points_of("K", projection.keys)}, size);
        });
  ImGui::SameLine();
  group("V and O", [&] {
    draw_scatter_plot(
        "vo", {points_of("V", projection.values), points_of("O", projection.outputs)}, size);
  });
}

}  // namespace

bool draw_probe_panel(ViewState& state, Ui& ui) {
  const float width = ImGui::GetContentRegionAvail().x;
  ImGui::BeginChild("controls", {width * 0.27F, 0}, true);
  ImGui::PushItemWidth(-ImGui::GetFontSize() * 5);
  bool changed = draw_controls(state, ui);
  ImGui::PopItemWidth();
  ImGui::EndChild();
  ImGui::SameLine();
  ImGui::BeginChild("results", {0, 0}, true);
  if (state.scene == nullptr) {
    draw_note("No scene is open.");
  } else {
    changed |= draw_pictures(state, ui);
    draw_projection(state);
  }
  ImGui::EndChild();
  return changed;
}

}  // namespace parallax
