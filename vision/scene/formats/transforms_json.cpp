// Reading transforms.json.
#include "vision/scene/formats/transforms_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "core/base/error.h"
#include "core/image/image_header.h"
#include "vision/scene/formats/common/image_finder.h"
#include "vision/scene/formats/common/json_fields.h"
#include "vision/scene/formats/common/loader_support.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kTrainFile = "transforms_train.json";
constexpr std::array kFileNames = {"transforms.json",
                                   kTrainFile,
                                   "transforms_test.json",
                                   "transforms_val.json"};

// The camera models whose images are pinhole images once undistorted with OpenCV's model.
constexpr std::array kPinholeModels = {"SIMPLE_PINHOLE",
                                       "PINHOLE",
                                       "SIMPLE_RADIAL",
                                       "RADIAL",
                                       "OPENCV",
                                       "FULL_OPENCV",
                                       "PERSPECTIVE"};

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

TransformsFiles transforms_files(const fs::path& path, std::vector<std::string>& notes) {
  if (!fs::is_directory(path)) {
    return {.main = fs::is_regular_file(path) && path.extension() == ".json" ? path : fs::path()};
  }
  TransformsFiles files;
  for (const char* name : kFileNames) {
    const fs::path file = path / name;
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
    const std::string name = holder.text("camera_model");
    if (name == "OPENCV_FISHEYE") {
      model = LensModel::kFisheye;
    } else if (std::find(kPinholeModels.begin(), kPinholeModels.end(), name) ==
               kPinholeModels.end()) {
      throw unsupported_camera_model(name, holder.where("camera_model"));
    }
  }
  // instant-ngp writes these as true/false; its fisheye is OpenCV's.
  if (fields.has("is_fisheye") && fields.holder("is_fisheye").flag("is_fisheye")) {
    model = LensModel::kFisheye;
  }
  constexpr const char* kSpherical = "is_equirectangular";
  if (fields.has(kSpherical) && fields.holder(kSpherical).flag(kSpherical)) {
    throw unsupported_camera_model(kSpherical, fields.holder(kSpherical).where(kSpherical));
  }
  return model;
}

// The focal length along one axis: `fl_x`, or from the field of view `camera_angle_x`.
std::optional<double> focal_length(const FrameFields& fields, char axis, int side) {
  const std::string focal = fmt::format("fl_{}", axis);
  const std::string angle = fmt::format("camera_angle_{}", axis);
  if (fields.has(focal)) {
    return fields.holder(focal).positive(focal);
  }
  if (!fields.has(angle)) {
    return std::nullopt;
  }
  const JsonFields& holder = fields.holder(angle);
  const double radians = holder.positive(angle);
  if (radians >= CV_PI) {
    throw Error(ErrorParts{.what = "the field of view is not usable",
                           .where = holder.where(angle),
                           .expected = "radians between 0 and π",
                           .got = fmt::format("{:g}", radians)});
  }
  return 0.5 * side / std::tan(0.5 * radians);
}

Lens read_lens(const FrameFields& fields) {
  const LensModel model = lens_model(fields);
  const auto value = [&](const char* name) { return fields.number_or(name, 0); };
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

// The declared size, else that of the image itself (NeRF's synthetic scenes declare none).
cv::Size image_size(const FrameFields& fields, const fs::path& image) {
  if (fields.has("w") || fields.has("h")) {
    return {fields.holder("w").image_side("w"), fields.holder("h").image_side("h")};
  }
  return image_file_size(image);
}

// The file of a frame's mask, bright where the object is; empty if it has none.
fs::path find_mask(const JsonFields& frame, const fs::path& root) {
  if (!frame.has("mask_path")) {
    return {};
  }
  const fs::path path = (root / frame.text("mask_path")).lexically_normal();
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) {
    throw Error(ErrorParts{.what = "the mask is missing",
                           .where = frame.where("mask_path"),
                           .expected = path.string()});
  }
  return path;
}

View read_view(const FrameFields& fields, const fs::path& root, ImageFinder& photographs) {
  const JsonFields& frame = fields.frame();
  View view;
  view.name = frame.text("file_path");
  view.image_path = photographs.find(view.name, frame.where("file_path"));
  view.mask_path = find_mask(frame, root);
  Camera& camera = view.camera;
  const cv::Size size = image_size(fields, view.image_path);
  camera.width = size.width;
  camera.height = size.height;
  const auto fx = focal_length(fields, 'x', camera.width);
  const auto fy = focal_length(fields, 'y', camera.height);
  if (!fx && !fy) {
    throw Error(ErrorParts{.what = "the focal length is missing",
                           .where = frame.where("fl_x"),
                           .expected = "fl_x or camera_angle_x, in the frame or for the file"});
  }
  camera.fx = fx ? *fx : *fy;
  camera.fy = fy ? *fy : *fx;
  camera.cx = fields.number_or("cx", 0.5 * camera.width);
  camera.cy = fields.number_or("cy", 0.5 * camera.height);
  view.lens = read_lens(fields);
  const cv::Matx44d c2w = frame.matrix("transform_matrix");
  validate_pose(c2w, frame.where("transform_matrix"));
  camera.c2w = from_opengl_axes(c2w);
  validate_camera(camera, frame.where());
  return view;
}

// Adds the file's views; those that it lists as its test split are held out.
void add_views(const json& document,
               const fs::path& file,
               bool is_held_out,
               ImageFinder& photographs,
               ViewCollector& views) {
  const JsonFields global(document, file.string());
  std::set<std::string> tests;  // nerfstudio's lists of names
  if (global.has("test_filenames")) {
    for (const json& name : global.list("test_filenames")) {
      tests.insert(name.is_string() ? name.get<std::string>() : "");
    }
  }
  const json& frames = global.list("frames");
  for (size_t i = 0; i < frames.size(); ++i) {
    views.add([&] {
      const JsonFields frame(frames[i], fmt::format("{}, view {}", file.string(), i));
      View view = read_view(FrameFields(frame, global), file.parent_path(), photographs);
      view.is_held_out = is_held_out || tests.contains(view.name);
      return view;
    });
  }
}

}  // namespace

std::optional<Scene> load_transforms(const fs::path& path, const SceneOptions& options) {
  Scene scene;
  const TransformsFiles files = transforms_files(path, scene.notes);
  if (files.main.empty()) {
    return std::nullopt;
  }
  const json document = read_json_file(files.main);
  const bool named_so = files.main.filename().string().rfind("transforms", 0) == 0;
  if (!named_so && !(document.is_object() && document.contains("frames"))) {
    return std::nullopt;
  }
  scene.file = files.main;
  scene.root = files.main.parent_path();
  scene.name = scene.root.filename().string();
  ImageFinder photographs({scene.root}, options);
  ViewCollector views;
  add_views(document, files.main, false, photographs, views);
  if (!files.held_out.empty()) {
    add_views(read_json_file(files.held_out), files.held_out, true, photographs, views);
  }
  views.finish(scene);
  photographs.note_replaced_folder(scene);
  note_distortion(scene);
  return scene;
}

}  // namespace parallax
