// Evaluations as JSON, CSV and terminal tables: the same for render and compare.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "vision/eval/evaluate.h"

namespace parallax {

// The definitions of PSNR, printed wherever one is shown.
inline constexpr const char* kPsnrDefinition =
    "PSNR: mean over images of -10 log10(MSE) on values clamped to [0, 1]; masked: inside the "
    "object; "
    "pooled: one MSE over all images, unclamped, as LaCT's code reports it.";

// A metric as tables show it; it may be missing or infinite: "24.62", "inf", "-".
std::string format_metric(double value, int decimals);

nlohmann::json metrics_json(const ViewMetrics& metrics);

// The other direction of metric_json() and metrics_json().
double parse_metric(const nlohmann::json& value);
ViewMetrics parse_metrics(const nlohmann::json& object);

nlohmann::json evaluation_json(const FormEvaluation& evaluation);

nlohmann::json difference_json(const FormDifference& difference);

nlohmann::json scene_json(const PreparedScene& scene);

nlohmann::json model_json(const NvsModel& model);

// Pads columns to fit, the first left-aligned, the others right-aligned.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

// Comma-separated values, quoted if necessary.
std::string format_csv(const std::vector<std::vector<std::string>>& rows);

// Writes to stdout if `path` is "-", else to a file, atomically.
void write_json(const std::string& path, const nlohmann::json& json);

}  // namespace parallax
