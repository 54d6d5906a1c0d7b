// Reading sfm_data.json, which is written by the library cereal.
#include "vision/scene/formats/openmvg.h"

#include <fmt/format.h>

#include <cstdint>
#include <map>

#include "core/base/error.h"
#include "vision/scene/formats/common/image_finder.h"
#include "vision/scene/formats/common/json_fields.h"
#include "vision/scene/formats/common/loader_support.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kSfmDataFile = "sfm_data.json";
constexpr std::uint32_t kNew = 0x80000000;  // cereal's mark on an id that occurs for the first time
constexpr std::int64_t kUndefined = 0xFFFFFFFF;  // OpenMVG's index of nothing

bool is_openmvg(const json& document) {
  return document.is_object() && document.contains("sfm_data_version") &&
         document.contains("views");
}

// Follows cereal's pointers: an object is written where its id occurs for the first time, and so is
// the name of a polymorphic type.
class CerealPointers {
 public:
  // The object that `value` points to, and its type where that is polymorphic.
  struct Target {
    JsonFields fields;
    std::string type;
  };

  Target follow(const json& value, const std::string& where) {
    const JsonFields pointer(value, where);
    std::string type;
    if (pointer.has("polymorphic_id")) {
      const std::uint32_t id = read_id(pointer, "polymorphic_id");
      if (pointer.has("polymorphic_name")) {
        types_[id] = pointer.text("polymorphic_name");
      }
      type = types_[id];
    }
    const JsonFields wrapper(pointer.object("ptr_wrapper"), pointer.where("ptr_wrapper"));
    const std::uint32_t id = read_id(wrapper, "id");
    if (wrapper.has("data")) {
      objects_[id] = &wrapper.object("data");
    }
    const auto object = objects_.find(id);
    if (object == objects_.end()) {
      throw Error(ErrorParts{.what = "the pointer has no target",
                             .where = wrapper.where("id"),
                             .got = std::to_string(id)});
    }
    // Members of a base class may be written one level further down.
    const bool is_nested = object->second->contains("value0");
    return {JsonFields(is_nested ? (*object->second)["value0"] : *object->second, where), type};
  }

 private:
  static std::uint32_t read_id(const JsonFields& fields, const char* name) {
    return static_cast<std::uint32_t>(fields.index(name)) & ~kNew;
  }

  std::map<std::uint32_t, std::string> types_;
  std::map<std::uint32_t, const json*> objects_;
};

struct Intrinsics {
  Camera camera;
  Lens lens;
  std::string problem;  // why no view can use them; empty: they are fine
};

Intrinsics read_openmvg_camera(const JsonFields& fields, const std::string& type) {
  Intrinsics intrinsics;
  if (type == "pinhole_radial_k1") {
    intrinsics.lens.parameters = tidy_distortion(fields.numbers("disto_k1", 1));
  } else if (type == "pinhole_radial_k3") {
    const std::vector<double> k = fields.numbers("disto_k3", 3);
    intrinsics.lens.parameters = tidy_distortion({k[0], k[1], 0, 0, k[2]});
  } else if (type == "pinhole_brown_t2") {
    const std::vector<double> k = fields.numbers("disto_t2", 5);  // k1 k2 k3 t1 t2
    intrinsics.lens.parameters = tidy_distortion({k[0], k[1], k[3], k[4], k[2]});
  } else if (type == "fisheye") {
    intrinsics.lens = {LensModel::kFisheye, fields.numbers("fisheye", 4)};
  } else if (type != "pinhole") {
    throw unsupported_camera_model(type, fields.where());
  }
  Camera& camera = intrinsics.camera;
  camera.width = fields.image_side("width");
  camera.height = fields.image_side("height");
  camera.fx = camera.fy = fields.positive("focal_length");
  const std::vector<double> middle = fields.numbers("principal_point", 2);
  camera.cx = middle[0] + 0.5;
  camera.cy = middle[1] + 0.5;
  validate_camera(camera, fields.where());
  return intrinsics;
}

// What views refer to by number.
struct Tables {
  std::map<std::int64_t, Intrinsics> intrinsics;
  std::map<std::int64_t, const json*> poses;
};

