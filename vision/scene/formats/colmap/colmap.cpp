// Finding a COLMAP model and its photographs, and turning them into views.
#include "vision/scene/formats/colmap/colmap.h"

#include <fmt/format.h>

#include <algorithm>
#include <opencv2/core.hpp>

#include "core/base/error.h"
#include "vision/scene/formats/colmap/colmap_model.h"
#include "vision/scene/formats/common/image_finder.h"
#include "vision/scene/formats/common/loader_support.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

bool holds_model(const fs::path& folder) {
  return !colmap_file(folder, "cameras").empty() || !colmap_file(folder, "images").empty();
}

// A model among several of one scene.
struct SubModel {
  fs::path folder;
  size_t images = 0;
};

// The folders below `parent` with a model in them, by name.
std::vector<fs::path> models_below(const fs::path& parent) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (auto entry = fs::directory_iterator(parent, error);
       !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    if (entry->is_directory(error) && holds_model(entry->path())) {
      folders.push_back(entry->path());
    }
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

// The models that the path may mean: the one that it names, or all of the first place that has any.
std::vector<fs::path> find_models(const fs::path& path) {
  if (fs::is_regular_file(path)) {
    std::string stem = path.stem().string();
    std::transform(stem.begin(), stem.end(), stem.begin(), [](unsigned char c) {
      return static_cast<char>(std::tolower(c));
    });
    for (const char* table : {"cameras", "images", "points3d", "rigs", "frames"}) {
      const std::string extension = path.extension().string();
      if (stem == table && (extension == ".bin" || extension == ".txt")) {
        return {path.parent_path()};
      }
    }
    return {};
  }
  if (holds_model(path)) {
    return {path};
  }
  for (const char* inside : {"sparse", "colmap/sparse", "."}) {
    const fs::path parent = (path / inside).lexically_normal();
    if (std::vector<fs::path> below = models_below(parent); !below.empty()) {
      return below;
    }
    if (holds_model(parent)) {
      return {parent};
    }
  }
  return {};
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

// "sparse/1": a model's folder as the scene sees it.
std::string short_name(const fs::path& folder, const fs::path& root) {
  const fs::path relative = folder.lexically_relative(root);
  return relative.empty() || relative == "." ? folder.string() : relative.string();
}

// COLMAP splits photographs that it cannot connect into several models: the one with most images.
fs::path choose_model(const std::vector<fs::path>& folders, const fs::path& root, Scene& scene) {
  if (folders.size() == 1) {
    require_tables(folders.front());
    return folders.front();
  }
  std::vector<SubModel> models;
  for (const fs::path& folder : folders) {
    require_tables(folder);
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

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isdigit(c) != 0;
  });
}

// The scene's own folder: that of the model without `0`, `sparse` and `colmap`.
fs::path scene_root(fs::path folder) {
  if (is_number(folder.filename().string())) {
    folder = folder.parent_path();
  }
  for (const char* part : {"sparse", "colmap"}) {
    if (folder.filename() == part) {
      folder = folder.parent_path();
    }
  }
  return folder;
}

// What names of photographs may be relative to: `images` in the scene's folder or in one below it
// down to the model's, else those folders themselves.
ImageFinder image_finder(const fs::path& root,
                         const fs::path& model_folder,
                         const SceneOptions& options) {
  std::vector<fs::path> levels = {root};
  for (const fs::path& part : model_folder.lexically_relative(root)) {
    if (part != ".") {
      levels.push_back(levels.back() / part);
    }
  }
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

void note_poses_and_masks(const ColmapFramePoses& poses, Scene& scene) {
  if (poses.different > 0) {
    scene.notes.push_back(fmt::format(
        "Poses are those of the model's rigs and frames, as COLMAP reads them; the images' own "
        "copies differ for {} of {} images.",
        poses.different,
        scene.views.size()));
  }
  std::error_code ignored;
  if (fs::is_directory(scene.root / "masks", ignored)) {
    scene.notes.emplace_back(
        "The folder 'masks' is not used: COLMAP's masks say where not to look for features.");
  }
}

}  // namespace

std::optional<Scene> load_colmap(const fs::path& path, const SceneOptions& options) {
  const std::vector<fs::path> models = find_models(path);
  if (models.empty()) {
    return std::nullopt;
  }
  Scene scene;
  scene.root = scene_root(models.front());
  scene.name = scene.root.filename().string();
  const fs::path model_folder = choose_model(models, scene.root, scene);
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
  note_poses_and_masks(poses, scene);
  note_distortion(scene);
  return scene;
}

}  // namespace parallax
