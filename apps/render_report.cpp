// The figures of a rendered scene, as a table and as JSON.
#include "apps/render_report.h"

#include <fmt/format.h>

#include "apps/report/results.h"
#include "apps/report/system_info.h"
#include "vision/models/variant_text.h"
#include "vision/scene/image_size.h"

namespace parallax {
namespace {

// What each form took, with its scatter where it was timed in rounds.
struct SpeedCells {
  std::string reconstruct;
  std::string view;
};

SpeedCells form_speed_cells(const FormEvaluation& form, const FormSpeed* speed) {
  constexpr double kMillisecond = 1e-3;
  SpeedCells cells{fmt::format("{:.1f}", form.reconstruct_seconds * 1e3),
                   format_metric(form.seconds_per_view() * 1e3, 2)};
  if (speed != nullptr) {
    cells.reconstruct = format_spread(spread_of(speed->reconstruct_seconds), kMillisecond);
    if (!speed->view_seconds.empty()) {
      cells.view = format_spread(spread_of(speed->view_seconds), kMillisecond);
    }
  }
  return cells;
}

// Which form is faster, or that none is.
void print_speeds(const std::vector<FormSpeed>& speeds, size_t num_forms) {
  if (speeds.empty()) {
    fmt::print("speeds: one run each, in which the first form may be slower\n");
    return;
  }
  if (num_forms == 2) {
    const std::string first(form_name(speeds[0].form));
    const std::string second(form_name(speeds[1].form));
    fmt::print("reading: {}\n",
               compare_rounds(
                   speeds[0].reconstruct_seconds, speeds[1].reconstruct_seconds, first, second));
  }
}

}  // namespace

void print_render_table(const PreparedScene& scene,
                        const NvsModel& model,
                        bool streamed,
                        const std::vector<FormEvaluation>& forms,
                        const std::vector<FormSpeed>& speeds) {
  fmt::print("scene {} ({}), model {} (variant {}: {}), {}, {} input views{}, {} held-out views\n",
             scene.name,
             scene.format,
             model.name,
             model.card.options.variant,
             full_summary(find_variant(model.card.options.variant)),
             size_text(scene.width, scene.height),
             scene.inputs.indices.size(),
             streamed ? " one after the other" : "",
             scene.targets.indices.size());
  std::vector<std::vector<std::string>> rows = {{"form",
                                                 "PSNR dB",
                                                 "SSIM",
                                                 "masked dB",
                                                 "pooled dB",
                                                 "reconstruct ms",
                                                 "ms/view",
                                                 "tokens/s"}};
  for (size_t i = 0; i < forms.size(); ++i) {
    const FormEvaluation& form = forms[i];
    const SpeedCells speed = form_speed_cells(form, speeds.empty() ? nullptr : &speeds[i]);
    rows.push_back({std::string(form_name(form.form)),
                    format_metric(form.mean.psnr, 2),
                    format_metric(form.mean.ssim, 4),
                    format_metric(form.mean.masked_psnr, 2),
                    format_metric(form.pooled_psnr, 2),
                    speed.reconstruct,
                    speed.view,
                    fmt::format("{:.0f}", form.reconstruct_tokens_per_second())});
  }
  fmt::print("{}", format_table(rows));
  print_speeds(speeds, forms.size());
  if (forms.size() == 2 && !scene.targets.indices.empty()) {
    const FormDifference difference = compare_images(forms[0].images, forms[1].images);
    fmt::print("recurrent against parallel: PSNR {} dB, largest difference {:.2e}\n",
               format_metric(difference.psnr, 1),
               difference.max_absolute);
  }
  fmt::print("{}\n", kPsnrDefinition);
}

nlohmann::json render_summary(const PreparedScene& scene,
                              const NvsModel& model,
                              const std::vector<FormEvaluation>& forms,
                              const std::vector<FormSpeed>& speeds,
                              bool streamed,
                              const NvsRunOptions& run) {
  nlohmann::json json = {{"scene", scene_json(scene)},
                         {"model", model_json(model)},
                         {"reading", reading_name(streamed)},
                         {"options", options_to_json(run)},
                         {"provenance", provenance_json()},
                         {"psnr_definition", kPsnrDefinition}};
  for (const FormEvaluation& form : forms) {
    json["forms"][std::string(form_name(form.form))] = evaluation_json(form);
  }
  for (const FormSpeed& speed : speeds) {
    json["forms"][std::string(form_name(speed.form))]["rounds"] = form_speed_json(speed);
  }
  if (forms.size() == 2 && !scene.targets.indices.empty()) {
    json["difference"] = difference_json(compare_images(forms[0].images, forms[1].images));
  }
  return json;
}

}  // namespace parallax
