// The readers that the fuzzer feeds, one per format, each with its corpus in
// tests/fuzz/corpus/NAME.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "tests/fuzz/bundle.h"

namespace parallax::fuzz {

// A reader. It either reads the input or throws Error; anything else is a finding.
struct FuzzTarget {
  const char* name;
  const char* file;  // what the input is called in the scratch folder; null: the input is a bundle
  void (*read)(const std::filesystem::path& path);  // the file, or the bundle's folder
};

const std::vector<FuzzTarget>& fuzz_targets();

// A folder for one input after the other.
struct Scratch {
  explicit Scratch(const std::filesystem::path& path) : folder(path), bundle(path / "bundle") {}

  std::filesystem::path folder;  // exists
  BundleFolder bundle;
};

// Where the target finds its input.
std::filesystem::path input_path(const FuzzTarget& target, const Scratch& scratch);

// Puts the input where the target finds it and reads it. An Error is swallowed; throws
// std::logic_error where its sentence is a library's own.
void run_target(const FuzzTarget& target, std::string_view input, Scratch& scratch);

}  // namespace parallax::fuzz
