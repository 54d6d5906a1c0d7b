// Reading reconstruction.json.
#include "vision/scene/formats/opensfm.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <opencv2/calib3d.hpp>

#include "core/base/error.h"
#include "vision/scene/formats/common/image_finder.h"
#include "vision/scene/formats/common/json_fields.h"
#include "vision/scene/formats/common/loader_support.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kReconstructionFile = "reconstruction.json";

fs::path reconstruction_file(const fs::path& path) {
  std::vector<fs::path> candidates = {path};
  if (fs::is_directory(path)) {
    candidates = {path / kReconstructionFile, path / "opensfm" / kReconstructionFile};
  }
  for (const fs::path& file : candidates) {
    if (fs::is_regular_file(file) && file.extension() == ".json") {
      return file;
    }
  }
  return {};
}

bool is_opensfm(const json& document) {
  return document.is_array() && !document.empty() && document.front().is_object() &&
         document.front().contains("shots") && document.front().contains("cameras");
}

// A lens by the values of its fields, of which missing ones are 0, as OpenSfM reads them.
struct Projection {
  std::vector<const char*> fields;
  std::function<Lens(const std::vector<double>&)> lens;
  bool has_one_focal = false;  // `focal`, and the principal point in the middle
};

Lens brown_lens(std::vector<double> coefficients) {
  return {.parameters = tidy_distortion(std::move(coefficients))};
}

// camera_from_json() of opensfm/io.py and opensfm/src/geometry/camera_instances.h.
const std::map<std::string, Projection>& projections() {
  using Values = std::vector<double>;
  const auto brown = [](const Values& values) { return brown_lens(values); };
  const auto fisheye = [](Values values) {
    values.resize(4, 0.0);
    return Lens{LensModel::kFisheye, values};
  };
  // k1 … k6 p1 p2 s0 … s3
  const auto fisheye_six = [](Values v) {
    v.resize(12, 0.0);
    return Lens{LensModel::kThinPrism,
                {v[0], v[1], v[6], v[7], v[2], v[3], v[8], v[10], v[4], v[5], v[9], v[11]}};
  };
  static const std::map<std::string, Projection> table = {
      {"perspective", {{"k1", "k2"}, brown, true}},
      {"simple_radial", {{"k1"}, brown}},
      {"radial", {{"k1", "k2"}, brown}},
      {"brown", {{"k1", "k2", "p1", "p2", "k3"}, brown}},
      {"fisheye", {{"k1", "k2"}, fisheye, true}},
      {"fisheye_opencv", {{"k1", "k2", "k3", "k4"}, fisheye}},
      {"fisheye62", {{"k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2"}, fisheye_six}},
      {"fisheye624",
       {{"k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2", "s0", "s1", "s2", "s3"}, fisheye_six}},
      {"dual",
       {{"transition", "k1", "k2"},
        [](const Values& values) {
          return Lens{LensModel::kDual, values};
        },
        true}},
  };
  return table;
}

double opensfm_value(const JsonFields& fields, const char* name, double otherwise) {
  return fields.has(name) ? fields.number(name) : otherwise;
}

void read_projection(const JsonFields& fields, View& view) {
  constexpr const char* kType = "projection_type";
  const std::string type = fields.has(kType) ? fields.text(kType) : "perspective";
  const auto found = projections().find(type);
  if (found == projections().end()) {
    throw unsupported_camera_model(type, fields.where(kType));
  }
  const Projection& projection = found->second;
  Camera& camera = view.camera;
  camera.width = fields.image_side("width");
  camera.height = fields.image_side("height");
  const double size = std::max(camera.width, camera.height);
  camera.fx = size * fields.positive(projection.has_one_focal ? "focal" : "focal_x");
  camera.fy = size * fields.positive(projection.has_one_focal ? "focal" : "focal_y");
  camera.cx = 0.5 * camera.width;
  camera.cy = 0.5 * camera.height;
  if (!projection.has_one_focal) {
    camera.cx += size * opensfm_value(fields, "c_x", 0);
    camera.cy += size * opensfm_value(fields, "c_y", 0);
  }
  std::vector<double> values;
  for (const char* name : projection.fields) {
    values.push_back(opensfm_value(fields, name, std::string_view(name) == "transition" ? 0.5 : 0));
  }
  view.lens = projection.lens(values);
}

