// The laboratory on the Probe screen: its probes, the run, its page and findings.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "apps/viewer/ui.h"
#include "core/base/shell_words.h"

namespace parallax {
namespace {

using view::LabState;
using view::ViewState;

std::size_t chosen_probes(const LabState& lab) {
  return static_cast<std::size_t>(
      std::count_if(lab.probes.begin(), lab.probes.end(), [](const auto& p) { return p.chosen; }));
}

std::string probe_label(const LabState& lab, const view::LabProbeChoice& probe) {
  const auto done = lab.folder.seconds.find(probe.name);
  return done == lab.folder.seconds.end()
             ? probe.name
             : fmt::format("{}  (done, took {:.1f} s)", probe.name, done->second);
}

bool draw_probe_choice(LabState& lab, Ui& ui) {
  const std::size_t chosen = chosen_probes(lab);
  const std::string preview = chosen == lab.probes.size()
                                  ? "all probes"
                                  : fmt::format("{} of {} probes", chosen, lab.probes.size());
  bool changed = false;
  ImGui::SetNextItemWidth(-1);
  const bool open = ImGui::BeginCombo("##probes", preview.c_str(), ImGuiComboFlags_HeightLarge);
  mark_item(ui, "probe/lab/probes");
  if (!open) {
    return false;
  }
  const bool all = chosen == lab.probes.size();
  if (ImGui::Selectable(all ? "none" : "all", false, ImGuiSelectableFlags_DontClosePopups)) {
    for (view::LabProbeChoice& probe : lab.probes) {
      probe.chosen = !all;
    }
    changed = true;
  }
  mark_item(ui, "probe/lab/probes/all");
  for (view::LabProbeChoice& probe : lab.probes) {
    const std::string label = fmt::format("{}###{}", probe_label(lab, probe), probe.name);
    changed |= ImGui::Checkbox(label.c_str(), &probe.chosen);
    mark_item(ui, "probe/lab/probes/" + probe.name);
    if (ImGui::IsItemHovered()) {
      ImGui::SetTooltip("%s\n%s", probe.title.c_str(), probe.summary.c_str());
    }
  }
  ImGui::EndCombo();
  return changed;
}

// What the last run came to, if it was of the shown scene and model.
void draw_end(const LabState& lab, Ui& ui) {
  if (lab.run.folder != lab.folder.path) {
    return;
  }
  for (const std::string& error : lab.run.errors) {
    draw_note(error, true);
    mark_item(ui, "probe/lab/error");
  }
  if (lab.run.was_cancelled) {
    draw_note("Stopped. What is done is kept: it can be run again.");
    mark_item(ui, "probe/lab/stopped");
  }
}

// How many of the chosen probes a run would leave out, being done.
void draw_done(const LabState& lab) {
  const std::size_t chosen = chosen_probes(lab);
  const auto done = static_cast<std::size_t>(
      std::count_if(lab.probes.begin(), lab.probes.end(), [&](const auto& probe) {
        return probe.chosen && lab.folder.seconds.count(probe.name) != 0;
      }));
  if (done > 0 && done < chosen) {
    draw_note(fmt::format("{} of {} probes are done; it goes on with the others.", done, chosen));
  } else if (done > 0) {
    draw_note("These probes are done.");
  }
}

bool draw_start(ViewState& state, Ui& ui) {
  const LabState& lab = state.lab;
  const bool can_run = !lab.words.empty() && chosen_probes(lab) > 0;
  bool changed = false;
  ImGui::BeginDisabled(!can_run);
  if (ImGui::Button("run the laboratory")) {
    state.commands.emplace_back(view::RunLabCommand{});
    changed = true;
  }
  ImGui::EndDisabled();
  mark_item(ui, "probe/lab/run");
  if (state.scene != nullptr && lab.words.empty()) {
    ImGui::TextDisabled("Without input views there is nothing to examine.");
  } else if (state.scene != nullptr && !state.scene->added.empty()) {
    ImGui::TextWrapped("It examines the scene without the views that were added.");
  }
  draw_end(lab, ui);
  draw_done(lab);
  return changed;
}

bool draw_run(ViewState& state, Ui& ui) {
  const view::LabRun& run = state.lab.run;
  bool changed = false;
  if (ImGui::Button("cancel")) {
    state.commands.emplace_back(view::CancelLabCommand{});
    changed = true;
  }
  mark_item(ui, "probe/lab/cancel");
  ImGui::SameLine();
  const std::string probe = run.probe.empty() ? "preparing" : run.probe;
  ImGui::ProgressBar(static_cast<float>(run.share), {-1, 0}, probe.c_str());
  mark_item(ui, "probe/lab/progress");
  draw_note(fmt::format("{}: {}", run.title, run.work.empty() ? "starting" : run.work));
  if (!run.probe.empty()) {
    mark_item(ui, "probe/lab/work");
  }
  if (!run.progress.empty()) {
    draw_note(run.progress);
  }
  for (const std::string& error : run.errors) {
    draw_note(error, true);
  }
  return changed;
}

bool draw_page(ViewState& state, Ui& ui) {
  const view::LabFolder& folder = state.lab.folder;
  if (folder.page.empty()) {
    if (!folder.path.empty()) {
      ImGui::TextWrapped("Its page will be %s/lab.html", folder.path.c_str());
    }
    return false;
  }
  bool changed = false;
  if (ImGui::Button("open the page")) {
    state.commands.emplace_back(view::OpenPageCommand{folder.page});
    changed = true;
  }
  mark_item(ui, "probe/lab/page");
  ImGui::SameLine();
  if (ImGui::Button("copy its path")) {
    ImGui::SetClipboardText(std::filesystem::absolute(folder.page).c_str());
  }
  mark_item(ui, "probe/lab/path");
  ImGui::TextWrapped("%s", folder.page.c_str());
  if (!state.lab.page_error.empty()) {
    draw_note(state.lab.page_error, true);
    mark_item(ui, "probe/lab/page/error");
  }
  return changed;
}

ImVec4 verdict_colour(const std::string& verdict) {
  if (verdict == "holds here") {
    return {0.45F, 0.85F, 0.5F, 1};
  }
  if (verdict == "does not hold here") {
    return {1, 0.6F, 0.4F, 1};
  }
  return ImGui::GetStyleColorVec4(ImGuiCol_TextDisabled);
}

void draw_findings(const view::LabFolder& folder, Ui& ui) {
  if (!folder.findings.empty()) {
    ImGui::Separator();
  }
  for (std::size_t i = 0; i < folder.findings.size(); ++i) {
    const view::LabFinding& finding = folder.findings[i];
    ImGui::BeginGroup();
    draw_note(finding.claim);
    ImGui::PushStyleColor(ImGuiCol_Text, verdict_colour(finding.verdict));
    draw_note(finding.number.empty() ? finding.verdict
                                     : fmt::format("{}: {}", finding.verdict, finding.number));
    ImGui::PopStyleColor();
    ImGui::EndGroup();
    mark_item(ui, fmt::format("probe/lab/finding/{}", i));
    if (ImGui::IsItemHovered()) {
      ImGui::BeginTooltip();
      ImGui::PushTextWrapPos(ImGui::GetFontSize() * 35);
      ImGui::TextUnformatted(finding.sentence.c_str());
      ImGui::PopTextWrapPos();
      ImGui::EndTooltip();
    }
  }
}

}  // namespace

bool draw_lab_panel(ViewState& state, Ui& ui) {
  if (state.scene == nullptr || state.probe.model.empty()) {
    return false;
  }
  LabState& lab = state.lab;
  ImGui::TextUnformatted("The laboratory: these probes on one page");
  bool changed = draw_probe_choice(lab, ui);
  changed |= lab.run.is_running ? draw_run(state, ui) : draw_start(state, ui);
  changed |= draw_page(state, ui);
  if (!lab.words.empty() && ImGui::Button("copy the command")) {
    ImGui::SetClipboardText(("parallax " + shell_line(lab.words)).c_str());
  }
  mark_item(ui, "probe/lab");
  draw_findings(lab.folder, ui);
  return changed;
}

}  // namespace parallax
