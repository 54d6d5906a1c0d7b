// Reading transforms.json.
#include "vision/scene/formats/transforms_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "core/base/error.h"
#include "core/files/folder_listings.h"
#include "vision/scene/formats/common/image_finder.h"
#include "vision/scene/formats/common/json_fields.h"
#include "vision/scene/formats/common/loader_support.h"
#include "vision/scene/formats/common/number_files.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kTrainFile = "transforms_train.json";
constexpr const char* kTestFrames = "test_frames";
constexpr std::array kFileNames = {"transforms.json",
                                   kTrainFile,
                                   "transforms_test.json",
                                   "transforms_val.json",
                                   "transform.json"};  // NeuS2's

// The camera models whose images are pinhole images once undistorted with OpenCV's model.
constexpr std::array kPinholeModels = {"SIMPLE_PINHOLE",
                                       "PINHOLE",
                                       "SIMPLE_RADIAL",
                                       "RADIAL",
                                       "OPENCV",
                                       "FULL_OPENCV",
                                       "PERSPECTIVE"};

std::string upper_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(std::toupper(c));
  });
  return text;
}

// One view's fields, where a frame's own value goes before the file's global one.
class FrameFields {
 public:
  FrameFields(const JsonFields& frame, const JsonFields& global) : frame_(frame), global_(global) {}

  const JsonFields& holder(const std::string& field) const {
    return frame_.has(field) || !global_.has(field) ? frame_ : global_;
  }
  bool has(const std::string& field) const { return frame_.has(field) || global_.has(field); }
  double number_or(const std::string& field, double otherwise) const {
    return has(field) ? holder(field).number(field) : otherwise;
  }
  const JsonFields& frame() const { return frame_; }

 private:
  const JsonFields& frame_;
  const JsonFields& global_;
};

// The files that make up one scene.
struct TransformsFiles {
  fs::path main;      // empty: the path holds no such scene
  fs::path held_out;  // a test split beside a training split; may be empty
};

// DL3DV's benchmark and ScanNet++ have each scene's files in a folder of that name.
constexpr const char* kSubfolder = "nerfstudio";

TransformsFiles transforms_files(const fs::path& path, std::vector<std::string>& notes) {
  if (!fs::is_directory(path)) {
    return {.main = fs::is_regular_file(path) && path.extension() == ".json" ? path : fs::path()};
  }
  const bool is_below = !fs::is_regular_file(path / kFileNames.front()) &&
                        fs::is_regular_file(path / kSubfolder / kFileNames.front());
  const fs::path folder = is_below ? path / kSubfolder : path;
  TransformsFiles files;
  for (const char* name : kFileNames) {
    const fs::path file = folder / name;
    if (!fs::is_regular_file(file)) {
      continue;
    }
    if (files.main.empty()) {
      files.main = file;
    } else if (files.main.filename() == kTrainFile && files.held_out.empty()) {
      files.held_out = file;
      notes.push_back(fmt::format("The views of {} are held out.", name));
    } else {
      notes.push_back(fmt::format("{} is not part of this scene; name the file to load it.", name));
    }
  }
  return files;
}

// The model of the lens that the file names, refused where no pinhole camera shows its images.
LensModel lens_model(const FrameFields& fields) {
  LensModel model = LensModel::kOpenCv;
  if (fields.has("camera_model")) {
    const JsonFields& holder = fields.holder("camera_model");
    const std::string written = holder.text("camera_model");
    const std::string name = upper_case(written);
    if (name == "OPENCV_FISHEYE") {
      model = LensModel::kFisheye;
    } else if (name == "FISHEYE624") {  // Project Aria's
      model = LensModel::kRadTanThinPrism;
    } else if (std::find(kPinholeModels.begin(), kPinholeModels.end(), name) ==
               kPinholeModels.end()) {
      throw unsupported_camera_model(written, holder.where("camera_model"));
    }
  }
  // instant-ngp writes these as true/false; its fisheye is OpenCV's.
  if (fields.has("is_fisheye") && fields.holder("is_fisheye").flag("is_fisheye")) {
    model = LensModel::kFisheye;
  }
  for (const char* spherical : {"is_equirectangular", "equirectangular", "latlong"}) {
    if (fields.has(spherical) && fields.holder(spherical).flag(spherical)) {
      throw unsupported_camera_model(spherical, fields.holder(spherical).where(spherical));
    }
  }
  constexpr const char* kFTheta = "ftheta_p0";  // instant-ngp's f-theta lens
  if (fields.has(kFTheta)) {
    throw unsupported_camera_model("f-theta", fields.holder(kFTheta).where(kFTheta));
  }
  return model;
}

