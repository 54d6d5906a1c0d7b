// The folders form an acyclic graph: checks which folder may include which against the sources.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace parallax {
namespace {

namespace fs = std::filesystem;

using Folders = std::set<std::string>;

// Each folder and the folders that its files include, bottom to top: a folder may only name folders
// above its own row, so a cycle cannot be written down. docs/dev/architecture.md describes each
// folder.
const std::vector<std::pair<std::string, Folders>> kLayers = {
    {"core/base", {}},
    {"core/files", {"core/base"}},
    {"core/io/pickle", {"core/base"}},
    {"core/io", {"core/base", "core/io/pickle"}},
    {"core/image", {"core/base", "core/io"}},
    {"core/net", {"core/base", "core/io"}},
    {"core/distributed", {"core/base"}},
    {"core/ops/common", {"core/base"}},
    {"core/ops/cuda", {"core/base", "core/ops/common"}},
    {"core/ops/matmul", {"core/base", "core/ops/common", "core/ops/cuda"}},
    {"core/ops/newton_schulz",
     {"core/base", "core/ops/common", "core/ops/cuda", "core/ops/matmul"}},
    {"core/ops/elementwise", {"core/base", "core/ops/common", "core/ops/cuda"}},
    {"core/ops/depthwise", {"core/base", "core/ops/common", "core/ops/cuda"}},
    {"core/ops/glu_net", {"core/base", "core/ops/common"}},
    {"core/ops/peak", {"core/base", "core/ops/common"}},
    {"core/ops/linear",
     {"core/base", "core/ops/common", "core/ops/elementwise", "core/ops/matmul"}},
    {"core/ops/attention", {"core/base", "core/ops/common", "core/ops/matmul"}},
    {"core/ttt/kernels", {"core/ops/common"}},
    {"core/ttt/scan",
     {"core/base", "core/ops/common", "core/ops/cuda", "core/ops/matmul", "core/ttt/kernels"}},
    {"core/ttt",
     {"core/base",
      "core/ops/common",
      "core/ops/cuda",
      "core/ops/depthwise",
      "core/ops/elementwise",
      "core/ops/glu_net",
      "core/ops/matmul",
      "core/ops/newton_schulz",
      "core/ttt/kernels",
      "core/ttt/scan"}},
    {"core/ttt/views", {"core/base", "core/ttt"}},
    {"vision/metrics", {"core/base", "core/io"}},
    {"vision/images", {"core/base", "core/files", "core/image", "core/io"}},
    {"vision/scene", {"core/base", "core/image", "core/io"}},
    {"vision/scene/formats/common",
     {"core/base", "core/files", "core/image", "core/io", "vision/scene"}},
    {"vision/scene/formats/colmap",
     {"core/base",
      "core/files",
      "core/image",
      "core/io",
      "vision/scene",
      "vision/scene/formats/common"}},
    {"vision/scene/formats/datasets",
     {"core/base", "core/image", "core/io", "vision/scene", "vision/scene/formats/common"}},
    {"vision/scene/formats",
     {"core/base",
      "core/files",
      "core/image",
      "core/io",
      "vision/scene",
      "vision/scene/formats/colmap",
      "vision/scene/formats/common",
      "vision/scene/formats/datasets"}},
    {"vision/scene/writers",
     {"core/base",
      "core/image",
      "core/io",
      "vision/scene",
      "vision/scene/formats",
      "vision/scene/formats/colmap"}},
    {"vision/synth",
     {"core/base", "core/image", "core/io", "vision/scene", "vision/scene/formats"}},
    {"vision/synth/meshes", {"core/base", "core/image", "core/io", "vision/synth"}},
    {"vision/reconstruction",
     {"core/base",
      "core/files",
      "core/image",
      "core/io",
      "vision/images",
      "vision/scene/formats",
      "vision/scene/formats/colmap"}},
    {"vision/models",
     {"core/base",
      "core/io",
      "core/net",
      "core/ops/cuda",
      "core/ops/linear",
      "core/ops/matmul",
      "core/ttt"}},
    {"vision/models/lact_nvs",
     {"core/base",
      "core/io",
      "core/ops/attention",
      "core/ops/elementwise",
      "core/ops/matmul",
      "core/ttt",
      "vision/models",
      "vision/scene"}},
    {"vision/models/vit3",
     {"core/base",
      "core/io",
      "core/ops/common",
      "core/ops/cuda",
      "core/ops/depthwise",
      "core/ops/elementwise",
      "core/ops/glu_net",
      "core/ops/matmul",
      "core/ttt",
      "vision/images",
      "vision/models"}},
    {"vision/eval",
     {"core/base",
      "vision/metrics",
      "vision/models/lact_nvs",
      "vision/scene",
      "vision/scene/formats",
      "vision/scene/formats/common"}},
    {"vision/lab",
     {"core/base",
      "core/ttt",
      "core/ttt/views",
      "vision/eval",
      "vision/metrics",
      "vision/models/vit3"}},
    {"vision/train",
     {"core/base", "core/distributed", "core/io", "core/ops/newton_schulz", "vision/synth"}},
    {"vision/train/nvs",
     {"core/base",
      "vision/eval",
      "vision/metrics",
      "vision/models/lact_nvs",
      "vision/scene",
      "vision/synth",
      "vision/train"}},
    {"vision/train/classify",
     {"core/base",
      "core/image",
      "core/io",
      "vision/images",
      "vision/metrics",
      "vision/models/vit3",
      "vision/synth",
      "vision/train"}},
    {"vision/viewer/camera",
     {"core/base", "core/io", "vision/scene", "vision/scene/formats/common"}},
    {"vision/viewer",
     {"core/base",
      "core/image",
      "core/io",
      "core/ttt",
      "vision/eval",
      "vision/images",
      "vision/lab",
      "vision/models",
      "vision/models/vit3",
      "vision/reconstruction",
      "vision/scene",
      "vision/scene/formats",
      "vision/scene/formats/common",
      "vision/viewer/camera"}},
    {"apps/common",
     {"core/base", "core/ops/newton_schulz", "core/ttt", "vision/eval", "vision/scene"}},
    {"apps/report",
     {"core/base", "core/io", "core/ops/common", "core/ops/peak", "vision/eval", "vision/metrics"}},
    {"apps/compare",
     {"apps/common",
      "apps/report",
      "core/base",
      "core/files",
      "core/io",
      "vision/eval",
      "vision/metrics",
      "vision/models",
      "vision/scene",
      "vision/scene/formats"}},
    {"apps/lab",
     {"apps/common",
      "apps/report",
      "core/base",
      "core/files",
      "core/io",
      "core/ttt",
      "vision/images",
      "vision/lab",
      "vision/metrics",
      "vision/models",
      "vision/scene/formats"}},
    {"apps/classify",
     {"apps/common",
      "apps/report",
      "core/base",
      "core/files",
      "core/distributed",
      "core/image",
      "core/io",
      "vision/images",
      "vision/metrics",
      "vision/models",
      "vision/models/vit3",
      "vision/scene"}},
    {"apps/train",
     {"apps/common",
      "apps/report",
      "core/base",
      "core/files",
      "core/image",
      "core/io",
      "core/ttt",
      "vision/models",
      "vision/models/lact_nvs",
      "vision/scene",
      "vision/scene/formats",
      "vision/train",
      "vision/train/classify",
      "vision/train/nvs"}},
    {"apps/bench",
     {"apps/common",
      "apps/report",
      "core/base",
      "core/image",
      "core/ops/common",
      "core/ops/cuda",
      "core/ops/newton_schulz",
      "core/ttt",
      "vision/models/lact_nvs",
      "vision/models/vit3",
      "vision/scene",
      "vision/synth"}},
    {"apps/shell", {"apps/common", "core/base", "core/ttt", "vision/models", "vision/models/vit3"}},
    {"apps/viewer/laboratory", {"apps/common", "apps/lab", "core/base", "vision/viewer"}},
    {"apps/viewer",
     {"apps/report",
      "apps/viewer/laboratory",
      "core/base",
      "core/io",
      "vision/metrics",
      "vision/scene/formats/common",
      "vision/viewer",
      "vision/viewer/camera"}},
    {"apps/viewer/panels",
     {"apps/report", "apps/viewer", "core/base", "vision/viewer", "vision/viewer/camera"}},
    {"apps",
     {"apps/common",
      "apps/report",
      "apps/shell",
      "apps/viewer",
      "core/base",
      "core/files",
      "core/image",
      "core/io",
      "core/ttt",
      "vision/eval",
      "vision/models",
      "vision/models/lact_nvs",
      "vision/models/vit3",
      "vision/reconstruction",
      "vision/scene",
      "vision/scene/formats",
      "vision/scene/formats/common",
      "vision/scene/writers",
      "vision/synth",
      "vision/synth/meshes",
      "vision/viewer/camera"}},
};

constexpr size_t kMostUnits = 16;  // .h/.cpp pairs per folder: more would be two concepts

bool is_source(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".cpp" || extension == ".h" || extension == ".cu";
}

// The sources below core, vision and apps, by folder.
std::map<std::string, std::vector<fs::path>> sources() {
  const fs::path root = PARALLAX_SOURCE_DIR;
  std::map<std::string, std::vector<fs::path>> found;
  for (const char* top : {"core", "vision", "apps"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      if (entry.is_regular_file() && is_source(entry.path())) {
        found[fs::relative(entry.path().parent_path(), root).string()].push_back(entry.path());
      }
    }
  }
  return found;
}

// The project's folders that a file includes, except its own.
Folders included_folders(const fs::path& file, const std::string& own) {
  static const std::regex kInclude("^#include \"([^\"]+)\"");
  Folders folders;
  std::ifstream stream(file);
  std::smatch match;
  for (std::string line; std::getline(stream, line);) {
    if (std::regex_search(line, match, kInclude)) {
      const std::string folder = fs::path(match[1].str()).parent_path().string();
      if (!folder.empty() && folder != own) {  // generated headers have none
        folders.insert(folder);
      }
    }
  }
  return folders;
}

TEST(Layers, TableNamesNoFolderBelowItsOwnRow) {
  Folders above;
  for (const auto& [folder, includes] : kLayers) {
    for (const std::string& included : includes) {
      EXPECT_TRUE(above.contains(included)) << folder << " may not include " << included;
    }
    above.insert(folder);
  }
}

TEST(Layers, SourcesIncludeWhatTheTableAllows) {
  const std::map<std::string, Folders> allowed(kLayers.begin(), kLayers.end());
  for (const auto& [folder, files] : sources()) {
    ASSERT_TRUE(allowed.contains(folder)) << folder << " has no row in kLayers";
    for (const fs::path& file : files) {
      for (const std::string& included : included_folders(file, folder)) {
        EXPECT_TRUE(allowed.at(folder).contains(included))
            << file << " includes a header of " << included;
      }
    }
  }
}

TEST(Layers, FoldersHoldFewUnits) {
  for (const auto& [folder, files] : sources()) {
    std::set<std::string> units;
    for (const fs::path& file : files) {
      units.insert(file.stem().string());
    }
    EXPECT_LE(units.size(), kMostUnits) << folder;
  }
}

}  // namespace
}  // namespace parallax
