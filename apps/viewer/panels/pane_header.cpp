// The menus above a pane: what it shows, of which model, in which form.
#include <fmt/format.h>

#include <algorithm>

#include "apps/viewer/ui.h"

namespace parallax {
namespace {

using view::Pane;
using view::PaneKind;
using view::ViewState;

// A menu of the names; returns whether a different one was chosen.
template <class Names>
bool choose(const char* id, const std::string& shown, const Names& names, int& chosen) {
  bool changed = false;
  if (ImGui::BeginCombo(id, shown.c_str(), ImGuiComboFlags_NoArrowButton)) {
    for (int i = 0; i < static_cast<int>(std::size(names)); ++i) {
      if (ImGui::Selectable(std::string(names[i]).c_str(), i == chosen)) {
        changed = chosen != i;
        chosen = i;
      }
    }
    ImGui::EndCombo();
  }
  return changed;
}

float combo_width(const std::string& text) {
  return ImGui::CalcTextSize(text.c_str()).x + 2 * ImGui::GetStyle().FramePadding.x + 1;
}

// Goes on in the same line, or in the next one where the menus are in a column.
void next_item(bool stacked) {
  if (!stacked) {
    ImGui::SameLine();
  }
}

bool choose_model(ViewState& state, Ui& ui, Pane& pane, const std::string& name, float width) {
  bool changed = false;
  ImGui::SetNextItemWidth(width);
  const float text = width - 2 * ImGui::GetStyle().FramePadding.x;
  const bool open = ImGui::BeginCombo("##model",
                                      middle_ellipsis(pane.source.model, text).c_str(),
                                      ImGuiComboFlags_NoArrowButton | ImGuiComboFlags_HeightLarge);
  mark_item(ui, name + "/model");
  if (!open) {
    if (ImGui::IsItemHovered()) {
      ImGui::SetTooltip("%s", pane.source.model.c_str());
    }
    return false;
  }
  for (const view::ModelChoice& model : state.models) {
    const std::string label =
        fmt::format("{}   variant {}: {}", model.name, model.variant, model.summary);
    if (ImGui::Selectable(label.c_str(), model.name == pane.source.model) &&
        model.name != pane.source.model) {
      pane.previous_model = pane.source.model;
      pane.source.model = model.name;
      if (model.reading == view::ReadMode::kStreamed) {
        pane.source.reading = model.reading;
      }
      state.model_errors.erase(model.name);
      changed = true;
    }
    mark_item(ui, name + "/model/" + model.name);
  }
  ImGui::EndCombo();
  return changed;
}

bool draw_model_choice(ViewState& state,
                       Ui& ui,
                       Pane& pane,
                       const std::string& name,
                       bool stacked) {
  const char* forms[] = {"recurrent", "parallel"};
  const char* readings[] = {"batch", "streamed"};
  const float form_width = combo_width(forms[0]);
  const float reading_width = combo_width(readings[1]);
  const float gap = ImGui::GetStyle().ItemSpacing.x;
  const float room = ImGui::GetContentRegionAvail().x;
  const float others = stacked ? 0 : form_width + reading_width + 2 * gap;
  bool changed =
      choose_model(state, ui, pane, name, std::max(room - others, 2 * ImGui::GetFontSize()));
  next_item(stacked);
  int form = static_cast<int>(pane.source.form);
  ImGui::SetNextItemWidth(form_width);
  if (choose("##form", forms[form], forms, form)) {
    pane.source.form = static_cast<Form>(form);
    changed = true;
  }
  mark_item(ui, name + "/form");
  ImGui::SameLine();
  int reading = static_cast<int>(pane.source.reading);
  ImGui::SetNextItemWidth(reading_width);
  if (choose("##reading", readings[reading], readings, reading)) {
    pane.source.reading = static_cast<view::ReadMode>(reading);
    changed = true;
  }
  mark_item(ui, name + "/reading");
  if (ImGui::IsItemHovered()) {
    ImGui::SetTooltip(
        "batch: all input views in one range, as most models are trained.\nstreamed: one view "
        "after the other, "
        "each changing the fast weights\nthat the next one meets. Another computation: its PSNR is "
        "not the batch one's.");
  }
  return changed;
}

bool draw_gain_choice(Pane& pane, bool stacked) {
  bool changed = ImGui::Checkbox("colours", &pane.false_colour);
  ImGui::SameLine();
  changed |= ImGui::Checkbox("auto", &pane.automatic_gain);
  if (ImGui::IsItemHovered()) {
    ImGui::SetTooltip(
        "The colours end at the difference that 99.5 %% of the pixels do not exceed.");
  }
  if (!pane.automatic_gain) {
    next_item(stacked);
    ImGui::SetNextItemWidth(-1);
    changed |=
        ImGui::SliderFloat("##gain", &pane.gain, 1, 1e7F, "x%.0f", ImGuiSliderFlags_Logarithmic);
  }
  return changed;
}

bool draw_difference_choice(const ViewState& state, Pane& pane, bool stacked) {
  bool changed = false;
  for (int* index : {&pane.first, &pane.second}) {
    ImGui::PushID(index);
    ImGui::SetNextItemWidth(combo_width("00"));
    std::vector<std::string> numbers;
    for (size_t i = 0; i < state.panes.size(); ++i) {
      numbers.push_back(std::to_string(i + 1));
    }
    changed |= choose("##pane", std::to_string(*index + 1), numbers, *index);
    ImGui::SameLine();
    ImGui::PopID();
  }
  int kind = static_cast<int>(pane.difference);
  ImGui::SetNextItemWidth(combo_width(view::kDifferenceNames[0]));
  if (choose("##kind", view::kDifferenceNames[kind], view::kDifferenceNames, kind)) {
    pane.difference = static_cast<view::DifferenceKind>(kind);
    changed = true;
  }
  next_item(stacked);
  return draw_gain_choice(pane, stacked) || changed;
}

}  // namespace

bool draw_pane_header(ViewState& state, Ui& ui, int index, bool stacked) {
  constexpr float kNarrow = 28;  // ems: a narrower pane names its kind by its number alone
  Pane& pane = state.panes[index];
  const std::string name = fmt::format("pane/{}", index);
  int kind = static_cast<int>(pane.kind);
  const bool narrow = !stacked && ImGui::GetContentRegionAvail().x < kNarrow * ImGui::GetFontSize();
  const std::string shown = narrow ? std::to_string(index + 1)
                                   : fmt::format("{}: {}", index + 1, view::kPaneKindNames[kind]);
  ImGui::SetNextItemWidth(combo_width(shown));
  bool changed = false;
  if (choose("##what", shown, view::kPaneKindNames, kind)) {
    pane.kind = static_cast<PaneKind>(kind);
    changed = true;
  }
  mark_item(ui, name + "/kind");
  next_item(stacked);
  if (pane.kind == PaneKind::kModel) {
    changed |= draw_model_choice(state, ui, pane, name, stacked);
  } else if (pane.kind == PaneKind::kDifference) {
    changed |= draw_difference_choice(state, pane, stacked);
  } else {
    ImGui::TextWrapped("%s", pane_title(state, pane).c_str());
  }
  return changed;
}

}  // namespace parallax
