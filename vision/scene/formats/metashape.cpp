// Reading Metashape's XML.
#include "vision/scene/formats/metashape.h"

#include <fmt/format.h>
#include <tinyxml2.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

#include "core/base/error.h"
#include "vision/scene/formats/common/image_finder.h"
#include "vision/scene/formats/common/loader_support.h"
#include "vision/scene/formats/common/xml_fields.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

int resolution_side(const XmlFields& resolution, const char* name) {
  const std::string text = resolution.attribute(name);
  const double side = std::strtod(text.c_str(), nullptr);
  if (!(side >= 1) || side > kMaxImageSide || side != std::floor(side)) {
    throw Error(ErrorParts{.what = fmt::format("the sensor's {} is not usable", name),
                           .where = resolution.where(),
                           .expected = fmt::format("1 to {} pixels", kMaxImageSide),
                           .got = "'" + text + "'"});
  }
  return static_cast<int>(side);
}

struct Sensor {
  Camera camera;
  Lens lens;
  bool has_corrections = false;
  std::string problem;  // why no view can use it; empty: it is fine
};

// The adjusted calibration, else the one that the user gave.
XmlFields find_calibration(const XmlFields& sensor) {
  XmlFields chosen = sensor.child("calibration");
  for (const XmlFields& calibration : sensor.children("calibration")) {
    if (calibration.attribute("class") == "adjusted") {
      chosen = calibration;
    }
  }
  return chosen;
}

// Metashape's P1 and P2 are OpenCV's p2 and p1.
Lens sensor_lens(const std::string& type,
                 const std::map<std::string, double>& value,
                 const XmlFields& at) {
  for (const char* name : {"p3", "p4"}) {
    if (value.at(name) != 0) {
      throw Error(
          ErrorParts{.what = fmt::format("the coefficient {} is not supported", name),
                     .where = at.where(),
                     .expected = "0",
                     .remedy = "Only PhotoScan had it: align the photographs in Metashape."});
    }
  }
  const std::vector<double> bent = {value.at("k1"),
                                    value.at("k2"),
                                    value.at("p2"),
                                    value.at("p1"),
                                    value.at("k3"),
                                    value.at("k4")};
  if (type == "fisheye" || type == "equidistant_fisheye") {
    return {LensModel::kThinPrism, bent};
  }
  if (type == "equisolid_fisheye") {
    return {LensModel::kEquisolid, bent};
  }
  if (type != "frame") {
    throw unsupported_camera_model(type, at.where());
  }
  if (bent.back() != 0) {
    return {LensModel::kBrown, bent};
  }
  return {.parameters = tidy_distortion({bent.begin(), bent.end() - 1})};
}

Sensor read_sensor(const XmlFields& place) {
  const XmlFields calibration = find_calibration(place);
  std::string type = calibration ? calibration.attribute("type") : "";
  type = type.empty() ? place.attribute("type") : type;
  if (!calibration) {
    if (type == "spherical" || type == "cylindrical") {
      throw unsupported_camera_model(type, place.where());
    }
    throw Error(ErrorParts{.what = "the sensor has no calibration",
                           .where = place.where(),
                           .remedy = "Export the cameras after aligning the photographs."});
  }
  if (!calibration.child("f")) {
    throw Error(ErrorParts{.what = "the calibration has no focal length <f>",
                           .where = calibration.where(),
                           .remedy = "PhotoScan before 1.2 wrote others; export from Metashape."});
  }
  std::map<std::string, double> value;
  for (const char* name :
       {"f", "cx", "cy", "b1", "b2", "k1", "k2", "k3", "k4", "p1", "p2", "p3", "p4"}) {
    const XmlFields field = calibration.child(name);
    value[name] = field ? field.numbers(1)[0] : 0;
  }
  const XmlFields own = calibration.child("resolution");
  const XmlFields resolution = own ? own : place.child("resolution");
  Sensor sensor;
  sensor.lens = sensor_lens(type, value, calibration);
  sensor.has_corrections = static_cast<bool>(place.child("corrections")) ||
                           static_cast<bool>(calibration.child("corrections"));
  Camera& camera = sensor.camera;
  camera.width = resolution_side(resolution, "width");
  camera.height = resolution_side(resolution, "height");
  camera.fx = value["f"] + value["b1"];
  camera.fy = value["f"];
  camera.cx = 0.5 * camera.width + value["cx"];
  camera.cy = 0.5 * camera.height + value["cy"];
  validate_camera(camera, calibration.where());
  sensor.lens.skew = value["b2"] / camera.fx;
  return sensor;
}

