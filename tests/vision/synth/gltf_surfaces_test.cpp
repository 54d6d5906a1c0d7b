// Surfaces of glTF files as they are seen: textures and how they are placed, alpha, colours, light
// of their own, as real exporters write them; and what is not read is said.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/image/image.h"
#include "tests/vision/synth/mesh_surfaces.h"

namespace parallax {
namespace {

using namespace surfaces;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class GltfSurfaces : public MeshSurfaces {};

// What Blender's exporter and trimesh wrote.

TEST_F(GltfSurfaces, BlendersMappingNodeRepeatsTheTexture) {
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

TEST_F(GltfSurfaces, BlendersAlphaThresholdCutsHoles) {
  const ImportedMesh mesh = import_mesh(kMeshes / "tex_mask.glb");
  EXPECT_THAT(mesh.notes, IsEmpty());
  const cv::Mat view = front_view(mesh);
  EXPECT_EQ(at(view, 0.45, 0.45), kNothing);
  EXPECT_EQ(at(view, 0.1, 0.3), kRed);
  EXPECT_EQ(at(view, 0.1, 0.7), kBlue);
}

TEST_F(GltfSurfaces, BlendersWebpAndNamesWithSpacesAreRead) {
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

TEST_F(GltfSurfaces, TrimeshsColoursOfFacesStayWithTheirFaces) {
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

TEST_F(GltfSurfaces, TextureTransformsTurnTheImageClockwise) {
  GlbBuilder glb;
  glb.set_image(quartered_image());
  glb.texture_info()["extensions"]["KHR_texture_transform"] = {{"rotation", CV_PI / 2}};
  glb.root["extensionsRequired"] = {"KHR_texture_transform"};
  glb.root["extensionsUsed"] = {"KHR_texture_transform"};
  EXPECT_THAT(quarters(front_view(import(glb))), ElementsAre(kBlue, kRed, kYellow, kGreen));
}

TEST_F(GltfSurfaces, TextureTransformsScaleThenMoveAndChooseCoordinates) {
  GlbBuilder glb;
  glb.set_image(quartered_image());
  glb.primitive()["attributes"]["TEXCOORD_3"] =
      glb.add<float>("VEC2", {0, 0.5, 0.5, 0.5, 0.5, 0, 0, 0});
  glb.texture_info()["extensions"]["KHR_texture_transform"] = {
      {"scale", {2, 2}}, {"offset", {0.5, 0}}, {"texCoord", 3}};
  EXPECT_THAT(quarters(front_view(import(glb))), ElementsAre(kGreen, kRed, kYellow, kBlue));
}

TEST_F(GltfSurfaces, SamplersRepeatMirrorAndClamp) {
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

TEST_F(GltfSurfaces, FactorTextureAndVertexColoursAreMultipliedInLinearLight) {
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

TEST_F(GltfSurfaces, EmissionAndUnlitColoursNeedNoLight) {
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

TEST_F(GltfSurfaces, BlendedSurfacesLetThroughWhatIsBehind) {
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

TEST_F(GltfSurfaces, BlendedSurfacesThrowFaintShadows) {
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

TEST_F(GltfSurfaces, QuantisedAndSparseAccessorsAreRead) {
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

TEST_F(GltfSurfaces, MirroredNodesKeepTheirOutsideOutside) {
  GlbBuilder glb;
  const int corners = glb.add<float>("VEC3", {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1});
  const int faces = glb.add<std::uint8_t>("SCALAR", {0, 2, 1, 0, 1, 3, 0, 3, 2, 1, 2, 3});
  glb.primitive() = {{"attributes", {{"POSITION", corners}}}, {"indices", faces}};
  glb.root["nodes"][0]["scale"] = {-2, 1, 1};
  const ImportedMesh mesh = import(glb);
  EXPECT_GT(signed_volume(mesh.scene.parts.at(0).mesh), 0);
}

TEST_F(GltfSurfaces, SkinsInstancesAndMorphsPlaceTheMesh) {
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

TEST_F(GltfSurfaces, CompressedFilesAreRefusedWithTheWayOut) {
  for (const char* extension : {"KHR_draco_mesh_compression", "EXT_meshopt_compression"}) {
    GlbBuilder glb;
    glb.root["extensionsUsed"] = glb.root["extensionsRequired"] = {extension};
    const std::string error = failure(scratch_.write("packed.glb", glb.bytes()));
    EXPECT_THAT(error, HasSubstr(extension));
    EXPECT_THAT(error, HasSubstr("without compression"));
  }
}

TEST_F(GltfSurfaces, WhatGltfHasAndIsNotShownIsSaid) {
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

TEST_F(GltfSurfaces, DamagedGlbFilesAreRefusedOrRead) {
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

}  // namespace
}  // namespace parallax
