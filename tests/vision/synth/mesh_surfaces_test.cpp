// Surfaces of users' meshes as they are seen: textures and how they are placed, alpha, colours,
// light of their own, of files as real exporters write them; and what is not read is said.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "core/base/error.h"
#include "core/image/image.h"
#include "tests/support/scratch_folder.h"
#include "vision/synth/meshes/mesh_import.h"
#include "vision/synth/scene_generator.h"
#include "vision/synth/scene_renderer.h"

namespace parallax {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

const fs::path kMeshes = fs::path(PARALLAX_SOURCE_DIR) / "tests" / "captures" / "meshes";

const cv::Vec4b kRed(255, 0, 0, 255);
const cv::Vec4b kGreen(0, 255, 0, 255);
const cv::Vec4b kBlue(0, 0, 255, 255);
const cv::Vec4b kYellow(255, 255, 0, 255);
const cv::Vec4b kNothing(0, 0, 0, 0);

// A view from the front in even light, in which colours look as they are.
cv::Mat front_view(ImportedMesh mesh, int size = 80) {
  mesh.scene.lighting = Lighting{cv::Vec3f::all(1), cv::Vec3f::all(1), {}, 0};
  return render_scene(mesh.scene, {orbit_camera(-90, 0, 2.7, 50, size, size)}, 2)[0];
}

// The colour at a point of a square that fills the sphere of radius 0.9, u to the right, v down.
cv::Vec4b at(const cv::Mat& view, double u, double v) {
  const double half = 0.9 / std::sqrt(2.0) / 2.7 / std::tan(25 * CV_PI / 180) * view.cols / 2;
  return view.at<cv::Vec4b>(static_cast<int>(view.rows / 2.0 + (2 * v - 1) * half),
                            static_cast<int>(view.cols / 2.0 + (2 * u - 1) * half));
}

// The colours at the middles of the four quarters: upper left, upper right, lower left, lower
// right.
std::vector<cv::Vec4b> quarters(const cv::Mat& view) {
  return {at(view, 0.25, 0.25), at(view, 0.75, 0.25), at(view, 0.25, 0.75), at(view, 0.75, 0.75)};
}

// Whether two colours differ by at most `tolerance` levels.
::testing::AssertionResult is_near(const cv::Vec4b& got, const cv::Vec4b& expected, int tolerance) {
  for (int c = 0; c < 4; ++c) {
    if (std::abs(got[c] - expected[c]) > tolerance) {
      return ::testing::AssertionFailure()
             << cv::Mat(got).t() << " instead of " << cv::Mat(expected).t();
    }
  }
  return ::testing::AssertionSuccess();
}

// The image red, green / blue, yellow, 16 × 16.
cv::Mat quartered_image() {
  cv::Mat image(16, 16, CV_8UC3, cv::Scalar(255, 0, 0));
  image(cv::Rect(8, 0, 8, 8)).setTo(cv::Scalar(0, 255, 0));
  image(cv::Rect(0, 8, 8, 8)).setTo(cv::Scalar(0, 0, 255));
  image(cv::Rect(8, 8, 8, 8)).setTo(cv::Scalar(255, 255, 0));
  return image;
}

std::string png_of(const cv::Mat& rgb) {
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
            {"materials", {json::object()}}};
    const int position = add<float>("VEC3", {-1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 1, 0});
    const int uv = add<float>("VEC2", {0, 1, 1, 1, 1, 0, 0, 0});
    const int indices = add<std::uint16_t>("SCALAR", {0, 1, 2, 0, 2, 3});
    root["meshes"] = {{{"primitives",
                        {{{"attributes", {{"POSITION", position}, {"TEXCOORD_0", uv}}},
                          {"indices", indices},
                          {"material", 0}}}}}};
  }

  json& primitive() { return root["meshes"][0]["primitives"][0]; }
  json& material() { return root["materials"][0]; }

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
  void set_image(const cv::Mat& rgb, const json& sampler = json::object()) {
    root["images"] = {{{"bufferView", add_view(png_of(rgb))}, {"mimeType", "image/png"}}};
    root["samplers"] = {sampler};
    root["textures"] = {{{"source", 0}, {"sampler", 0}}};
    material()["pbrMetallicRoughness"]["baseColorTexture"]["index"] = 0;
  }
  json& texture_info() { return material()["pbrMetallicRoughness"]["baseColorTexture"]; }

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

  json root;

 private:
  std::string binary_;
};