std::map<std::string, Sensor> read_sensors(const XmlFields& chunk) {
  std::map<std::string, Sensor> sensors;
  for (const XmlFields& place : chunk.child("sensors").children("sensor", "group")) {
    Sensor& sensor = sensors[place.attribute("id")];
    try {
      sensor = read_sensor(place);
    } catch (const Error& error) {
      sensor.problem = error.what();
    }
  }
  return sensors;
}

// From a chunk's or component's own coordinates to the world's.
struct Similarity {
  cv::Matx33d rotation = cv::Matx33d::eye();
  cv::Vec3d translation;
  double scale = 1;

  cv::Matx44d apply(const cv::Matx44d& c2w) const {
    const cv::Vec3d position(c2w(0, 3), c2w(1, 3), c2w(2, 3));
    return make_pose(rotation * c2w.get_minor<3, 3>(0, 0),
                     rotation * position * scale + translation);
  }
};

Similarity read_similarity(const XmlFields& transform) {
  Similarity result;
  if (const XmlFields rotation = transform.child("rotation")) {
    result.rotation = cv::Matx33d(rotation.numbers(9).data());
  }
  if (const XmlFields translation = transform.child("translation")) {
    result.translation = cv::Vec3d(translation.numbers(3).data());
  }
  if (const XmlFields scale = transform.child("scale")) {
    result.scale = scale.numbers(1)[0];
  }
  if (!(result.scale > 0)) {
    throw Error(ErrorParts{.what = "the scale is not positive", .where = transform.where()});
  }
  return result;
}

bool is_enabled(const XmlFields& camera) {
  const std::string enabled = camera.attribute("enabled");  // 1 and 0 in PhotoScan
  return enabled != "false" && enabled != "0";
}

// How many cameras have a pose, by component ("" where there are none).
std::map<std::string, size_t> count_aligned(const XmlFields& chunk) {
  std::map<std::string, size_t> counts;
  for (const XmlFields& camera : chunk.child("cameras").children("camera", "group")) {
    if (camera.child("transform") && is_enabled(camera)) {
      ++counts[camera.attribute("component_id")];
    }
  }
  return counts;
}

template <typename Map>
typename Map::const_iterator largest(const Map& counts) {
  return std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
    return a.second < b.second;
  });
}

std::string join_counts(const std::map<std::string, size_t>& counts, const std::string& but) {
  std::string text;
  for (const auto& [name, count] : counts) {
    if (name != but) {
      text += fmt::format("{}{} ({} cameras)", text.empty() ? "" : ", ", name, count);
    }
  }
  return text;
}

// The chunk with most aligned cameras; a note names the others.
XmlFields choose_chunk(const XmlFields& document, Scene& scene) {
  std::map<std::string, size_t> counts;
  std::map<std::string, XmlFields> chunks;
  for (const XmlFields& chunk : document.children("chunk", "group")) {
    std::string label = chunk.attribute("label");
    label = fmt::format("'{}'{}", label, chunks.contains("'" + label + "'") ? " (another)" : "");
    size_t count = 0;
    for (const auto& [component, cameras] : count_aligned(chunk)) {
      count = std::max(count, cameras);
    }
    counts[label] = count;
    chunks[label] = chunk;
  }
  if (chunks.empty()) {
    return {};
  }
  const std::string chosen = largest(counts)->first;
  if (chunks.size() > 1) {
    scene.notes.push_back(fmt::format("Of {} chunks this is {}; the others are left out: {}.",
                                      chunks.size(),
                                      chosen,
                                      join_counts(counts, chosen)));
  }
  return chunks[chosen];
}

// The component with most cameras; a note names the others.
std::string choose_component(const XmlFields& chunk, Scene& scene) {
  const std::map<std::string, size_t> counts = count_aligned(chunk);
  if (counts.empty()) {
    return "";
  }
  const auto most = largest(counts);
  if (counts.size() > 1) {
    scene.notes.push_back(fmt::format(
        "Metashape aligned these photographs in {} components, which share no coordinates; this is "
        "component {}, with {} cameras. The others are left out: {}.",
        counts.size(),
        most->first,
        most->second,
        join_counts(counts, most->first)));
  }
  return most->first;
}

