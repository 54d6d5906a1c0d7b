// The contact sheet of `parallax render`.
#pragma once

#include <opencv2/core/mat.hpp>
#include <vector>

#include "vision/eval/evaluate.h"

namespace parallax {

// The input views, and some of the held-out ones as every form renders them, beside the truth.
cv::Mat contact_sheet(const PreparedScene& scene,
                      const NvsModel& model,
                      const std::vector<FormEvaluation>& forms);

}  // namespace parallax
