// Small classifiers with random weights, and folders of random images, for tests.
#pragma once

#include <filesystem>
#include <string>

#include "vision/models/vit3/model_store.h"

namespace parallax::testing {

// Two blocks of width 16 for 32×32 images, or a hierarchical one.
Vit3Options small_vit3(int classes, const std::string& variant = "0");
Vit3Options small_hierarchical_vit3(int classes, const std::string& variant = "0");

// With every weight drawn anew, so that no part is zero or one by default.
std::shared_ptr<ImageClassifier> random_classifier(const Vit3Options& options, int seed);

// Writes one as a checkpoint whose classes are goldfish (n01443537), tench (n01440764) and, beyond
// these, numbered ones.
void write_random_classifier(const std::filesystem::path& path,
                             const Vit3Options& options,
                             int seed);

// A picture of blurred noise, different for each seed; the format by the extension.
void write_random_image(const std::filesystem::path& path, int rows, int cols, int seed);

}  // namespace parallax::testing
