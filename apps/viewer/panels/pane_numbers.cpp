// The lines of values under a pane.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/report/results.h"
#include "apps/viewer/ui.h"

namespace parallax {
namespace {

using view::Pane;
using view::PaneKind;
using view::ViewState;

const view::FormPair* find_pair(const ViewState& state, view::ModelSource source) {
  source.form = Form::kRecurrent;
  const auto& pairs = state.full->pairs;
  const auto found = std::find_if(
      pairs.begin(), pairs.end(), [&](const auto& pair) { return pair.source == source; });
  return found == pairs.end() ? nullptr : &*found;
}

std::string quality_text(const view::SourceFrame& source, bool has_truth) {
  if (!has_truth) {
    return "not at a view of the scene: nothing to measure against";
  }
  std::string text = fmt::format("PSNR {} dB{}SSIM {}",
                                 format_metric(source.quality.psnr, 2),
                                 kNumberGap,
                                 format_metric(source.quality.ssim, 3));
  if (!std::isnan(source.quality.masked_psnr)) {
    text += fmt::format(
        "{}in the object {} dB", kNumberGap, format_metric(source.quality.masked_psnr, 2));
  }
  return text;
}

std::string pair_text(const view::FormPair& pair) {
  return pair.missing.empty() ? fmt::format("recurrent | parallel:{}{} dB{}at most {:.1e}",
                                            kNumberGap,
                                            format_metric(pair.psnr, 1),
                                            kNumberGap,
                                            pair.max_absolute)
                              : "recurrent | parallel: " + pair.missing;
}

NumberLines model_numbers(const ViewState& state, const Pane& pane) {
  const auto& sources = state.full->sources;
  const auto found = std::find_if(sources.begin(), sources.end(), [&](const auto& frame) {
    return frame.source == pane.source;
  });
  NumberLines lines;
  if (found != sources.end() && found->picture != nullptr) {
    lines[0] = quality_text(*found, state.full->view >= 0);
    lines[1] = fmt::format("{:.1f} ms, {:.0f} tokens/s{}views read in {:.0f} ms",
                           found->render_ms,
                           found->tokens_per_second,
                           kNumberGap,
                           found->reconstruct_ms);
  }
  if (const view::FormPair* pair = find_pair(state, pane.source)) {
    lines[2] = pair_text(*pair);
  }
  return lines;
}

NumberLines difference_numbers(const ViewState& state,
                               const Pane& pane,
                               const PaneDrawing& drawing) {
  const auto difference = view::compare_pictures(drawing.first, drawing.second);
  if (!difference) {
    return {};
  }
  return {fmt::format("PSNR {} dB{}at most {:.2e}",
                      format_metric(difference->psnr, 1),
                      kNumberGap,
                      difference->max_absolute),
          pane_title(state, state.panes[pane.first]) + " | " +
              pane_title(state, state.panes[pane.second])};
}

}  // namespace

NumberLines pane_numbers(const ViewState& state,
                         const Pane& pane,
                         const std::optional<PaneDrawing>& drawing) {
  if (pane.kind == PaneKind::kModel && state.full) {
    return model_numbers(state, pane);
  }
  if (pane.kind == PaneKind::kDifference && drawing) {
    return difference_numbers(state, pane, *drawing);
  }
  return {};
}

}  // namespace parallax