// The focal length along one axis: `fl_x`, or from the field of view, of which instant-ngp's
// `x_fov` is in degrees and goes first, and `camera_angle_x` in radians.
std::optional<double> focal_length(const FrameFields& fields, char axis, int side) {
  const std::string focal = fmt::format("fl_{}", axis);
  const std::string degrees = fmt::format("{}_fov", axis);
  const std::string angle = fields.has(degrees) ? degrees : fmt::format("camera_angle_{}", axis);
  if (fields.has(focal) && angle != degrees) {
    return fields.holder(focal).positive(focal);
  }
  if (!fields.has(angle)) {
    return std::nullopt;
  }
  const JsonFields& holder = fields.holder(angle);
  const double value = holder.positive(angle);
  const double half_turn = angle == degrees ? 180 : CV_PI;
  if (value >= half_turn) {
    throw Error(ErrorParts{
        .what = "the field of view is not usable",
        .where = holder.where(angle),
        .expected = angle == degrees ? "degrees between 0 and 180" : "radians between 0 and π",
        .got = fmt::format("{:g}", value)});
  }
  return 0.5 * side / std::tan(0.5 * value * CV_PI / half_turn);
}

Lens read_lens(const FrameFields& fields) {
  const LensModel model = lens_model(fields);
  constexpr const char* kList = "distortion_params";
  if (model == LensModel::kRadTanThinPrism) {
    const JsonFields& holder = fields.holder(kList);
    return {model, holder.numbers(kList, 12)};
  }
  // nerfstudio's dataparser takes a frame's list in place of the coefficients by name.
  constexpr std::array kListed = {"k1", "k2", "k3", "k4", "p1", "p2"};
  std::vector<double> list;
  if (fields.has(kList)) {
    list = fields.holder(kList).numbers(kList, kListed.size());
  }
  const auto value = [&](std::string_view name) {
    const auto* const at = std::find(kListed.begin(), kListed.end(), name);
    return list.empty() ? fields.number_or(std::string(name), 0) : list[at - kListed.begin()];
  };
  if (model == LensModel::kFisheye) {
    return {model, {value("k1"), value("k2"), value("k3"), value("k4")}};
  }
  if (value("k4") != 0) {
    // It multiplies r⁸ (nerfstudio's camera_utils.py); OpenCV's k4 is a denominator's r².
    return {LensModel::kBrown,
            {value("k1"), value("k2"), value("p1"), value("p2"), value("k3"), value("k4")}};
  }
  return {model,
          tidy_distortion({value("k1"), value("k2"), value("p1"), value("p2"), value("k3")})};
}

// NeuS2's matrix of intrinsics, 3 × 3 or in the corner of 4 × 4.
void read_intrinsic_matrix(const JsonFields& holder, const char* field, View& view) {
  const bool is_large = holder.list(field).size() == 4;
  const cv::Matx33d k =
      is_large ? cv::Matx33d(holder.matrix(field).get_minor<3, 3>(0, 0)) : holder.matrix3(field);
  set_intrinsic_matrix(view, k, {view.camera.width, view.camera.height});
}

