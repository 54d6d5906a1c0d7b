// What `render` says of a scene: quality and speed of each form.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "apps/common/nvs_options.h"
#include "apps/report/form_speed.h"

namespace parallax {

// Prints a table, a row a form, and how the forms differ. `speeds`: in the order of `forms`, or
// empty where they were not timed in rounds.
void print_render_table(const PreparedScene& scene,
                        const NvsModel& model,
                        bool streamed,
                        const std::vector<FormEvaluation>& forms,
                        const std::vector<FormSpeed>& speeds);

// The same and how it was made, for summary.json.
nlohmann::json render_summary(const PreparedScene& scene,
                              const NvsModel& model,
                              const std::vector<FormEvaluation>& forms,
                              const std::vector<FormSpeed>& speeds,
                              bool streamed,
                              const NvsRunOptions& run);

}  // namespace parallax