// Where the cameras of that component are in the world.
Similarity world_of_component(const XmlFields& chunk, const std::string& id) {
  for (const XmlFields& component : chunk.child("components").children("component", "group")) {
    if (component.attribute("id") == id && component.child("transform")) {
      return read_similarity(component.child("transform"));
    }
  }
  const XmlFields transform = chunk.child("transform");
  return transform ? read_similarity(transform) : Similarity();
}

Error camera_error(const XmlFields& camera,
                   const std::string& what,
                   const std::string& remedy = "") {
  return Error(ErrorParts{.what = fmt::format("camera '{}' {}", camera.attribute("label"), what),
                          .where = camera.where(),
                          .remedy = remedy});
}

View view_of_camera(const XmlFields& camera,
                    const std::map<std::string, Sensor>& sensors,
                    const Similarity& world,
                    ImageFinder& photographs) {
  if (!is_enabled(camera)) {
    throw camera_error(camera, "is disabled");
  }
  const XmlFields transform = camera.child("transform");
  if (!transform) {
    throw camera_error(camera,
                       camera.attribute("master_id").empty()
                           ? "is not aligned"
                           : "has no pose of its own: it is one of several on a rig");
  }
  const auto sensor = sensors.find(camera.attribute("sensor_id"));
  if (sensor == sensors.end()) {
    throw camera_error(camera, "has a sensor that is not in the file");
  }
  if (!sensor->second.problem.empty()) {
    throw Error(sensor->second.problem);
  }
  View view;
  view.name = camera.attribute("label");
  view.image_path = photographs.find(view.name, camera.where());
  view.camera = sensor->second.camera;
  view.lens = sensor->second.lens;
  view.camera.c2w = world.apply(cv::Matx44d(transform.numbers(16).data()));
  validate_camera(view.camera, camera.where());
  return view;
}

// Two photographs of one name, as drones number them anew on each flight: nothing says whose is
// whose.
void refuse_repeated_label(const XmlFields& camera, const std::map<std::string, size_t>& labels) {
  const size_t count = labels.at(camera.attribute("label"));
  if (count > 1) {
    throw camera_error(
        camera,
        fmt::format("has the label of {} cameras", count),
        "Give each camera its own label in Metashape and each photograph that name.");
  }
}

// The path itself, or the files of the folder, that may be Metashape's.
std::vector<fs::path> candidate_files(const fs::path& path) {
  std::vector<fs::path> files;
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    files.push_back(path);
  }
  for (auto entry = fs::directory_iterator(path, error);
       !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    files.push_back(entry->path());
  }
  std::erase_if(files, [](const fs::path& file) { return !begins_as_metashape(file); });
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

bool begins_as_metashape(const fs::path& file) {
  return file.extension() == ".xml" &&
         first_bytes(file, 1000).find("<document") != std::string::npos;
}

std::optional<Scene> load_metashape(const fs::path& path, const SceneOptions& options) {
  tinyxml2::XMLDocument parsed;
  XmlFields document;
  Scene scene;
  for (const fs::path& file : candidate_files(path)) {
    const XmlFields root(read_xml_file(file, parsed), file.string());
    if (root.child("chunk")) {
      document = root;
      scene.file = file;
      break;
    }
  }
  if (!document) {
    return std::nullopt;
  }
  scene.root = scene.file.parent_path();
  scene.name = scene.root.filename().string();
  const XmlFields chunk = choose_chunk(document, scene);
  const std::map<std::string, Sensor> sensors = read_sensors(chunk);
  const std::string component = choose_component(chunk, scene);
  const Similarity world = world_of_component(chunk, component);
  std::map<std::string, size_t> labels;
  std::vector<XmlFields> cameras;
  for (const XmlFields& camera : chunk.child("cameras").children("camera", "group")) {
    if (!camera.child("transform") || camera.attribute("component_id") == component) {
      cameras.push_back(camera);
      ++labels[camera.attribute("label")];
    }
  }
  ImageFinder photographs =
      ImageFinder::in_images_of({scene.root, scene.root.parent_path()}, options);
  ViewCollector views;
  for (const XmlFields& camera : cameras) {
    views.add([&] {
      refuse_repeated_label(camera, labels);
      return view_of_camera(camera, sensors, world, photographs);
    });
  }
  views.finish(scene);
  photographs.note_replaced_folder(scene);
  note_distortion(scene);
  if (std::any_of(sensors.begin(), sensors.end(), [](const auto& entry) {
        return entry.second.has_corrections;
      })) {
    scene.notes.emplace_back("Metashape's additional corrections of a sensor are not applied.");
  }
  return scene;
}

}  // namespace parallax
