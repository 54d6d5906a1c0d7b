// How tests look at meshes' surfaces: a view from the front, GLB files put together piece by piece,
// and a fixture that writes and imports files.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "tests/support/scratch_folder.h"
#include "vision/synth/meshes/mesh_import.h"
#include "vision/synth/scene_generator.h"
#include "vision/synth/scene_renderer.h"

namespace parallax::surfaces {

inline const std::filesystem::path kMeshes =
    std::filesystem::path(PARALLAX_SOURCE_DIR) / "tests" / "captures" / "meshes";

inline const cv::Vec4b kRed(255, 0, 0, 255);
inline const cv::Vec4b kGreen(0, 255, 0, 255);
inline const cv::Vec4b kBlue(0, 0, 255, 255);
inline const cv::Vec4b kYellow(255, 255, 0, 255);
inline const cv::Vec4b kNothing(0, 0, 0, 0);

// A view from the front in even light, in which colours look as they are.
inline cv::Mat front_view(ImportedMesh mesh, int size = 80) {
  mesh.scene.lighting = Lighting{cv::Vec3f::all(1), cv::Vec3f::all(1), {}, 0};
  return render_scene(mesh.scene, {orbit_camera(-90, 0, 2.7, 50, size, size)}, 2)[0];
}

// The colour at a point of a square that fills the sphere of radius 0.9, u to the right, v down.
inline cv::Vec4b at(const cv::Mat& view, double u, double v) {
  const double half = 0.9 / std::sqrt(2.0) / 2.7 / std::tan(25 * CV_PI / 180) * view.cols / 2;
  return view.at<cv::Vec4b>(static_cast<int>(view.rows / 2.0 + (2 * v - 1) * half),
                            static_cast<int>(view.cols / 2.0 + (2 * u - 1) * half));
}

// The colours at the middles of the four quarters: upper left, upper right, lower left, lower
// right.
inline std::vector<cv::Vec4b> quarters(const cv::Mat& view) {
  return {at(view, 0.25, 0.25), at(view, 0.75, 0.25), at(view, 0.25, 0.75), at(view, 0.75, 0.75)};
}

// Whether two colours differ by at most `tolerance` levels.
inline ::testing::AssertionResult is_near(const cv::Vec4b& got,
                                          const cv::Vec4b& expected,
                                          int tolerance) {
  for (int c = 0; c < 4; ++c) {
    if (std::abs(got[c] - expected[c]) > tolerance) {
      return ::testing::AssertionFailure()
             << cv::Mat(got).t() << " instead of " << cv::Mat(expected).t();
    }
  }
  return ::testing::AssertionSuccess();
}

// The image red, green / blue, yellow, 16 × 16.
inline cv::Mat quartered_image() {
  cv::Mat image(16, 16, CV_8UC3, cv::Scalar(255, 0, 0));
  image(cv::Rect(8, 0, 8, 8)).setTo(cv::Scalar(0, 255, 0));
  image(cv::Rect(0, 8, 8, 8)).setTo(cv::Scalar(0, 0, 255));
  image(cv::Rect(8, 8, 8, 8)).setTo(cv::Scalar(255, 255, 0));
  return image;
}

inline std::string png_of(const cv::Mat& rgb) {
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, rgb.channels() == 4 ? cv::COLOR_RGBA2BGRA : cv::COLOR_RGB2BGR);
  std::vector<uchar> png;
  cv::imencode(".png", bgr, png);
  return {png.begin(), png.end()};
}

