// The ablation path: each model's quality and speed, and the differences between models trained as
// different rows of the variant table, beside the paper's.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "apps/lab/lab_rows.h"
#include "vision/lab/classifier_subject.h"
#include "vision/lab/nvs_subject.h"

namespace parallax {

// About how long one timed round takes.
inline constexpr double kSecondsPerSpeedRound = 0.4;

// The model's quality by view or image and its layer's speed in both forms, in measures that
// ablation_path() compares: "quality", "speed_recurrent", "speed_parallel" (one per round; the
// latter empty where there is no such form), "shape".
lab::ProbeResult measure_ablation(const lab::NvsSubject& subject,
                                  int rounds,
                                  const std::function<void()>& advance);
lab::ProbeResult measure_ablation(const lab::ClassifierSubject& subject,
                                  int rounds,
                                  const std::function<void()>& advance);

// Findings over the models of one kind, against the first of variant 0; nothing if there is none or
// nothing to compare it with.
std::optional<LabRow> ablation_path(const std::vector<LabRow>& rows, bool classifies);

}  // namespace parallax
