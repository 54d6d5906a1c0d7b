// Converts the command line's texts to values.
#include "apps/common/nvs_options.h"

#include <cstdio>

#include "core/base/device.h"
#include "core/base/error.h"
#include "vision/scene/image_size.h"

namespace parallax {
cv::Vec3b parse_colour(const std::string& text) {
  if (text == "white") {
    return {255, 255, 255};
  }
  if (text == "black") {
    return {0, 0, 0};
  }
  if (text == "grey" || text == "gray") {
    return {128, 128, 128};
  }
  unsigned value = 0;
  char rest = 0;
  if (text.size() != 7 ||
      text.find_first_not_of("0123456789abcdefABCDEF", 1) != std::string::npos ||
      std::sscanf(text.c_str(), "#%6x%c", &value, &rest) != 1) {
    throw UsageError(ErrorParts{.what = "the colour cannot be read",
                                .where = "--background",
                                .expected = "white, black, grey or #rrggbb",
                                .got = "'" + text + "'"});
  }
  return {static_cast<uchar>(value >> 16 & 255),
          static_cast<uchar>(value >> 8 & 255),
          static_cast<uchar>(value & 255)};
}

std::vector<Form> parse_forms(const std::string& text) {
  if (text == "both") {
    return {Form::kRecurrent, Form::kParallel};
  }
  for (const Form form : {Form::kRecurrent, Form::kParallel}) {
    if (text == form_name(form)) {
      return {form};
    }
  }
  throw UsageError(ErrorParts{.what = "there is no such form",
                              .where = "--form",
                              .expected = "recurrent, parallel or both",
                              .got = "'" + text + "'"});
}

PrepareOptions prepare_options(const SceneViewOptions& options) {
  PrepareOptions prepare{.input_views = options.input_views,
                         .target_views = options.target_views,
                         .background = parse_colour(options.background),
                         .normalisation = parse_pose_normalisation(options.normalise_poses)};
  if (!options.size.empty()) {
    const ImageSize size = parse_image_size(options.size, "--size");
    prepare.height = size.height;
    prepare.width = size.width;
  }
  return prepare;
}

void choose_precision(LactNvs& module, const std::string& dtype, const std::string& newton_schulz) {
  UpdateRule rule = module.rule();
  const bool bfloat16 = parse_dtype(dtype) == torch::kBFloat16;
  if (bfloat16) {
    module.use_bfloat16();
  }
  if (bfloat16 || !newton_schulz.empty()) {
    rule.newton_schulz.precision =
        parse_newton_schulz_precision(newton_schulz.empty() ? "bfloat16" : newton_schulz);
    module.set_rule(rule);
  }
}

void configure_model(const NvsRunOptions& options, NvsModel& model) {
  UpdateRule rule = model.module->rule();
  if (options.newton_schulz_steps >= 0) {
    rule.newton_schulz.steps = options.newton_schulz_steps;
  }
  rule.newton_schulz.coefficients = find_coefficients(options.newton_schulz_coefficients);
  model.module->set_rule(rule);
  choose_precision(*model.module, options.dtype, options.newton_schulz);
  model.module->to(parse_device(options.device));
}

void configure_threads(const CommonOptions& options) {
  if (options.threads > 0) {
    at::set_num_threads(options.threads);
  }
}

}  // namespace parallax