void read_intrinsics(const FrameFields& fields, View& view) {
  constexpr const char* kMatrix = "intrinsic_matrix";
  Camera& camera = view.camera;
  view.lens = read_lens(fields);
  const auto fx = focal_length(fields, 'x', camera.width);
  const auto fy = focal_length(fields, 'y', camera.height);
  if (!fx && !fy && fields.has(kMatrix)) {
    return read_intrinsic_matrix(fields.holder(kMatrix), kMatrix, view);
  }
  if (!fx && !fy) {
    throw Error(ErrorParts{.what = "the focal length is missing",
                           .where = fields.frame().where("fl_x"),
                           .expected = "fl_x or camera_angle_x, in the frame or for the file"});
  }
  camera.fx = fx ? *fx : *fy;
  camera.fy = fy ? *fy : *fx;
  camera.cx = fields.number_or("cx", 0.5 * camera.width);
  camera.cy = fields.number_or("cy", 0.5 * camera.height);
}

// Camera to world in our axes. The file's cameras have OpenGL's, unless it is NeuS2's and says that
// they have OpenCV's, or, for instant-ngp, comes from Mitsuba: x to the left, z forwards.
cv::Matx44d to_our_axes(const cv::Matx44d& c2w, const FrameFields& fields) {
  if (fields.has("from_na") && fields.holder("from_na").flag("from_na")) {
    return c2w;
  }
  if (fields.has("normal_mts_args")) {
    return c2w * cv::Matx44d::diag({-1, -1, 1, 1});
  }
  return from_opengl_axes(c2w);
}

// The declared size, else that of the image itself (NeRF's synthetic scenes declare none).
cv::Size image_size(const FrameFields& fields, const View& view) {
  if (fields.has("w") || fields.has("h")) {
    return {fields.holder("w").image_side("w"), fields.holder("h").image_side("h")};
  }
  return ImageFinder::full_size(view.name, view.image_path);
}

// Finds masks and counts those that are missing.
class MaskFinder {
 public:
  explicit MaskFinder(const fs::path& root) : root_(root) {}

  // The file of a frame's mask, bright where the object is; empty if it has none.
  fs::path find(const JsonFields& frame) {
    if (!frame.has("mask_path")) {
      return {};
    }
    const fs::path path = frame.text("mask_path");
    // nerfstudio keeps masks for scaled-down photographs beside those.
    for (const char* folder : {"masks", "masks_2", "masks_4", "masks_8"}) {
      fs::path place;
      for (const fs::path& part : path) {
        place /= part == "masks" ? fs::path(folder) : part;
      }
      const fs::path file = listings_.find(root_, place);
      std::error_code ignored;
      if (fs::is_regular_file(file, ignored)) {
        return file;
      }
    }
    first_missing_ = missing_++ == 0 ? (root_ / path).lexically_normal() : first_missing_;
    return {};
  }

  void note_missing(Scene& scene) const {
    if (missing_ > 0) {
      scene.notes.push_back(
          fmt::format("{} of {} views are used without their masks, which are missing: {}{}.",
                      missing_,
                      scene.views.size(),
                      first_missing_.string(),
                      missing_ > 1 ? ", …" : ""));
    }
  }

 private:
  fs::path root_;
  FolderListings listings_;
  size_t missing_ = 0;
  fs::path first_missing_;
};

View read_view(const FrameFields& fields, ImageFinder& photographs, MaskFinder& masks) {
  const JsonFields& frame = fields.frame();
  View view;
  view.name = frame.text("file_path");
  view.image_path = photographs.find(view.name, frame.where("file_path"));
  view.mask_path = masks.find(frame);
  Camera& camera = view.camera;
  const cv::Size size = image_size(fields, view);
  camera.width = size.width;
  camera.height = size.height;
  read_intrinsics(fields, view);
  const char* const kPose = "transform_matrix";
  camera.c2w = to_our_axes(nearest_pose(frame.pose(kPose), frame.where(kPose)), fields);
  validate_camera(camera, frame.where());
  return view;
}

