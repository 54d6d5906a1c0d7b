// parallax_fuzz compiles a list of sources and lets the linker pass over the rest. What is missing
// there is found when a reader calls it, hours into a run: here it is found at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

namespace parallax {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAreArray;

const fs::path kRoot = PARALLAX_SOURCE_DIR;

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The first groups of all matches.
std::set<std::string> matches(const std::string& text, const std::regex& pattern) {
  std::set<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) {
    found.insert((*it)[1]);
  }
  return found;
}

bool is_source(const std::string& stem) { return fs::exists(kRoot / (stem + ".cpp")); }

// Layers of models, scenes made up, results and devices: named by sources of readers, never come to
// by reading a file.
const std::set<std::string> kNeverCalled = {
    "apps/report/results",
    "apps/viewer/laboratory/lab_state_json",
    "core/base/device",
    "vision/metrics/image_metrics",
    "vision/models/lact_nvs/captured_render",
    "vision/models/lact_nvs/lact_layer",
    "vision/models/lact_nvs/rays",
    "vision/models/published_models",
    "vision/models/vit3/vit3",
    "vision/synth/noise",
    "vision/synth/primitives",
    "vision/synth/textures",
};

TEST(FuzzSources, HoldAllThatTheReadersCall) {
  const std::set<std::string> listed =
      matches(text_of(kRoot / "tests/fuzz/CMakeLists.txt"),
              std::regex("((?:core|vision|apps|tests)/[a-z0-9_/]+)"));
  std::set<std::string> missing;
  int read = 0;
  for (const std::string& stem : listed) {
    if (!is_source(stem)) {
      continue;
    }
    ++read;
    const std::string text = text_of(kRoot / (stem + ".cpp")) + text_of(kRoot / (stem + ".h"));
    for (const std::string& header : matches(text, std::regex("#include \"([^\"]+)\\.h\""))) {
      if (is_source(header) && listed.count(header) == 0) {
        missing.insert(header);
      }
    }
  }
  EXPECT_GT(read, 80);
  EXPECT_THAT(missing, ElementsAreArray(kNeverCalled))
      << "add what reads files to the list in tests/fuzz/CMakeLists.txt";
}

}  // namespace
}  // namespace parallax
