// The ordered list of scene formats, the only place that knows them all.
#include "vision/scene/formats/load_scene.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/base/paths.h"
#include "core/files/folder_listings.h"
#include "vision/scene/formats/bundler.h"
#include "vision/scene/formats/colmap/colmap.h"
#include "vision/scene/formats/datasets/kitti.h"
#include "vision/scene/formats/datasets/mvsnet.h"
#include "vision/scene/formats/datasets/neus.h"
#include "vision/scene/formats/datasets/nsvf.h"
#include "vision/scene/formats/datasets/replica.h"
#include "vision/scene/formats/datasets/sdfstudio.h"
#include "vision/scene/formats/datasets/tum_rgbd.h"
#include "vision/scene/formats/datasets/visualsfm.h"
#include "vision/scene/formats/gaussian_splatting.h"
#include "vision/scene/formats/llff.h"
#include "vision/scene/formats/lvsm_json.h"
#include "vision/scene/formats/metashape.h"
#include "vision/scene/formats/no_scene.h"
#include "vision/scene/formats/opencv_json.h"
#include "vision/scene/formats/openmvg.h"
#include "vision/scene/formats/opensfm.h"
#include "vision/scene/formats/pixelsplat.h"
#include "vision/scene/formats/polycam.h"
#include "vision/scene/formats/realestate10k.h"
#include "vision/scene/formats/reality_capture.h"
#include "vision/scene/formats/record3d.h"
#include "vision/scene/formats/transforms_json.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

// A loader returns a scene or nothing ("not my format, try the next"), or throws Error ("my format,
// but broken").
struct SceneLoader {
  SceneFormat format;
  const char* description;
  // A scene's folder has one of these files or folders, whatever their capital letters.
  std::vector<const char*> markers;
  std::optional<Scene> (*load)(const fs::path& path, const SceneOptions& options);
  // Whether a file, of a folder without markers, is such a scene's by its first lines; none: no
  // file is.
  bool (*begins)(const fs::path& file) = nullptr;
  // What else the folder must have, where a marker alone is a common name.
  const char* beside = nullptr;
  // Whether a marker counts only if it is a file that begins so.
  bool has_common_markers = false;
};

const std::vector<SceneLoader>& loaders() {
  static const std::vector<SceneLoader> list = {
      {SceneFormat::kLvsmJson, "LVSM's JSON file of a scene", {}, load_lvsm_json},
      {SceneFormat::kOpencvJson, "opencv_cameras.json", {"opencv_cameras.json"}, load_opencv_json},
      {SceneFormat::kTransforms,
       "transforms.json (nerfstudio, instant-ngp)",
       {"transforms.json", "transforms_train.json", "transform.json", "nerfstudio/transforms.json"},
       load_transforms},
      {SceneFormat::kColmap,
       "a COLMAP model (sparse/0)",
       {"sparse",
        "cameras.bin",
        "cameras.txt",
        "colmap/sparse",
        "dense/sparse",
        "dense/0/sparse",
        "undistorted/sparse",
        "distorted/sparse"},
       load_colmap},
      {SceneFormat::kLlff, "poses_bounds.npy (LLFF)", {"poses_bounds.npy"}, load_llff},
      {SceneFormat::kBundler,
       "bundle.out (Bundler)",
       {"bundle.out"},
       load_bundler,
       begins_as_bundler},
      {SceneFormat::kMetashape,
       "Metashape's XML of cameras",
       {"cameras.xml"},
       load_metashape,
       begins_as_metashape},
      {SceneFormat::kRealityCapture,
       "RealityCapture's table of cameras (.csv)",
       {},
       load_reality_capture,
       begins_as_reality_capture},
      {SceneFormat::kOpenMvg, "sfm_data.json (OpenMVG)", {"sfm_data.json"}, load_openmvg},
      {SceneFormat::kOpenSfm,
       "reconstruction.json (OpenSfM, OpenDroneMap)",
       {"reconstruction.json", "opensfm/reconstruction.json"},
       load_opensfm},
      {SceneFormat::kPolycam, "keyframes (Polycam)", {"keyframes"}, load_polycam},
      {SceneFormat::kRecord3d,
       "metadata.json beside rgb (Record3D)",
       {"rgb/0.jpg", "rgbd/0.jpg"},
       load_record3d},
      {SceneFormat::kGaussianSplatting,
       "cameras.json (3D Gaussian splatting)",
       {"cameras.json"},
       load_gaussian_splatting},
      {SceneFormat::kNeus,
       "cameras_sphere.npz (NeuS, IDR)",
       {"cameras_sphere.npz", "cameras.npz"},
       load_neus},
      {SceneFormat::kMvsnet, "cams beside images (MVSNet)", {"cams", "cams_1"}, load_mvsnet},
      {SceneFormat::kNsvf,
       "pose beside intrinsics (NSVF, SRN, NeRF++, ScanNet)",
       {"intrinsics.txt", "intrinsic/intrinsic_color.txt", "train/pose"},
       load_nsvf},
      // Other programs leave these beside their own files, with cameras of other pictures.
      {SceneFormat::kSdfStudio,
       "meta_data.json (sdfstudio)",
       {"meta_data.json"},
       load_sdfstudio,
       begins_as_sdfstudio,
       nullptr,
       true},
      {SceneFormat::kVisualSfm, "a .nvm file (VisualSFM)", {}, load_visualsfm, begins_as_visualsfm},
      {SceneFormat::kReplica,
       "traj.txt beside results (Replica)",
       {"traj.txt"},
       load_replica,
       nullptr,
       "results"},
      {SceneFormat::kTumRgbd,
       "rgb.txt beside groundtruth.txt (TUM RGB-D)",
       {"groundtruth.txt"},
       load_tum_rgbd,
       nullptr,
       "rgb.txt"},
      {SceneFormat::kKitti,
       "calib.txt beside image_2 (KITTI)",
       {"image_2", "image_3", "image_0", "image_1"},
       load_kitti,
       nullptr,
       "calib.txt"},
      {SceneFormat::kRealEstate10k,
       "a RealEstate10K text file beside its folder of frames",
       {},
       load_realestate10k},
      {SceneFormat::kPixelSplat,
       "a scene in pixelSplat's chunks (FOLDER/KEY)",
       {},
       load_pixelsplat},
  };
  return list;
}

