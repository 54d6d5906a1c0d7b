// One function per format.
#include "tests/support/format_writers.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>
#include <opencv2/core/quaternion.hpp>

#include "tests/support/capture_format_writers.h"
#include "tests/support/dataset_format_writers.h"
#include "tests/support/format_writer_parts.h"
#include "tests/support/scene_fixture.h"
#include "tests/support/tool_format_writers.h"
#include "tests/support/torch_file_builder.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

fs::path write_nerf_synthetic(const Scene& scene, const fs::path& folder) {
  copy_images(scene, folder / "train");
  json document = {{"camera_angle_x",
                    2 * std::atan(0.5 * scene.views[0].camera.width / scene.views[0].camera.fx)}};
  for (size_t i = 0; i < scene.views.size(); ++i) {
    document["frames"].push_back(
        {{"file_path", fmt::format("./train/{:06d}", i)},
         {"rotation", 0.0},
         {"transform_matrix", matrix_json(scene.views[i].camera.c2w * kOpenGl)}});
  }
  write_text(folder / "transforms_train.json", document.dump());
  return folder;
}

fs::path write_lvsm(const Scene& scene, const fs::path& folder) {
  copy_images(scene, folder / "images" / "scene");
  json document = {{"scene_name", "scene"}};
  for (size_t i = 0; i < scene.views.size(); ++i) {
    const Camera& camera = scene.views[i].camera;
    document["frames"].push_back({{"image_path", "/elsewhere/images/scene/" + image_name(i)},
                                  {"fxfycxcy", {camera.fx, camera.fy, camera.cx, camera.cy}},
                                  {"w2c", matrix_json(camera.c2w.inv())}});
  }
  write_text(folder / "metadata" / "scene.json", document.dump());
  return folder / "metadata" / "scene.json";
}

fs::path write_llff(const Scene& scene, const fs::path& folder) {
  copy_images(scene, folder / "images");
  std::string numbers;
  for (const View& view : scene.views) {
    const Camera& camera = view.camera;
    const std::array<double, 3> hwf = {
        static_cast<double>(camera.height), static_cast<double>(camera.width), camera.fx};
    for (int row = 0; row < 3; ++row) {  // axes: down, right, backward
      for (const double value : {camera.down()[row],
                                 camera.right()[row],
                                 -camera.forward()[row],
                                 camera.position()[row],
                                 hwf[row]}) {
        numbers.append(reinterpret_cast<const char*>(&value), sizeof value);
      }
    }
    for (const double bound : {1.0, 5.0}) {
      numbers.append(reinterpret_cast<const char*>(&bound), sizeof bound);
    }
  }
  std::string header = fmt::format(
      "{{'descr': '<f8', 'fortran_order': False, 'shape': ({}, 17), }}", scene.views.size());
  header.resize(117, ' ');
  write_text(folder / "poses_bounds.npy",
             std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header + "\n" + numbers);
  return folder;
}

fs::path write_bundler(const Scene& scene, const fs::path& folder) {
  copy_images(scene, folder);
  std::string bundle = fmt::format("# Bundle file v0.3\n{} 0\n", scene.views.size());
  std::string list;
  for (size_t i = 0; i < scene.views.size(); ++i) {
    const cv::Matx44d w2c = kOpenGl * scene.views[i].camera.c2w.inv();  // looks along −z, y up
    bundle += fmt::format("{} 0 0\n", scene.views[i].camera.fx);
    for (int row = 0; row < 3; ++row) {
      bundle += fmt::format("{} {} {}\n", w2c(row, 0), w2c(row, 1), w2c(row, 2));
    }
    bundle += fmt::format("{} {} {}\n", w2c(0, 3), w2c(1, 3), w2c(2, 3));
    list += image_name(i) + "\n";
  }
  write_text(folder / "bundle.out", bundle);
  write_text(folder / "list.txt", list);
  return folder;
}

fs::path write_colmap_text_model(const Scene& scene, const fs::path& folder) {
  copy_images(scene, folder / "images");
  std::string cameras;
  std::string images;
  for (size_t i = 0; i < scene.views.size(); ++i) {
    const Camera& camera = scene.views[i].camera;
    cameras += fmt::format("{} PINHOLE {} {} {} {} {} {}\n",
                           i + 1,
                           camera.width,
                           camera.height,
                           camera.fx,
                           camera.fy,
                           camera.cx,
                           camera.cy);
    const cv::Matx44d w2c = camera.c2w.inv();
    const cv::Quatd q = cv::Quatd::createFromRotMat(w2c.get_minor<3, 3>(0, 0));
    images += fmt::format("{} {} {} {} {} {} {} {} {} {}\n\n",
                          i + 1,
                          q.w,
                          q.x,
                          q.y,
                          q.z,
                          w2c(0, 3),
                          w2c(1, 3),
                          w2c(2, 3),
                          i + 1,
                          image_name(i));
  }
  write_text(folder / "sparse" / "0" / "cameras.txt", cameras);
  write_text(folder / "sparse" / "0" / "images.txt", images);
  return folder;
}

