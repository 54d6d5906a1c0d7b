// One row per view: the truth, each form, and their differences.
#include "apps/render_sheet.h"

#include <fmt/format.h>

#include "apps/report/pictures.h"
#include "apps/report/results.h"
#include "vision/scene/image_size.h"

namespace parallax {
namespace {

constexpr int kSheetSide = 128;    // pixels of an image
constexpr size_t kSheetViews = 8;  // held-out views

// The gain that makes the largest of the shown differences visible, a power of ten.
double choose_gain(double largest) {
  double gain = 1;
  while (largest > 0 && largest * gain < 0.5 && gain < 1e9) {
    gain *= 10;
  }
  return gain;
}

std::vector<std::vector<SheetCell>> input_rows(const PreparedScene& scene) {
  std::vector<std::vector<SheetCell>> rows(1);
  for (size_t i = 0; i < scene.inputs.indices.size(); ++i) {
    if (rows.back().size() == 8) {
      rows.emplace_back();
    }
    rows.back().push_back({to_picture(scene.inputs.images[0][static_cast<int64_t>(i)]),
                           fmt::format("input {}", scene.inputs.indices[i])});
  }
  return rows;
}

}  // namespace

cv::Mat contact_sheet(const PreparedScene& scene,
                      const NvsModel& model,
                      const std::vector<FormEvaluation>& forms) {
  auto rows = input_rows(scene);
  const size_t targets = scene.targets.indices.size();
  const size_t shown = std::min(targets, kSheetViews);
  const double gain =
      forms.size() == 2 && targets > 0
          ? choose_gain(compare_images(forms[0].images, forms[1].images).max_absolute)
          : 1;
  for (size_t s = 0; s < shown; ++s) {
    const size_t view = s * targets / shown;
    const auto i = static_cast<int64_t>(view);
    const Tensor truth = scene.targets.images[0][i];
    std::vector<SheetCell> row = {
        {to_picture(truth), fmt::format("truth {}", scene.targets.indices[view])}};
    for (const FormEvaluation& form : forms) {
      row.push_back(
          {to_picture(form.images[i]),
           fmt::format("{} {} dB", form_name(form.form), format_metric(form.views[view].psnr, 2))});
    }
    row.push_back({difference_picture(forms.front().images[i], truth, 2), "|render - truth| x2"});
    if (forms.size() == 2) {
      row.push_back({difference_picture(forms[0].images[i], forms[1].images[i], gain),
                     fmt::format("|rec - par| x{:.0e}", gain)});
    }
    rows.push_back(std::move(row));
  }
  const std::string title = fmt::format("{}, {} (variant {}), {} input views, {}",
                                        scene.name,
                                        model.name,
                                        model.card.options.variant,
                                        scene.inputs.indices.size(),
                                        size_text(scene.width, scene.height));
  return make_sheet(title, rows, kSheetSide);
}

}  // namespace parallax