Tables read_tables(const JsonFields& document, CerealPointers& pointers) {
  Tables tables;
  for (const json& entry : document.list("intrinsics")) {
    const JsonFields pair(entry, document.where("intrinsics"));
    const std::int64_t key = pair.index("key");
    try {
      const std::string where = fmt::format("{}, key {}", pair.where(), key);
      const CerealPointers::Target target = pointers.follow(pair.object("value"), where);
      tables.intrinsics[key] = read_openmvg_camera(target.fields, target.type);
    } catch (const Error& error) {
      tables.intrinsics[key].problem = error.what();
    }
  }
  for (const json& entry : document.list("extrinsics")) {
    const JsonFields pair(entry, document.where("extrinsics"));
    tables.poses[pair.index("key")] = &pair.object("value");
  }
  return tables;
}

View view_of_entry(const JsonFields& fields, const Tables& tables, ImageFinder& photographs) {
  View view;
  view.name = (fs::path(fields.text_or_empty("local_path")) / fields.text("filename")).string();
  const auto pose = tables.poses.find(fields.index("id_pose"));
  if (pose == tables.poses.end()) {
    throw Error(ErrorParts{.what = fmt::format("no pose was found for '{}'", view.name),
                           .where = fields.where()});
  }
  const std::int64_t id = fields.index("id_intrinsic");
  const auto intrinsics = tables.intrinsics.find(id);
  if (intrinsics == tables.intrinsics.end()) {
    throw Error(ErrorParts{.what = "the view's intrinsics are not in the file",
                           .where = fields.where("id_intrinsic"),
                           .got = id == kUndefined ? "none" : std::to_string(id)});
  }
  if (!intrinsics->second.problem.empty()) {
    throw Error(intrinsics->second.problem);
  }
  view.image_path = photographs.find(view.name, fields.where("filename"));
  view.camera = intrinsics->second.camera;
  view.lens = intrinsics->second.lens;
  const JsonFields place(*pose->second, fields.where() + ", pose");
  const cv::Matx33d rotation = place.matrix3("rotation");  // world to camera
  const std::vector<double> centre = place.numbers("center", 3);
  view.camera.c2w = make_pose(rotation.t(), cv::Vec3d(centre.data()));
  validate_camera(view.camera, place.where());
  return view;
}

// The file that the path means; empty if it holds no such scene.
fs::path sfm_data_file(const fs::path& path) {
  if (!fs::is_directory(path)) {
    return fs::is_regular_file(path) && path.extension() == ".json" ? path : fs::path();
  }
  const fs::path file = path / kSfmDataFile;
  const fs::path binary = path / "sfm_data.bin";
  if (!fs::is_regular_file(file) && fs::is_regular_file(binary)) {
    throw Error(ErrorParts{
        .what = "OpenMVG's binary files are not read",
        .where = binary.string(),
        .remedy =
            "Convert it: openMVG_main_ConvertSfM_DataFormat -i sfm_data.bin -o sfm_data.json -V "
            "-I -E"});
  }
  return fs::is_regular_file(file) ? file : fs::path();
}

}  // namespace

std::optional<Scene> load_openmvg(const fs::path& path, const SceneOptions& options) {
  const fs::path file = sfm_data_file(path);
  if (file.empty()) {
    return std::nullopt;
  }
  const json document = read_json_file(file, {"structure", "control_points"});
  if (!is_openmvg(document)) {
    return std::nullopt;
  }
  Scene scene;
  scene.file = file;
  scene.root = file.parent_path();
  scene.name = scene.root.filename().string();
  const JsonFields fields(document, file.string());
  if (fields.list("extrinsics").empty()) {
    throw Error(ErrorParts{.what = "the file has no poses",
                           .where = fields.where("extrinsics"),
                           .remedy =
                               "This is what a reconstruction begins with; name the file that "
                               "openMVG_main_SfM wrote."});
  }
  std::vector<fs::path> folders = {scene.root, scene.root.parent_path()};
  if (const std::string own = fields.text_or_empty("root_path"); !own.empty()) {
    folders.insert(folders.begin(), scene.root / own);
  }
  ImageFinder photographs = ImageFinder::in_images_of(folders, options);
  CerealPointers pointers;
  // In the order in which they are written, as types are named once.
  const json& list = fields.list("views");
  ViewCollector views;
  std::vector<JsonFields> entries;
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string where = fmt::format("{}, view {}", file.string(), i);
    try {
      entries.push_back(pointers.follow(JsonFields(list[i], where).object("value"), where).fields);
    } catch (const Error& error) {
      views.leave_out(error.what());
    }
  }
  const Tables tables = read_tables(fields, pointers);
  for (const JsonFields& entry : entries) {
    views.add([&] { return view_of_entry(entry, tables, photographs); });
  }
  views.finish(scene);
  photographs.note_replaced_folder(scene);
  note_distortion(scene);
  return scene;
}

}  // namespace parallax
