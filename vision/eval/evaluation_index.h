// Evaluation indices: which views of which scene a benchmark reads and renders.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "vision/scene/view_selection.h"

namespace parallax {

// The views that one evaluation of a scene reads and renders, counted from 0 among all that the
// scene's file lists.
struct IndexedViews {
  std::string scene;         // its key
  std::string label;         // the key, with a number where a scene is evaluated several times
  std::vector<int> context;  // read
  std::vector<int> target;   // rendered
  std::string problem;       // why the entry cannot be used; else empty
};

// Reads {scene: {"context": […], "target": […]}, …}, as pixelSplat wrote it for RealEstate10K and
// DepthSplat for DL3DV. Scenes whose entry is null have no views and are left out; an entry may be
// a list of several evaluations (latentSplat). Sorted by scene. Throws Error if the file is no such
// index or is empty.
std::vector<IndexedViews> read_evaluation_index(const std::filesystem::path& file);

// The entry's views of the scene. Throws Error naming a view that the scene does not have, or that
// was left out when it was read.
ViewSelection select_indexed_views(const Scene& scene, const IndexedViews& views);

// Finds scenes by their keys.
class SceneFinder {
 public:
  // Each place is a scene or a folder with scenes in it or one level further down, of any format:
  // KEY/, KEY.json (LVSM), KEY.txt (RealEstate10K) or pixelSplat's chunks. Reads names and chunks'
  // indices alone. Throws Error for a place that does not exist.
  explicit SceneFinder(const std::vector<std::string>& places);

  // What load_scene() takes; nothing if there is no scene of that key.
  std::optional<std::filesystem::path> find(const std::string& key) const;

 private:
  void add(const std::filesystem::path& path);
  void add_inside(const std::filesystem::path& folder, int levels);

  std::map<std::string, std::filesystem::path> scenes_;
};

}  // namespace parallax
