// Reading cameras.json.
#include "vision/scene/formats/gaussian_splatting.h"

#include <fmt/format.h>

#include <map>

#include "core/base/error.h"
#include "core/io/input_file.h"
#include "vision/scene/formats/common/image_finder.h"
#include "vision/scene/formats/common/json_fields.h"
#include "vision/scene/formats/common/loader_support.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kSplatCameras = "cameras.json";
constexpr const char* kImageName = "img_name";

bool is_splat_cameras(const json& document) {
  return document.is_array() && !document.empty() && document.front().is_object() &&
         document.front().contains(kImageName) && document.front().contains("position");
}

// The text of one argument in "Namespace(…, source_path='/data/garden', …)", as Python prints it;
// empty if there is none.
std::string printed_argument(const std::string& text, const std::string& name) {
  size_t at = text.find(name + "=");
  if (at == std::string::npos || at + name.size() + 1 >= text.size()) {
    return "";
  }
  at += name.size() + 1;
  const char quote = text[at];
  if (quote != '\'' && quote != '"') {
    return "";
  }
  std::string value;
  for (size_t i = at + 1; i < text.size() && text[i] != quote; ++i) {
    i += text[i] == '\\' && i + 1 < text.size() ? 1 : 0;
    value += text[i];
  }
  return value;
}

// Where the photographs may be: beside the file, and where training found them.
std::vector<fs::path> splat_image_folders(const fs::path& root) {
  std::vector<fs::path> folders = {root / "images", root};
  const fs::path file = root / "cfg_args";
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) {
    return folders;
  }
  constexpr std::uint64_t kMostBytes = 1 << 16;
  const InputFile arguments(file);
  const std::string text = arguments.read(0, std::min(arguments.size(), kMostBytes));
  const std::string source = printed_argument(text, "source_path");
  if (!source.empty()) {
    const std::string images = printed_argument(text, "images");
    folders.push_back(root / source / (images.empty() ? "images" : images));
    folders.push_back(root / source);
  }
  return folders;
}

View view_of_splat_camera(const JsonFields& fields, ImageFinder& photographs) {
  View view;
  view.name = fields.text(kImageName);
  Camera& camera = view.camera;
  camera.width = fields.image_side("width");
  camera.height = fields.image_side("height");
  camera.fx = fields.positive("fx");
  camera.fy = fields.positive("fy");
  camera.cx = 0.5 * camera.width;
  camera.cy = 0.5 * camera.height;
  const std::vector<double> position = fields.numbers("position", 3);
  camera.c2w = make_pose(fields.matrix3("rotation"), cv::Vec3d(position.data()));
  validate_camera(camera, fields.where());
  view.image_path = photographs.find(view.name, fields.where(kImageName));
  return view;
}

// In NeRF's synthetic scenes a photograph for training and one for testing share a name.
void refuse_repeated_name(const JsonFields& fields, const std::map<std::string, int>& names) {
  const std::string name = fields.text_or_empty(kImageName);
  const auto found = names.find(name);
  if (found != names.end() && found->second > 1) {
    throw Error(ErrorParts{
        .what = fmt::format("{} cameras have the image '{}'", found->second, name),
        .where = fields.where(kImageName),
        .remedy = "Nothing says whose it is: name the scene that the model was trained on."});
  }
}

}  // namespace

std::optional<Scene> load_gaussian_splatting(const fs::path& path, const SceneOptions& options) {
  const fs::path file = fs::is_directory(path) ? path / kSplatCameras : path;
  if (!fs::is_regular_file(file) || file.extension() != ".json") {
    return std::nullopt;
  }
  const json document = read_json_file(file);
  if (!is_splat_cameras(document)) {
    return std::nullopt;
  }
  Scene scene;
  scene.file = file;
  scene.root = file.parent_path();
  scene.name = scene.root.filename().string();
  std::map<std::string, int> names;
  for (const json& entry : document) {
    if (entry.is_object() && entry.contains(kImageName) && entry[kImageName].is_string()) {
      ++names[entry[kImageName].get<std::string>()];
    }
  }
  ImageFinder photographs(splat_image_folders(scene.root), options);
  ViewCollector views;
  for (size_t i = 0; i < document.size(); ++i) {
    views.add([&] {
      const JsonFields fields(document[i], fmt::format("{}, view {}", file.string(), i));
      refuse_repeated_name(fields, names);
      return view_of_splat_camera(fields, photographs);
    });
  }
  views.finish(scene);
  photographs.note_replaced_folder(scene);
  return scene;
}

}  // namespace parallax