// The file's document, with its own and its frames' numbers as numbers: nerfstudio's converter from
// RealityCapture wrote those of distortion as text before version 1.1.
json read_transforms_file(const fs::path& file) {
  json document = read_json_file(file);
  read_numbers_of_text(document);
  for (const char* list : {"frames", kTestFrames}) {
    if (document.is_object() && document.contains(list) && document[list].is_array()) {
      for (json& frame : document[list]) {
        read_numbers_of_text(frame);
      }
    }
  }
  return document;
}

// What is collected from a scene's files.
struct Collected {
  ImageFinder photographs;
  MaskFinder masks;
  ViewCollector views;
};

fs::path tidy_name(const std::string& name) { return fs::path(name).lexically_normal(); }

// The names that nerfstudio's lists keep for testing, else those that they keep for validation.
std::set<fs::path> test_names(const JsonFields& global) {
  std::set<fs::path> tests;
  for (const char* list : {"test_filenames", "val_filenames"}) {
    if (tests.empty() && global.has(list)) {
      for (const json& name : global.list(list)) {
        tests.insert(name.is_string() ? tidy_name(name.get<std::string>()) : fs::path());
      }
    }
  }
  return tests;
}

// Adds the file's views; those that it lists as its test split are held out, and so are ScanNet++'s
// in a list of their own.
void add_views(const json& document, const fs::path& file, bool is_held_out, Collected& scene) {
  const JsonFields global(document, file.string());
  const std::set<fs::path> tests = test_names(global);
  const auto add_list = [&](const char* list, const char* kind, bool is_for_testing) {
    const json& frames = global.list(list);
    for (size_t i = 0; i < frames.size(); ++i) {
      scene.views.add([&] {
        const JsonFields frame(frames[i], fmt::format("{}, {} {}", file.string(), kind, i));
        View view = read_view(FrameFields(frame, global), scene.photographs, scene.masks);
        view.is_held_out = is_for_testing || tests.contains(tidy_name(view.name));
        return view;
      });
    }
  };
  add_list("frames", "view", is_held_out);
  if (global.has(kTestFrames)) {
    add_list(kTestFrames, "test view", true);
  }
}

// What the names of photographs are relative to: the file's folder, in ScanNet++ one beside it,
// whose undistorted photographs have the same names.
std::vector<fs::path> photograph_folders(const fs::path& file) {
  const fs::path root = file.parent_path();
  if (root.filename() != kSubfolder) {
    return {root};
  }
  const bool is_undistorted = file.stem() == "transforms_undistorted";
  return {root,
          root.parent_path() / (is_undistorted ? "resized_undistorted_images" : "resized_images")};
}

}  // namespace

std::optional<Scene> load_transforms(const fs::path& path, const SceneOptions& options) {
  Scene scene;
  const TransformsFiles files = transforms_files(path, scene.notes);
  if (files.main.empty()) {
    return std::nullopt;
  }
  const json document = read_transforms_file(files.main);
  const bool named_so = files.main.filename().string().rfind("transforms", 0) == 0;
  if (!named_so && !(document.is_object() && document.contains("frames"))) {
    return std::nullopt;
  }
  scene.file = files.main;
  scene.root = files.main.parent_path();
  const bool is_below = scene.root.filename() == kSubfolder;
  scene.name = (is_below ? scene.root.parent_path() : scene.root).filename().string();
  Collected collected{
      ImageFinder(photograph_folders(files.main), options), MaskFinder(scene.root), {}};
  collected.photographs.ignore_beginnings();  // instant-ngp's script wrote its own folder's
  add_views(document, files.main, false, collected);
  if (!files.held_out.empty()) {
    add_views(read_transforms_file(files.held_out), files.held_out, true, collected);
  }
  collected.views.finish(scene);
  collected.photographs.note_replaced_folder(scene);
  collected.masks.note_missing(scene);
  note_unused_masks(scene);
  note_distortion(scene);
  return scene;
}

}  // namespace parallax
