// Finding a COLMAP model and its photographs, and turning them into views.
#include "vision/scene/formats/colmap/colmap.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <opencv2/core.hpp>

#include "core/base/error.h"
#include "core/base/lower_case.h"
#include "core/files/folder_listings.h"
#include "core/image/image_extension.h"
#include "vision/scene/formats/colmap/colmap_model.h"
#include "vision/scene/formats/common/image_finder.h"
#include "vision/scene/formats/common/loader_support.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

bool holds_table(const fs::path& folder) {
  return !colmap_file(folder, "cameras").empty() || !colmap_file(folder, "images").empty();
}

// Throws Error for a model that lacks one of its two tables.
void require_tables(const fs::path& model_folder) {
  for (const char* stem : {"cameras", "images"}) {
    if (colmap_file(model_folder, stem).empty()) {
      throw Error(ErrorParts{.what = "the COLMAP model is incomplete",
                             .where = model_folder.string(),
                             .expected = fmt::format("{0}.bin or {0}.txt", stem)});
    }
  }
}

bool is_complete(const fs::path& folder) {
  return !colmap_file(folder, "cameras").empty() && !colmap_file(folder, "images").empty();
}

// The folder and those below it, down to `depth`, with tables of a model in them, by name.
void add_models(const fs::path& folder, int depth, std::vector<fs::path>& models) {
  if (holds_table(folder)) {
    models.push_back(folder);
  }
  std::vector<fs::path> below;
  std::error_code error;
  for (auto entry = fs::directory_iterator(folder, error);
       depth > 0 && !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    if (entry->is_directory(error)) {
      below.push_back(entry->path());
    }
  }
  std::sort(below.begin(), below.end());
  for (const fs::path& child : below) {
    add_models(child, depth - 1, models);
  }
}

// The models of one scene, whole ones alone where there are any, and the scene's own folder.
struct FoundModels {
  std::vector<fs::path> folders;
  fs::path root;
};

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isdigit(c) != 0;
  });
}

// Whether photographs are in the folder, or in one inside that is called as theirs are.
bool has_photographs(const fs::path& folder) {
  constexpr std::array kNames = {"images", "input", "images_2", "images_4", "images_8"};
  std::error_code error;
  for (auto entry = fs::directory_iterator(folder, error);
       !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const std::string name = lower_case(entry->path().filename().string());
    if (has_image_extension(name) ||
        std::find(kNames.begin(), kNames.end(), name) != kNames.end()) {
      return true;
    }
  }
  return false;
}

// The folder of the scene whose model was named: that which holds `sparse`, else that which holds
// the model beside `images`, else the model's, of several numbered ones the folder that holds them.
fs::path root_of_model(const fs::path& model_folder) {
  constexpr int kDeepest = 3;  // sparse/0/1 after hierarchical mapping
  fs::path folder = model_folder;
  for (int level = 0; level < kDeepest; ++level, folder = folder.parent_path()) {
    if (lower_case(folder.filename().string()) == "sparse") {
      folder = folder.parent_path();
      return lower_case(folder.filename().string()) == "colmap" ? folder.parent_path() : folder;
    }
  }
  const bool is_one_of_several = is_number(model_folder.filename().string());
  folder = is_one_of_several ? model_folder.parent_path() : model_folder;
  // As above ETH3D's dslr_calibration_undistorted and hloc's sfm.
  const fs::path above = folder.parent_path();
  return !has_photographs(folder) && has_photographs(above) ? above : folder;
}

// The models that the path may mean: the one that it names, or all of the first place that has any.
FoundModels find_models(const fs::path& path) {
  if (fs::is_regular_file(path)) {
    return is_colmap_table(path)
               ? FoundModels{{path.parent_path()}, root_of_model(path.parent_path())}
               : FoundModels();
  }
  if (is_complete(path)) {
    return {{path}, root_of_model(path)};
  }
  const int below = lower_case(path.filename().string()) == "sparse" ? 2 : 1;
  // Of the folder itself and of a scene's folder; its undistorted copies come last.
  struct Place {
    const char* inside;
    int depth;
  };
  const Place places[] = {{"sparse", 2},
                          {"colmap/sparse", 2},
                          {"colmap", 1},
                          {".", below},
                          {"dense/sparse", 1},
                          {"dense/0/sparse", 1},
                          {"undistorted/sparse", 1},
                          {"distorted/sparse", 1}};
  FolderListings listings;
  FoundModels incomplete;
  for (const Place& place : places) {
    const fs::path folder = listings.find(path, place.inside);
    FoundModels found;
    if (!folder.empty()) {
      add_models(folder, place.depth, found.folders);
    }
    if (found.folders.empty()) {
      continue;
    }
    const bool is_below = std::string_view(place.inside) != ".";
    found.root = is_below ? path : root_of_model(found.folders.front());
    if (incomplete.folders.empty()) {
      incomplete = found;
    }
    std::erase_if(found.folders, [](const fs::path& model) { return !is_complete(model); });
    if (!found.folders.empty()) {
      return found;
    }
  }
  return incomplete;
}

// A model among several of one scene.
struct SubModel {
  fs::path folder;
  size_t images = 0;
};