// fx fy cx cy as shares, two zeros, world-to-camera.
std::vector<double> shares_of(const Camera& camera) {
  std::vector<double> numbers = {camera.fx / camera.width,
                                 camera.fy / camera.height,
                                 camera.cx / camera.width,
                                 camera.cy / camera.height,
                                 0,
                                 0};
  const cv::Matx44d w2c = camera.c2w.inv();
  numbers.insert(numbers.end(), w2c.val, w2c.val + 12);
  return numbers;
}

fs::path write_realestate10k(const Scene& scene, const fs::path& folder) {
  fs::create_directories(folder / "abc");
  std::string text = "https://www.youtube.com/watch?v=abc\n";
  for (size_t i = 0; i < scene.views.size(); ++i) {
    const std::string timestamp = std::to_string(50000000 + i * 33366);
    fs::copy_file(scene.views[i].image_path, folder / "abc" / (timestamp + ".png"));
    text += timestamp;
    for (const double number : shares_of(scene.views[i].camera)) {
      text += fmt::format(" {}", number);
    }
    text += "\n";
  }
  write_text(folder / "abc.txt", text);
  return folder / "abc.txt";
}

fs::path write_pixelsplat(const Scene& scene, const fs::path& folder) {
  std::vector<ZipItem> items = {{"archive/data.pkl", ""}};
  std::string cameras;
  std::string images(1, '(');
  for (size_t i = 0; i < scene.views.size(); ++i) {
    for (const double number : shares_of(scene.views[i].camera)) {
      const auto single = static_cast<float>(number);
      cameras.append(reinterpret_cast<const char*>(&single), sizeof single);
    }
    const std::string bytes = read_bytes(scene.views[i].image_path);
    const auto size = static_cast<std::int64_t>(bytes.size());
    const std::string key = std::to_string(i + 1);
    items.push_back({"archive/data/" + key, bytes});
    images += pickled_tensor({.storage_type = "ByteStorage",
                              .key = key,
                              .storage_elements = size,
                              .shape = {size},
                              .strides = {1}});
  }
  const auto views = static_cast<std::int64_t>(scene.views.size());
  items.push_back({"archive/data/0", cameras});
  const std::string example = pickled_dict(
      {{"key", pickled_text("abc")},
       {"cameras",
        pickled_tensor({.storage_elements = views * 18, .shape = {views, 18}, .strides = {18, 1}})},
       {"images", "]" + images + "e"}});
  items[0].data = "\x80\x02]" + example + "a.";
  write_text(folder / "000000.torch", build_zip(items));
  write_text(folder / "index.json", R"({"abc": "000000.torch"})");
  return folder / "abc";
}

}  // namespace

const std::vector<FormatWriter>& format_writers() {
  static const std::vector<FormatWriter> list = {
      {"NeRF synthetic", SceneFormat::kTransforms, write_nerf_synthetic},
      {"LVSM", SceneFormat::kLvsmJson, write_lvsm},
      {"LLFF", SceneFormat::kLlff, write_llff},
      {"Bundler", SceneFormat::kBundler, write_bundler},
      {"COLMAP text", SceneFormat::kColmap, write_colmap_text_model},
      {"Metashape", SceneFormat::kMetashape, write_metashape},
      {"OpenMVG", SceneFormat::kOpenMvg, write_openmvg},
      {"OpenSfM", SceneFormat::kOpenSfm, write_opensfm},
      {"Polycam", SceneFormat::kPolycam, write_polycam},
      {"Record3D", SceneFormat::kRecord3d, write_record3d},
      {"RealEstate10K", SceneFormat::kRealEstate10k, write_realestate10k},
      {"pixelSplat", SceneFormat::kPixelSplat, write_pixelsplat},
      {"3D Gaussian splatting", SceneFormat::kGaussianSplatting, write_gaussian_splatting},
      {"MVSNet", SceneFormat::kMvsnet, write_mvsnet},
      {"NSVF", SceneFormat::kNsvf, write_nsvf},
      {"NeuS", SceneFormat::kNeus, write_neus},
      {"sdfstudio", SceneFormat::kSdfStudio, write_sdfstudio},
      {"VisualSFM", SceneFormat::kVisualSfm, write_visualsfm},
      {"Replica", SceneFormat::kReplica, write_replica},
      {"TUM RGB-D", SceneFormat::kTumRgbd, write_tum_rgbd},
      {"KITTI", SceneFormat::kKitti, write_kitti},
      {"RealityCapture", SceneFormat::kRealityCapture, write_reality_capture},
  };
  return list;
}

}  // namespace parallax::testing
