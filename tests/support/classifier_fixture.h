// Small classifiers with random weights, and folders of random images, for tests.
#pragma once

#include <filesystem>
#include <string>

#include "vision/models/vit3/model_store.h"

namespace parallax::testing {

// Two blocks of width 16 for 32×32 images, or a hierarchical one.
Vit3Options small_vit3(int classes, const std::string& variant = "0");
Vit3Options small_hierarchical_vit3(int classes, const std::string& variant = "0");

// A classifier with every weight drawn at random, so that none keeps a default of zero or one.
std::shared_ptr<ImageClassifier> random_classifier(const Vit3Options& options, int seed);

// Writes such a classifier as a checkpoint whose classes are goldfish (n01443537), tench
// (n01440764) and, beyond these, numbered ones.
void write_random_classifier(const std::filesystem::path& path,
                             const Vit3Options& options,
                             int seed);

// Writes an image of blurred noise, different for each seed; the extension determines the format.
void write_random_image(const std::filesystem::path& path, int rows, int cols, int seed);

}  // namespace parallax::testing