// "sparse/1": a model's folder as the scene sees it.
std::string short_name(const fs::path& folder, const fs::path& root) {
  const fs::path relative = folder.lexically_relative(root);
  return relative.empty() || relative == "." ? folder.string() : relative.string();
}

// COLMAP splits photographs that it cannot connect into several models: the one with most images.
fs::path choose_model(const std::vector<fs::path>& folders, const fs::path& root, Scene& scene) {
  require_tables(folders.front());
  if (folders.size() == 1) {
    return folders.front();
  }
  std::vector<SubModel> models;
  for (const fs::path& folder : folders) {
    models.push_back({folder, count_colmap_images(folder)});
  }
  const auto most =
      std::max_element(models.begin(), models.end(), [](const auto& a, const auto& b) {
        return a.images < b.images;
      });
  std::string others;
  for (const SubModel& model : models) {
    if (model.folder != most->folder) {
      others += fmt::format("{}{} ({} images)",
                            others.empty() ? "" : ", ",
                            short_name(model.folder, root),
                            model.images);
    }
  }
  scene.notes.push_back(
      fmt::format("COLMAP made {} models of these photographs; this is {}, with {} images. The "
                  "others, {}, are loaded by naming their folder.",
                  models.size(),
                  short_name(most->folder, root),
                  most->images,
                  others));
  return most->folder;
}

// What names of photographs may be relative to: `images` in the folder that holds the model's
// `sparse`, in those above it up to the scene's own, and in those down to the model's; else those
// folders themselves. So undistorted copies go with an undistorted model.
ImageFinder image_finder(const fs::path& root,
                         const fs::path& model_folder,
                         const SceneOptions& options) {
  std::vector<fs::path> levels = {root};
  auto nearest = levels.size();
  for (const fs::path& part : model_folder.lexically_relative(root)) {
    if (part != ".") {
      nearest = lower_case(part.string()) == "sparse" ? levels.size() : nearest;
      levels.push_back(levels.back() / part);
    }
  }
  std::reverse(levels.begin(), levels.begin() + static_cast<ptrdiff_t>(nearest));
  return ImageFinder::in_images_of(levels, options);
}

View view_of_image(const ColmapImage& image,
                   const ColmapCameras& cameras,
                   const std::string& cameras_name,
                   ImageFinder& photographs) {
  if (!image.problem.empty()) {
    throw Error(image.problem);
  }
  const auto camera = cameras.find(image.camera_id);
  if (camera == cameras.end()) {
    throw Error(ErrorParts{.what = "the view's camera is not in " + cameras_name,
                           .where = image.where + ", field 'camera_id'",
                           .got = std::to_string(image.camera_id)});
  }
  if (!camera->second.problem.empty()) {
    throw Error(camera->second.problem);
  }
  View view;
  view.name = image.name;
  view.image_path = photographs.find(image.name, image.where + ", field 'name'");
  view.camera = camera->second.intrinsics;
  view.camera.c2w = image.w2c.inv();
  view.lens = camera->second.lens;
  validate_camera(view.camera, image.where);
  return view;
}

void note_poses(const ColmapFramePoses& poses, Scene& scene) {
  if (poses.foreign) {
    scene.notes.emplace_back(
        "The model's rigs and frames are of another model, as none of its images is in them; poses "
        "are the images' own.");
  }
  if (poses.different > 0) {
    scene.notes.push_back(fmt::format(
        "Poses are those of the model's rigs and frames, as COLMAP reads them; the images' own "
        "copies differ for {} of {} images.",
        poses.different,
        scene.views.size()));
  }
}

}  // namespace

bool is_colmap_table(const fs::path& file) {
  const std::string stem = lower_case(file.stem().string());
  const std::string extension = lower_case(file.extension().string());
  const bool is_known = stem == "cameras" || stem == "images" || stem == "points3d" ||
                        stem == "rigs" || stem == "frames";
  return is_known && (extension == ".bin" || extension == ".txt");
}

std::optional<Scene> load_colmap(const fs::path& path, const SceneOptions& options) {
  const FoundModels models = find_models(path);
  if (models.folders.empty()) {
    return std::nullopt;
  }
  Scene scene;
  scene.root = models.root;
  scene.name = scene.root.filename().string();
  const fs::path model_folder = choose_model(models.folders, scene.root, scene);
  const ColmapCameras cameras = read_colmap_cameras(model_folder);
  std::vector<ColmapImage> images = read_colmap_images(model_folder);
  const ColmapFramePoses poses = apply_colmap_frames(model_folder, images);
  // COLMAP writes its images in the order in which they were registered.
  std::stable_sort(images.begin(), images.end(), [](const ColmapImage& a, const ColmapImage& b) {
    return a.name < b.name;
  });
  scene.file = colmap_file(model_folder, "images");
  const std::string cameras_name = colmap_file(model_folder, "cameras").filename().string();
  ImageFinder photographs = image_finder(scene.root, model_folder, options);
  ViewCollector views;
  for (const ColmapImage& image : images) {
    views.add([&] { return view_of_image(image, cameras, cameras_name, photographs); });
  }
  views.finish(scene);
  photographs.note_replaced_folder(scene);
  note_poses(poses, scene);
  note_unused_masks(scene);
  note_distortion(scene);
  return scene;
}

}  // namespace parallax
