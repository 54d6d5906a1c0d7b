// The probes of the laboratory: what each asks, costs and runs, for models of either kind.
#pragma once

#include <array>
#include <functional>
#include <string>

#include "apps/lab/lab_options.h"
#include "apps/lab/lab_subjects.h"
#include "vision/lab/lab_result.h"

namespace parallax {

// What a probe will do and take, as told before it starts.
struct LabCost {
  std::string work;    // "7 evaluations of 56 views"
  double seconds = 0;  // about
  int64_t bytes = 0;   // of working memory beyond what is in use; 0: of no account
  int64_t parts = 0;   // how often `advance` will be called; 0: unknown
};

// A model on its data, with how long its passes take.
struct LabBench {
  const LabOptions& options;
  const LabSubject& subject;
  double evaluate_seconds = 0;  // one pass over all scenes or images
  double read_seconds = 0;      // of it, reading the scenes' input views
  double flops_per_second = 0;  // of a matrix product in float32
};

// Times one pass of the model's own rule.
LabBench measure_bench(const LabOptions& options, const LabSubject& subject);

// One probe. Functions are null where it does not apply to models of that kind.
struct LabProbe {
  const char* name;     // for the command line
  const char* title;    // a question
  const char* section;  // of the paper
  const char* summary;  // what is done, in a sentence or two
  LabCost (*nvs_cost)(const LabBench&);
  lab::ProbeResult (*nvs_run)(const LabBench&, const std::function<void()>& advance);
  LabCost (*image_cost)(const LabBench&);
  lab::ProbeResult (*image_run)(const LabBench&, const std::function<void()>& advance);
};

// In the order in which they are run and shown.
const std::array<LabProbe, 8>& lab_probes();

// Throws UsageError listing the names.
const LabProbe& find_lab_probe(const std::string& name);

}  // namespace parallax