class MeshSurfaces : public ::testing::Test {
 protected:
  ImportedMesh import(GlbBuilder& glb) const {
    return import_mesh(scratch_.write("mesh.glb", glb.bytes()));
  }

  std::string failure(const fs::path& path) const {
    try {
      import_mesh(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  // A square of OBJ with the material `m` of square.mtl, in the plane that faces the front view.
  fs::path write_obj(const std::string& library, const std::string& material) const {
    scratch_.write(library, material);
    return scratch_.write(
        "square.obj",
        "mtllib " + library +
            "\nv -1 -1 0\nv 1 -1 0\nv 1 1 0\nv -1 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
            "usemtl m\nf 1/1 2/2 3/3 4/4\n");
  }

  testing::ScratchFolder scratch_;
};

// What Blender's exporter and trimesh wrote.

TEST_F(MeshSurfaces, BlendersMappingNodeRepeatsTheTexture) {
  const cv::Mat view = front_view(import_mesh(kMeshes / "tex_scale2.glb"), 160);
  const cv::Mat texture = read_image(kMeshes / "tex.png");
  for (double v = 0.08; v < 1; v += 0.11) {
    for (double u = 0.08; u < 1; u += 0.11) {
      const cv::Vec3b texel = texture.at<cv::Vec3b>(static_cast<int>(std::fmod(2 * v, 1) * 64),
                                                    static_cast<int>(std::fmod(2 * u, 1) * 64));
      EXPECT_TRUE(is_near(at(view, u, v), {texel[0], texel[1], texel[2], 255}, 40))
          << u << ", " << v;
    }
  }
}

TEST_F(MeshSurfaces, BlendersAlphaThresholdCutsHoles) {
  const ImportedMesh mesh = import_mesh(kMeshes / "tex_mask.glb");
  EXPECT_THAT(mesh.notes, IsEmpty());
  const cv::Mat view = front_view(mesh);
  EXPECT_EQ(at(view, 0.45, 0.45), kNothing);
  EXPECT_EQ(at(view, 0.1, 0.3), kRed);
  EXPECT_EQ(at(view, 0.1, 0.7), kBlue);
}

TEST_F(MeshSurfaces, BlendersWebpAndNamesWithSpacesAreRead) {
  for (const char* name : {"tex_webp.glb", "my wall.gltf"}) {
    const ImportedMesh mesh = import_mesh(kMeshes / name);
    EXPECT_THAT(mesh.notes, IsEmpty()) << name;
    const cv::Mat view = front_view(mesh);
    const std::vector<cv::Vec4b> expected = {kRed, kGreen, kBlue, kYellow};
    const std::vector<cv::Vec4b> got = {
        at(view, 0.2, 0.35), at(view, 0.8, 0.35), at(view, 0.2, 0.8), at(view, 0.8, 0.8)};
    for (int i = 0; i < 4; ++i) {
      EXPECT_TRUE(is_near(got[i], expected[i], 6)) << name;
    }
  }
}

TEST_F(MeshSurfaces, TrimeshsColoursOfFacesStayWithTheirFaces) {
  const ImportedMesh mesh = import_mesh(kMeshes / "tm_face.ply");
  EXPECT_THAT(mesh.notes, IsEmpty());
  const std::string file = testing::read_bytes(kMeshes / "tm_face.ply");
  // A face: one byte that says 3, three 32-bit indices, four bytes of colour.
  const char* entry = file.data() + file.find("end_header\n") + 11 + 8 * 12;
  const TriangleMesh& got = mesh.scene.parts.at(0).mesh;
  ASSERT_EQ(got.faces.size(), 12U);
  for (int f = 0; f < 12; ++f, entry += 17) {
    for (int k = 0; k < 3; ++k) {
      for (int c = 0; c < 3; ++c) {
        EXPECT_FLOAT_EQ(got.vertex_colors[got.faces[f][k]][c],
                        static_cast<unsigned char>(entry[13 + c]) / 255.0F);
      }
    }
  }
}

// glTF.

TEST_F(MeshSurfaces, TextureTransformsTurnTheImageClockwise) {
  GlbBuilder glb;
  glb.set_image(quartered_image());
  glb.texture_info()["extensions"]["KHR_texture_transform"] = {{"rotation", CV_PI / 2}};
  glb.root["extensionsRequired"] = {"KHR_texture_transform"};
  glb.root["extensionsUsed"] = {"KHR_texture_transform"};
  EXPECT_THAT(quarters(front_view(import(glb))), ElementsAre(kBlue, kRed, kYellow, kGreen));
}

TEST_F(MeshSurfaces, TextureTransformsScaleThenMoveAndChooseCoordinates) {
  GlbBuilder glb;
  glb.set_image(quartered_image());
  glb.primitive()["attributes"]["TEXCOORD_3"] =
      glb.add<float>("VEC2", {0, 0.5, 0.5, 0.5, 0.5, 0, 0, 0});
  glb.texture_info()["extensions"]["KHR_texture_transform"] = {
      {"scale", {2, 2}}, {"offset", {0.5, 0}}, {"texCoord", 3}};
  EXPECT_THAT(quarters(front_view(import(glb))), ElementsAre(kGreen, kRed, kYellow, kBlue));
}

TEST_F(MeshSurfaces, SamplersRepeatMirrorAndClamp) {
  const std::vector<std::pair<int, std::vector<cv::Vec4b>>> cases = {
      {10497, {kGreen, kRed, kGreen}},
      {33648, {kGreen, kGreen, kRed}},
      {33071, {kGreen, kGreen, kGreen}}};
  for (const auto& [wrap, expected] : cases) {
    GlbBuilder glb;
    glb.set_image(quartered_image(), {{"wrapS", wrap}, {"magFilter", 9728}});
    glb.texture_info()["extensions"]["KHR_texture_transform"] = {{"scale", {2, 1}}};
    const cv::Mat view = front_view(import(glb));
    EXPECT_EQ(at(view, 0.1, 0.25), kRed);
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(at(view, 0.375 + 0.25 * i, 0.25), expected[i]) << wrap << ", " << i;
    }
  }
}

TEST_F(MeshSurfaces, FactorTextureAndVertexColoursAreMultipliedInLinearLight) {
  GlbBuilder glb;
  glb.set_image(cv::Mat(4, 4, CV_8UC3, cv::Scalar(188, 120, 255)));
  glb.material()["pbrMetallicRoughness"]["baseColorFactor"] = {0.5, 0.8, 1, 1};
  const std::vector<std::uint16_t> color = {32768, 65535, 13107, 65535};
  std::vector<std::uint16_t> colors;
  for (int i = 0; i < 4; ++i) {
    colors.insert(colors.end(), color.begin(), color.end());
  }
  glb.primitive()["attributes"]["COLOR_0"] = glb.add<std::uint16_t>("VEC4", colors, true);
  const auto linear = [](double x) {
    return x <= 0.04045 ? x / 12.92 : std::pow((x + 0.055) / 1.055, 2.4);
  };
  const auto shown = [](double x) {
    return x <= 0.0031308 ? 12.92 * x : 1.055 * std::pow(x, 1 / 2.4) - 0.055;
  };
  const double texture[] = {188 / 255.0, 120 / 255.0, 1};
  const double factor[] = {0.5, 0.8, 1};
  cv::Vec4b expected(0, 0, 0, 255);
  for (int c = 0; c < 3; ++c) {
    expected[c] =
        cv::saturate_cast<uchar>(255 * shown(linear(texture[c]) * factor[c] * color[c] / 65535.0));
  }
  EXPECT_TRUE(is_near(at(front_view(import(glb)), 0.5, 0.5), expected, 1));
}

TEST_F(MeshSurfaces, EmissionAndUnlitColoursNeedNoLight) {
  GlbBuilder glb;
  glb.material()["emissiveFactor"] = {0, 1, 0};
  glb.material()["pbrMetallicRoughness"]["baseColorFactor"] = {0, 0, 0, 1};
  ImportedMesh glowing = import(glb);
  glb.material() = {{"pbrMetallicRoughness", {{"baseColorFactor", {1, 0, 0, 1}}}},
                    {"extensions", {{"KHR_materials_unlit", json::object()}}}};
  ImportedMesh unlit = import(glb);
  for (ImportedMesh* mesh : {&glowing, &unlit}) {
    mesh->scene.lighting = Lighting{{}, {}, {}, 0};
    const cv::Mat view = render_scene(mesh->scene, {orbit_camera(-90, 0, 2.7, 50, 40, 40)}, 2)[0];
    EXPECT_EQ(view.at<cv::Vec4b>(20, 20), mesh == &glowing ? kGreen : kRed);
  }
}

TEST_F(MeshSurfaces, BlendedSurfacesLetThroughWhatIsBehind) {
  // A square of half opacity before the left half of an opaque one; the view's right half has
  // nothing behind the blended square.
  GlbBuilder glb;
  glb.material() = {{"pbrMetallicRoughness", {{"baseColorFactor", {1, 0, 0, 0.5}}}},
                    {"alphaMode", "BLEND"}};
  glb.root["materials"].push_back({{"pbrMetallicRoughness", {{"baseColorFactor", {0, 0, 1, 1}}}}});
  json behind = glb.primitive();
  behind["material"] = 1;
  behind["attributes"]["POSITION"] =
      glb.add<float>("VEC3", {-1, -1, -0.1F, 0, -1, -0.1F, 0, 1, -0.1F, -1, 1, -0.1F});
  glb.root["meshes"][0]["primitives"].push_back(behind);
  const cv::Mat view = front_view(import(glb));
  EXPECT_TRUE(is_near(at(view, 0.25, 0.5), {128, 0, 128, 255}, 1));
  EXPECT_TRUE(is_near(at(view, 0.75, 0.5), {255, 0, 0, 128}, 1));
}

TEST_F(MeshSurfaces, BlendedSurfacesThrowFaintShadows) {
  // A floor seen from above through nothing, with a blocker between it and the lamp.
  const auto floor_light = [&](double alpha) {
    GlbBuilder glb;
    glb.material() = {{"pbrMetallicRoughness", {{"baseColorFactor", {1, 1, 1, 1}}}}};
    glb.root["materials"].push_back(
        {{"pbrMetallicRoughness", {{"baseColorFactor", {1, 1, 1, alpha}}}},
         {"alphaMode", "BLEND"}});
    json blocker = glb.primitive();
    blocker["material"] = 1;
    blocker["attributes"]["POSITION"] =
        glb.add<float>("VEC3", {-1, -1, 0.9F, 1, -1, 0.9F, 1, 1, 0.9F, -1, 1, 0.9F});
    glb.root["meshes"][0]["primitives"].push_back(blocker);
    ImportedMesh mesh = import(glb);
    Lamp lamp;
    lamp.direction = {0, -1, 0};
    lamp.intensity = cv::Vec3f::all(1);
    lamp.angular_radius = 0;
    mesh.scene.lighting = Lighting{{}, {}, {lamp}, 1};
    // The camera is between the two.
    Camera camera = orbit_camera(-90, 0, 0.1, 120, 41, 41);
    return static_cast<int>(render_scene(mesh.scene, {camera}, 2)[0].at<cv::Vec4b>(20, 20)[0]);
  };
  EXPECT_NEAR(floor_light(0), 255, 1);
  EXPECT_NEAR(floor_light(0.5), 128, 2);
  EXPECT_NEAR(floor_light(1), 0, 1);
}

TEST_F(MeshSurfaces, QuantisedAndSparseAccessorsAreRead) {
  GlbBuilder glb;
  glb.set_image(quartered_image());
  glb.root["extensionsRequired"] = {"KHR_mesh_quantization"};
  glb.root["nodes"][0]["scale"] = {3, 3, 3};
  // The corners as fractions, two of them wrong and put right by the sparse part.
  const int position =
      glb.add<std::int16_t>("VEC3", {-32767, -32767, 0, 0, 0, 0, 32767, 32767, 0, 0, 0, 0}, true);
  const int where = glb.add_view(std::string("\1\3", 2));
  const std::vector<std::int16_t> corners = {32767, -32767, 0, -32767, 32767, 0};
  const int what = glb.add_view({reinterpret_cast<const char*>(corners.data()), 12});
  glb.root["accessors"][position]["sparse"] = {
      {"count", 2},
      {"indices", {{"bufferView", where}, {"componentType", 5121}}},
      {"values", {{"bufferView", what}}}};
  glb.primitive()["attributes"]["POSITION"] = position;
  glb.primitive()["attributes"]["TEXCOORD_0"] =
      glb.add<std::uint8_t>("VEC2", {0, 255, 255, 255, 255, 0, 0, 0}, true);
  EXPECT_THAT(quarters(front_view(import(glb))), ElementsAre(kRed, kGreen, kBlue, kYellow));
}

TEST_F(MeshSurfaces, MirroredNodesKeepTheirOutsideOutside) {
  GlbBuilder glb;
  const int corners = glb.add<float>("VEC3", {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1});
  const int faces = glb.add<std::uint8_t>("SCALAR", {0, 2, 1, 0, 1, 3, 0, 3, 2, 1, 2, 3});
  glb.primitive() = {{"attributes", {{"POSITION", corners}}}, {"indices", faces}};
  glb.root["nodes"][0]["scale"] = {-2, 1, 1};
  const ImportedMesh mesh = import(glb);
  EXPECT_GT(signed_volume(mesh.scene.parts.at(0).mesh), 0);
}

TEST_F(MeshSurfaces, SkinsInstancesAndMorphsPlaceTheMesh) {
  GlbBuilder glb;
  glb.root["nodes"] = {{{"mesh", 0}, {"skin", 0}, {"translation", {50, 0, 0}}},
                       {{"translation", {0, 0, 7}}}};
  glb.root["scenes"][0]["nodes"] = {0, 1};
  glb.root["skins"] = {{{"joints", {1}}}};
  glb.primitive()["attributes"]["JOINTS_0"] =
      glb.add<std::uint8_t>("VEC4", std::vector<std::uint8_t>(16, 0));
  std::vector<float> weights(16, 0);
  weights[0] = weights[4] = weights[8] = weights[12] = 1;
  glb.primitive()["attributes"]["WEIGHTS_0"] = glb.add<float>("VEC4", weights);
  glb.primitive()["targets"] = {
      {{"POSITION", glb.add<float>("VEC3", {0, 0, 0, 4, 0, 0, 4, 0, 0, 0, 0, 0})}}};
  glb.root["meshes"][0]["weights"] = {0.5};
  glb.root["nodes"].push_back(
      {{"mesh", 1},
       {"extensions",
        {{"EXT_mesh_gpu_instancing",
          {{"attributes", {{"TRANSLATION", glb.add<float>("VEC3", {0, 10, 7, 0, 20, 7})}}}}}}}});
  glb.root["scenes"][0]["nodes"].push_back(2);
  json plain = glb.root["meshes"][0];
  plain.erase("weights");
  for (const char* name : {"JOINTS_0", "WEIGHTS_0"}) {
    plain["primitives"][0]["attributes"].erase(name);
  }
  plain["primitives"][0].erase("targets");
  glb.root["meshes"].push_back(plain);
  const ImportedMesh mesh = import(glb);
  ASSERT_EQ(mesh.scene.parts.size(), 3U);
  Bounds bounds[3];
  for (int i = 0; i < 3; ++i) {
    bounds[i] = bounds_of(mesh.scene.parts[i].mesh.vertices);
  }
  // The joint alone places the skinned square, morphed to twice its width; glTF's y is our z.
  const float unit = (bounds[1].high[0] - bounds[1].low[0]) / 2;
  EXPECT_NEAR(bounds[0].high[0] - bounds[0].low[0], 4 * unit, 1e-4);
  EXPECT_NEAR(bounds[0].low[0], bounds[1].low[0], 1e-4);
  EXPECT_NEAR(bounds[0].low[1], bounds[1].low[1], 1e-4);
  EXPECT_NEAR(bounds[1].low[2] - bounds[0].low[2], 10 * unit, 1e-3);
  EXPECT_NEAR(bounds[2].low[2] - bounds[1].low[2], 10 * unit, 1e-3);
}

TEST_F(MeshSurfaces, CompressedFilesAreRefusedWithTheWayOut) {
  for (const char* extension : {"KHR_draco_mesh_compression", "EXT_meshopt_compression"}) {
    GlbBuilder glb;
    glb.root["extensionsUsed"] = glb.root["extensionsRequired"] = {extension};
    const std::string error = failure(scratch_.write("packed.glb", glb.bytes()));
    EXPECT_THAT(error, HasSubstr(extension));
    EXPECT_THAT(error, HasSubstr("without compression"));
  }
}

TEST_F(MeshSurfaces, WhatGltfHasAndIsNotShownIsSaid) {
  GlbBuilder glb;
  glb.set_image(quartered_image());
  glb.root["textures"][0] = {{"extensions", {{"KHR_texture_basisu", {{"source", 0}}}}}};
  glb.root["extensionsUsed"] = {
      "KHR_texture_basisu", "KHR_materials_transmission", "KHR_materials_ior"};
  glb.root["scenes"].push_back({{"name", "other"}});
  json lines = glb.primitive();
  lines["mode"] = 1;
  glb.root["meshes"][0]["primitives"].push_back(lines);
  const ImportedMesh mesh = import(glb);
  EXPECT_THAT(
      mesh.notes,
      ::testing::UnorderedElementsAre(HasSubstr("KHR_texture_basisu, KHR_materials_transmission"),
                                      HasSubstr("only PNG, JPEG and WebP"),
                                      HasSubstr("of its 2 scenes"),
                                      HasSubstr("points and lines")));
}

TEST_F(MeshSurfaces, DamagedGlbFilesAreRefusedOrRead) {
  GlbBuilder glb;
  glb.set_image(quartered_image());
  glb.texture_info()["extensions"]["KHR_texture_transform"] = {{"scale", {2, 2}}};
  const std::string whole = glb.bytes();
  for (std::size_t length = 0; length < whole.size(); length += 7) {
    EXPECT_NE(failure(scratch_.write("cut.glb", whole.substr(0, length))), "") << length;
  }
  // Any digit of the JSON may be wrong: nothing but an Error may come of it.
  for (std::size_t i = 20; i < whole.find(std::string("BIN\0", 4)); ++i) {
    if (std::isdigit(static_cast<unsigned char>(whole[i])) != 0) {
      for (const char digit : {'-', '9', '"'}) {
        std::string damaged = whole;
        damaged[i] = digit;
        failure(scratch_.write("damaged.glb", damaged));
      }
    }
  }
}

// OBJ.

TEST_F(MeshSurfaces, ObjTexturesAreScaledAndMoved) {
  write_image(scratch_.path() / "my pic.png", quartered_image());
  // As Blender's Mapping node is written, and with fewer numbers than the format's three.
  for (const char* options : {"-s 2 2 1 -o 0.5 0 0", "-o 0.5 -s 2 2"}) {
    const ImportedMesh mesh = import_mesh(write_obj(
        "a b.mtl", std::string("newmtl m\nKd 0.8 0.8 0.8\nmap_Kd ") + options + " my pic.png\n"));
    EXPECT_THAT(mesh.notes, ElementsAre(HasSubstr("y is taken"))) << options;
    const cv::Mat view = front_view(mesh);
    EXPECT_EQ(at(view, 0.125, 0.125), kGreen) << options;
    EXPECT_EQ(at(view, 0.375, 0.125), kRed) << options;
    EXPECT_EQ(at(view, 0.625, 0.375), kYellow) << options;
  }
  const ImportedMesh clamped = import_mesh(
      write_obj("c.mtl", "newmtl m\nmap_Kd -clamp on -s 2 1 -t 1 1 1 \"my pic.png\"\n"));
  EXPECT_THAT(clamped.notes, ElementsAre(HasSubstr("option -t"), HasSubstr("y is taken")));
  EXPECT_EQ(at(front_view(clamped), 0.625, 0.25), kGreen);
}

TEST_F(MeshSurfaces, BlendersColoursInObjAreLinear) {
  const auto red = [&](const char* header) {
    return front_view(
        import_mesh(write_obj("m.mtl", std::string(header) + "newmtl m\nKd 0.2 0 0\n")));
  };
  EXPECT_TRUE(is_near(at(red("# Blender 4.5.0 MTL File: 'x.blend'\n# www.blender.org\n"), 0.5, 0.5),
                      {124, 0, 0, 255},
                      1));
  EXPECT_TRUE(is_near(at(red("# other\n"), 0.5, 0.5), {51, 0, 0, 255}, 1));
}

TEST_F(MeshSurfaces, ObjMaterialsAreTransparentAndGlow) {
  cv::Mat alpha(16, 16, CV_8UC3, cv::Scalar::all(255));
  alpha.colRange(0, 8).setTo(0);
  write_image(scratch_.path() / "alpha.png", alpha);
  write_image(scratch_.path() / "color.png", quartered_image());
  const cv::Mat cut =
      front_view(import_mesh(write_obj("m.mtl", "newmtl m\nmap_Kd color.png\nmap_d alpha.png\n")));
  EXPECT_THAT(quarters(cut), ElementsAre(kNothing, kGreen, kNothing, kYellow));
  const cv::Mat faint = front_view(import_mesh(write_obj("m.mtl", "newmtl m\nKd 1 0 0\nd 0.5\n")));
  EXPECT_TRUE(is_near(at(faint, 0.5, 0.5), {255, 0, 0, 128}, 1));
  ImportedMesh glowing = import_mesh(write_obj("m.mtl", "newmtl m\nKd 0 0 0\nKe 0 1 0\n"));
  glowing.scene.lighting = Lighting{{}, {}, {}, 0};
  const cv::Mat view = render_scene(glowing.scene, {orbit_camera(-90, 0, 2.7, 50, 40, 40)}, 2)[0];
  EXPECT_EQ(view.at<cv::Vec4b>(20, 20), kGreen);
}

TEST_F(MeshSurfaces, ObjTexturesAreFoundWherePeopleKeepThem) {
  fs::create_directories(scratch_.path() / "textures");
  write_image(scratch_.path() / "textures" / "Wall.PNG.png", quartered_image());
  const ImportedMesh mesh =
      import_mesh(write_obj("m.mtl", "newmtl m\nmap_Kd C:\\Users\\me\\textures\\wall.png.PNG\n"));
  EXPECT_THAT(mesh.notes, ElementsAre(HasSubstr("Wall.PNG.png"), HasSubstr("y is taken")));
  EXPECT_THAT(quarters(front_view(mesh)), ElementsAre(kRed, kGreen, kBlue, kYellow));
}

TEST_F(MeshSurfaces, WhatObjNamesAndIsNotThereIsSaid) {
  const auto notes = [&](const std::string& material) {
    return import_mesh(write_obj("m.mtl", material)).notes;
  };
  EXPECT_THAT(notes("newmtl other\n"), ElementsAre(HasSubstr("material 'm'"), HasSubstr("y is")));
  EXPECT_THAT(notes("newmtl m\nmap_Kd tile.<UDIM>.png\n"),
              ElementsAre(HasSubstr("bake them into one image"), HasSubstr("y is")));
  cv::Mat faint(4, 4, CV_8UC4, cv::Scalar(255, 0, 0, 100));
  write_image(scratch_.path() / "faint.png", faint);
  EXPECT_THAT(notes("newmtl m\nmap_Kd faint.png\n"),
              ElementsAre(HasSubstr("no map_d"), HasSubstr("y is")));
  fs::remove(scratch_.path() / "m.mtl");
  EXPECT_THAT(import_mesh(scratch_.path() / "square.obj").notes,
              ElementsAre(HasSubstr("'m.mtl'"), HasSubstr("material 'm'"), HasSubstr("y is")));
}

// PLY.

// A square that stands up, of two triangles, with `vertex` and `face` properties and values.
std::string standing_ply(const std::string& comments,
                         const std::string& vertex,
                         const std::vector<std::string>& vertex_values,
                         const std::string& face,
                         const std::vector<std::string>& face_values) {
  const char* const corners[] = {"-1 0 -1", "1 0 -1", "1 0 1", "-1 0 1"};
  std::string ply = "ply\nformat ascii 1.0\n" + comments +
                    "element vertex 4\nproperty float x\nproperty float y\nproperty float z\n" +
                    vertex + "element face 2\nproperty list uchar int vertex_indices\n" + face +
                    "end_header\n";
  for (int i = 0; i < 4; ++i) {
    ply += std::string(corners[i]) + " " + (vertex_values.empty() ? "" : vertex_values[i]) + "\n";
  }
  ply += "3 0 1 2 " + face_values.at(0) + "\n3 0 2 3 " + face_values.at(1) + "\n";
  return ply;
}

TEST_F(MeshSurfaces, MeshLabsTexturesOfCornersAreRead) {
  write_image(scratch_.path() / "my pic.png", quartered_image());
  write_image(scratch_.path() / "plain.png", cv::Mat(4, 4, CV_8UC3, cv::Scalar(255, 0, 255)));
  const std::string ply = standing_ply(
      "comment VCGLIB generated\ncomment TextureFile my pic.png\n"
      "comment TextureFile plain.png\n",
      "",
      {},
      "property list uchar float texcoord\nproperty int texnumber\n",
      {"6 0 0 1 0 1 1 0", "6 0 0 1 1 0 1 1"});
  const ImportedMesh mesh = import_mesh(scratch_.write("wedges.ply", ply));
  EXPECT_THAT(mesh.notes, IsEmpty());
  const cv::Mat view = front_view(mesh);
  EXPECT_EQ(at(view, 0.8, 0.35), kGreen);
  EXPECT_EQ(at(view, 0.3, 0.8), kBlue);
  EXPECT_EQ(at(view, 0.8, 0.8), kYellow);
  EXPECT_EQ(at(view, 0.2, 0.3), cv::Vec4b(255, 0, 255, 255));
}

TEST_F(MeshSurfaces, PlyTexturesOfVerticesAreReadBeforeColours) {
  write_image(scratch_.path() / "t.png", quartered_image());
  const std::string ply = standing_ply("comment TextureFile t.png\n",
                                       "property float s\nproperty float t\nproperty uchar red\n"
                                       "property uchar green\nproperty uchar blue\n",
                                       {"0 0 9 9 9", "1 0 9 9 9", "1 1 9 9 9", "0 1 9 9 9"},
                                       "",
                                       {"", ""});
  const ImportedMesh mesh = import_mesh(scratch_.write("vertices.ply", ply));
  EXPECT_THAT(mesh.notes, ElementsAre(HasSubstr("other colours")));
  EXPECT_THAT(quarters(front_view(mesh)), ElementsAre(kRed, kGreen, kBlue, kYellow));
  fs::remove(scratch_.path() / "t.png");
  const ImportedMesh without = import_mesh(scratch_.path() / "vertices.ply");
  EXPECT_THAT(without.notes, ElementsAre(HasSubstr("'t.png' is left out")));
  EXPECT_TRUE(is_near(at(front_view(without), 0.5, 0.5), {9, 9, 9, 255}, 1));
}

TEST_F(MeshSurfaces, PlyAlphaCountsWhereItVaries) {
  const auto centre = [&](const std::string& first, const std::string& second) {
    const std::string ply =
        standing_ply("",
                     "",
                     {},
                     "property uchar red\nproperty uchar green\nproperty uchar blue\n"
                     "property uchar alpha\n",
                     {"255 0 0 " + first, "0 255 0 " + second});
    return front_view(import_mesh(scratch_.write("alpha.ply", ply)));
  };
  EXPECT_TRUE(is_near(at(centre("128", "255"), 0.8, 0.5), {255, 0, 0, 128}, 1));
  EXPECT_EQ(at(centre("0", "0"), 0.8, 0.5), kRed);
}

TEST_F(MeshSurfaces, PlyCoordinatesWithoutAnImageAndPointsAreSaid) {
  const ImportedMesh mesh = import_mesh(scratch_.write(
      "t.ply",
      standing_ply(
          "", "property float u\nproperty float v\n", {"0 0", "1 0", "1 1", "0 1"}, "", {"", ""})));
  EXPECT_THAT(mesh.notes, ElementsAre(HasSubstr("names no image")));
  EXPECT_THAT(failure(scratch_.write("points.ply",
                                     "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\n"
                                     "end_header\n0\n")),
              HasSubstr("points without faces"));
  EXPECT_THAT(failure(scratch_.write("point_cloud.ply",
                                     "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\n"
                                     "property float f_dc_0\nend_header\n0 0\n")),
              HasSubstr("Gaussians"));
}

}  // namespace
}  // namespace parallax