View view_of_shot(const std::string& name,
                  const JsonFields& shot,
                  const JsonFields& cameras,
                  ImageFinder& photographs) {
  View view;
  view.name = name;
  view.image_path = photographs.find(name, shot.where());
  const std::string camera = shot.text("camera");
  if (!cameras.has(camera)) {
    throw Error(ErrorParts{.what = "the shot's camera is not in the file",
                           .where = shot.where("camera"),
                           .got = "'" + camera + "'"});
  }
  read_projection(JsonFields(cameras.object(camera), cameras.where(camera)), view);
  const std::vector<double> turn = shot.numbers("rotation", 3);  // axis times angle
  const std::vector<double> shift = shot.numbers("translation", 3);
  cv::Matx33d rotation;
  cv::Rodrigues(cv::Vec3d(turn.data()), rotation);
  view.camera.c2w = make_pose(rotation, cv::Vec3d(shift.data())).inv();
  validate_camera(view.camera, shot.where());
  return view;
}

size_t count_shots(const json& reconstruction) {
  const bool has_shots = reconstruction.is_object() && reconstruction.contains("shots");
  return has_shots ? reconstruction["shots"].size() : 0;
}

// The index of the reconstruction with most shots; a note names the others.
size_t choose_reconstruction(const json& document, Scene& scene) {
  size_t most = 0;
  for (size_t i = 1; i < document.size(); ++i) {
    most = count_shots(document[i]) > count_shots(document[most]) ? i : most;
  }
  if (document.size() > 1) {
    std::string others;
    for (size_t i = 0; i < document.size(); ++i) {
      if (i != most) {
        others +=
            fmt::format("{}{} ({} shots)", others.empty() ? "" : ", ", i, count_shots(document[i]));
      }
    }
    scene.notes.push_back(
        fmt::format("OpenSfM made {} reconstructions of these photographs; this is number {}, with "
                    "{} shots. The "
                    "others are left out: {}.",
                    document.size(),
                    most,
                    count_shots(document[most]),
                    others));
  }
  return most;
}

}  // namespace

std::optional<Scene> load_opensfm(const fs::path& path, const SceneOptions& options) {
  const fs::path file = reconstruction_file(path);
  if (file.empty()) {
    return std::nullopt;
  }
  const json document = read_json_file(file, {"points"});
  if (!is_opensfm(document)) {
    return std::nullopt;
  }
  Scene scene;
  scene.file = file;
  scene.root = file.parent_path();
  // OpenDroneMap keeps OpenSfM's files in `opensfm` and the photographs beside that folder.
  const bool is_inside_project = scene.root.filename() == "opensfm";
  scene.name = (is_inside_project ? scene.root.parent_path() : scene.root).filename().string();
  const size_t chosen = choose_reconstruction(document, scene);
  const JsonFields fields(document[chosen],
                          fmt::format("{}, reconstruction {}", file.string(), chosen));
  const JsonFields cameras(fields.object("cameras"), fields.where("cameras"));
  ImageFinder photographs =
      ImageFinder::in_images_of({scene.root, scene.root.parent_path()}, options);
  ViewCollector views;
  for (const auto& [name, shot] : fields.object("shots").items()) {
    views.add([&, &name = name, &shot = shot] {
      const JsonFields place(shot, fmt::format("{}, shot '{}'", file.string(), name));
      return view_of_shot(name, place, cameras, photographs);
    });
  }
  views.finish(scene);
  photographs.note_replaced_folder(scene);
  note_distortion(scene);
  return scene;
}

}  // namespace parallax
