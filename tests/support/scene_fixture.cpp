// Writers of small scenes.
#include "tests/support/scene_fixture.h"

#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <opencv2/core.hpp>
#include <opencv2/core/quaternion.hpp>

#include "core/base/error.h"
#include "core/image/image.h"
#include "vision/scene/formats/load_scene.h"

namespace parallax::testing {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

template <typename T>
void append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

json rows(const cv::Matx44d& matrix) {
  json result = json::array();
  for (int row = 0; row < 4; ++row) {
    result.push_back({matrix(row, 0), matrix(row, 1), matrix(row, 2), matrix(row, 3)});
  }
  return result;
}

// Quaternion w x y z and translation of world-to-camera.
std::vector<double> colmap_pose(const Camera& camera) {
  const cv::Matx44d w2c = camera.c2w.inv();
  const cv::Quatd q = cv::Quatd::createFromRotMat(w2c.get_minor<3, 3>(0, 0));
  return {q.w, q.x, q.y, q.z, w2c(0, 3), w2c(1, 3), w2c(2, 3)};
}

std::string colmap_name(const View& view) { return fs::path(view.name).filename().string(); }

}  // namespace

void write_text(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file << text;
}

Scene make_small_scene(const fs::path& folder) {
  Scene scene{
      .name = folder.filename().string(), .format = SceneFormat::kOpencvJson, .root = folder};
  fs::create_directories(folder / "images");
  cv::RNG random(7);
  for (int i = 0; i < 3; ++i) {
    View view;
    view.name = fmt::format("images/view_{}.png", i);
    view.image_path = folder / view.name;
    cv::Mat image(24, 32, CV_8UC3);
    random.fill(image, cv::RNG::UNIFORM, 0, 256);
    write_image(view.image_path, image);
    view.camera = {.height = 24, .width = 32, .fx = 40.5, .fy = 41.25, .cx = 15.75, .cy = 12.5};
    const double angle = 0.4 * i;
    const cv::Vec3d position(3 * std::sin(angle), 0.5 * i, -3 * std::cos(angle));
    const cv::Vec3d forward = cv::normalize(-position);
    const cv::Vec3d right = cv::normalize(cv::Vec3d(0.1, 1, 0).cross(forward));
    view.camera.c2w = make_pose(right, forward.cross(right), forward, position);
    scene.views.push_back(view);
  }
  return scene;
}

json opencv_document(const Scene& scene) {
  json document = json::array();
  for (const View& view : scene.views) {
    document.push_back({{"w", view.camera.width},
                        {"h", view.camera.height},
                        {"fx", view.camera.fx},
                        {"fy", view.camera.fy},
                        {"cx", view.camera.cx},
                        {"cy", view.camera.cy},
                        {"w2c", rows(view.camera.c2w.inv())},
                        {"file_path", view.name}});
  }
  return document;
}

json transforms_document(const Scene& scene) {
  const Camera& camera = scene.views[0].camera;
  json document = {{"w", camera.width},
                   {"h", camera.height},
                   {"fl_x", camera.fx},
                   {"fl_y", camera.fy},
                   {"cx", camera.cx},
                   {"cy", camera.cy},
                   {"camera_model", "OPENCV"},
                   {"k1", 0.0},
                   {"ply_file_path", "sparse_pc.ply"},
                   {"applied_transform", json::array()},
                   {"frames", json::array()}};
  for (const View& view : scene.views) {
    const cv::Matx44d opengl = view.camera.c2w * cv::Matx44d::diag({1, -1, -1, 1});
    document["frames"].push_back({{"file_path", view.name}, {"transform_matrix", rows(opengl)}});
  }
  return document;
}

std::string colmap_camera_line(const Scene& scene) {
  const Camera& camera = scene.views[0].camera;
  return fmt::format("1 PINHOLE {} {} {} {} {} {}",
                     camera.width,
                     camera.height,
                     camera.fx,
                     camera.fy,
                     camera.cx,
                     camera.cy);
}

std::string colmap_image_line(const Scene& scene, int index) {
  std::string line = std::to_string(index + 1);
  for (const double value : colmap_pose(scene.views[index].camera)) {
    line += fmt::format(" {}", value);
  }
  return line + " 1 " + colmap_name(scene.views[index]);
}

void write_colmap_text(const Scene& scene) {
  const fs::path model = scene.root / "sparse" / "0";
  write_text(model / "cameras.txt", "# Camera list\n" + colmap_camera_line(scene) + "\n");
  std::string images = "# Image list\n#   POINTS2D[] as (X, Y, POINT3D_ID)\n";
  for (int i = static_cast<int>(scene.views.size()) - 1; i >= 0; --i) {
    // One image has a line of points, the others an empty line, as COLMAP writes them.
    images += colmap_image_line(scene, i) + (i == 1 ? "\n1.5 2.5 -1 3.5 4.5 7\n" : "\n\n");
  }
  write_text(model / "images.txt", images);
}

std::string colmap_cameras_binary(const Scene& scene) {
  const Camera& camera = scene.views[0].camera;
  std::string bytes;
  append<std::uint64_t>(bytes, 1);
  append<std::uint32_t>(bytes, 1);
  append<std::int32_t>(bytes, 1);  // PINHOLE
  append<std::uint64_t>(bytes, camera.width);
  append<std::uint64_t>(bytes, camera.height);
  for (const double value : {camera.fx, camera.fy, camera.cx, camera.cy}) {
    append(bytes, value);
  }
  return bytes;
}

std::string colmap_images_binary(const Scene& scene) {
  std::string bytes;
  append<std::uint64_t>(bytes, scene.views.size());
  for (size_t i = 0; i < scene.views.size(); ++i) {
    append<std::uint32_t>(bytes, i + 1);
    for (const double value : colmap_pose(scene.views[i].camera)) {
      append(bytes, value);
    }
    append<std::uint32_t>(bytes, 1);
    bytes += colmap_name(scene.views[i]) + '\0';
    append<std::uint64_t>(bytes, i);  // i points of 24 bytes
    bytes.append(24 * i, '\7');
  }
  return bytes;
}

void write_colmap_binary(const Scene& scene) {
  const fs::path model = scene.root / "sparse" / "0";
  write_text(model / "cameras.bin", colmap_cameras_binary(scene));
  write_text(model / "images.bin", colmap_images_binary(scene));
}

std::string load_failure(const fs::path& path) {
  try {
    for (const std::string& note : load_scene(path).notes) {
      if (note.find("left out") != std::string::npos) {
        return note;
      }
    }
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace parallax::testing