// A GLB file of squares, put together piece by piece.
class GlbBuilder {
 public:
  GlbBuilder() {
    root = {{"asset", {{"version", "2.0"}}},
            {"scenes", {{{"nodes", {0}}}}},
            {"nodes", {{{"mesh", 0}}}},
            {"materials", {nlohmann::json::object()}}};
    const int position = add<float>("VEC3", {-1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 1, 0});
    const int uv = add<float>("VEC2", {0, 1, 1, 1, 1, 0, 0, 0});
    const int indices = add<std::uint16_t>("SCALAR", {0, 1, 2, 0, 2, 3});
    root["meshes"] = {{{"primitives",
                        {{{"attributes", {{"POSITION", position}, {"TEXCOORD_0", uv}}},
                          {"indices", indices},
                          {"material", 0}}}}}};
  }

  nlohmann::json& primitive() { return root["meshes"][0]["primitives"][0]; }
  nlohmann::json& material() { return root["materials"][0]; }

  int add_view(const std::string& bytes) {
    root["bufferViews"].push_back(
        {{"buffer", 0}, {"byteOffset", binary_.size()}, {"byteLength", bytes.size()}});
    binary_ += bytes;
    binary_.resize((binary_.size() + 3) / 4 * 4);
    return static_cast<int>(root["bufferViews"].size()) - 1;
  }

  template <class T>
  int add(const std::string& type, const std::vector<T>& values, bool normalized = false) {
    const int code = std::is_same_v<T, float>           ? 5126
                     : std::is_same_v<T, std::uint16_t> ? 5123
                     : std::is_same_v<T, std::int16_t>  ? 5122
                     : std::is_same_v<T, std::int8_t>   ? 5120
                                                        : 5121;
    const std::size_t width = type == "SCALAR" ? 1 : type == "MAT4" ? 16 : type[3] - '0';
    root["accessors"].push_back(
        {{"bufferView",
          add_view({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)})},
         {"componentType", code},
         {"count", values.size() / width},
         {"type", type},
         {"normalized", normalized}});
    return static_cast<int>(root["accessors"].size()) - 1;
  }

  // A texture of the image, as the material's base colour.
  void set_image(const cv::Mat& rgb, const nlohmann::json& sampler = nlohmann::json::object()) {
    root["images"] = {{{"bufferView", add_view(png_of(rgb))}, {"mimeType", "image/png"}}};
    root["samplers"] = {sampler};
    root["textures"] = {{{"source", 0}, {"sampler", 0}}};
    material()["pbrMetallicRoughness"]["baseColorTexture"]["index"] = 0;
  }
  nlohmann::json& texture_info() { return material()["pbrMetallicRoughness"]["baseColorTexture"]; }

  std::string bytes() {
    root["buffers"] = {{{"byteLength", binary_.size()}}};
    std::string text = root.dump();
    text.resize((text.size() + 3) / 4 * 4, ' ');
    std::string file = "glTF";
    const auto append = [&file](std::uint32_t value) {
      file.append(reinterpret_cast<const char*>(&value), 4);
    };
    append(2);
    append(static_cast<std::uint32_t>(28 + text.size() + binary_.size()));
    append(static_cast<std::uint32_t>(text.size()));
    file += "JSON" + text;
    append(static_cast<std::uint32_t>(binary_.size()));
    return file + std::string("BIN\0", 4) + binary_;
  }

  nlohmann::json root;

 private:
  std::string binary_;
};

class MeshSurfaces : public ::testing::Test {
 protected:
  ImportedMesh import(GlbBuilder& glb) const {
    return import_mesh(scratch_.write("mesh.glb", glb.bytes()));
  }

  std::string failure(const std::filesystem::path& path) const {
    try {
      import_mesh(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  // A square of OBJ with the material `m` of square.mtl, in the plane that faces the front view.
  std::filesystem::path write_obj(const std::string& library, const std::string& material) const {
    scratch_.write(library, material);
    return scratch_.write(
        "square.obj",
        "mtllib " + library +
            "\nv -1 -1 0\nv 1 -1 0\nv 1 1 0\nv -1 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
            "usemtl m\nf 1/1 2/2 3/3 4/4\n");
  }

  parallax::testing::ScratchFolder scratch_;
};

}  // namespace parallax::surfaces
