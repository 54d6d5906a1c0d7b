// Views read one after the other: quality over views read, the state's size, the cost of a view.
#pragma once

#include <functional>

#include "vision/lab/lab_result.h"
#include "vision/lab/nvs_subject.h"

namespace parallax::lab {

// The numbers of views that are read: 1, 2, 4, … up to all.
std::vector<int64_t> view_counts(int64_t views);

// Reads the first views of the first scene's inputs at once, in chunks of several, and one by one,
// and renders its held-out views from each. `advance` is called for each number of views.
ProbeResult probe_streaming(const NvsSubject& subject, const std::function<void()>& advance);

}  // namespace parallax::lab