// The list, with the format first whose marker a file is called as, or as whose it begins: others
// would read the whole file to see that it is not theirs.
std::vector<const SceneLoader*> loaders_for(const fs::path& path) {
  std::vector<const SceneLoader*> list;
  for (const SceneLoader& loader : loaders()) {
    list.push_back(&loader);
  }
  std::stable_partition(list.begin(), list.end(), [&](const SceneLoader* loader) {
    return std::find(loader->markers.begin(), loader->markers.end(), path.filename()) !=
               loader->markers.end() ||
           (loader->begins != nullptr && loader->begins(path));
  });
  return list;
}

// Held-out views whose photograph an earlier view shows would be rendered from themselves, as where
// a test split is a copy of the training split.
void leave_out_repeated(Scene& scene) {
  using Photograph = std::pair<fs::path, std::uint64_t>;
  std::map<Photograph, std::string> shown;
  std::vector<View> views;
  std::vector<std::string> reasons;
  for (View& view : scene.views) {
    const std::uint64_t offset = view.image_part ? view.image_part->offset : 0;
    const auto [first, is_new] = shown.emplace(Photograph(view.image_path, offset), view.name);
    if (is_new || !view.is_held_out) {
      views.push_back(std::move(view));
    } else {
      reasons.push_back(
          first->second == view.name
              ? fmt::format("'{}' is listed again", view.name)
              : fmt::format("'{}' shows the same photograph as '{}'", view.name, first->second));
    }
  }
  if (!reasons.empty()) {
    scene.notes.push_back(left_out_note(scene.views.size(), reasons));
  }
  scene.views = std::move(views);
}

// Whether the folder has a file of cameras whose name people choose.
bool has_file_of_scene(const fs::path& folder) {
  std::error_code error;
  for (auto entry = fs::directory_iterator(folder, error);
       !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const fs::path extension = entry->path().extension();
    if (extension != ".out" && extension != ".xml" && extension != ".csv" && extension != ".nvm") {
      continue;  // folders may hold thousands of other files
    }
    for (const SceneLoader& loader : loaders()) {
      if (loader.begins != nullptr && loader.begins(entry->path())) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

Scene load_scene(const fs::path& path, const SceneOptions& options) {
  const fs::path tidy = absolute_path(path);
  std::error_code error;
  if (path.empty() || (!fs::exists(tidy, error) && !leads_into_chunks(tidy))) {
    throw Error(ErrorParts{.what = "there is no such file or folder", .where = path.string()});
  }
  for (const SceneLoader* loader : loaders_for(tidy)) {
    std::optional<Scene> scene = loader->load(tidy, options);
    if (!scene) {
      continue;
    }
    scene->format = loader->format;
    leave_out_repeated(*scene);
    if (scene->views.empty()) {
      throw Error(ErrorParts{.what = "the scene holds no views", .where = scene->file.string()});
    }
    return *std::move(scene);
  }
  throw no_scene_error(path, scene_formats());
}

bool looks_like_scene(const fs::path& folder) {
  FolderListings listings;
  for (const SceneLoader& loader : loaders()) {
    if (loader.beside != nullptr && listings.find(folder, loader.beside).empty()) {
      continue;
    }
    for (const char* marker : loader.markers) {
      const fs::path found = listings.find(folder, marker);
      if (!found.empty() && (!loader.has_common_markers || loader.begins(found))) {
        return true;
      }
    }
  }
  return has_file_of_scene(folder) || !realestate10k_file(folder).empty();
}

bool is_file_of_scene(const fs::path& file) {
  const fs::path name = file.filename();
  for (const SceneLoader& loader : loaders()) {
    const bool is_called_so =
        std::find(loader.markers.begin(), loader.markers.end(), name) != loader.markers.end();
    if (is_called_so || (loader.begins != nullptr && loader.begins(file))) {
      return true;
    }
  }
  return is_colmap_table(file);
}

std::vector<std::string> scene_formats() {
  std::vector<std::string> formats;
  for (const SceneLoader& loader : loaders()) {
    formats.emplace_back(loader.description);
  }
  return formats;
}

}  // namespace parallax
