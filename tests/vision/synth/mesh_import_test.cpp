// Users' meshes: small files of each format, and broken ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <opencv2/imgcodecs.hpp>

#include "core/base/error.h"
#include "vision/synth/meshes/mesh_import.h"
#include "vision/synth/scene_generator.h"
#include "vision/synth/scene_renderer.h"

namespace parallax {
namespace {

class SynthMeshImport : public ::testing::Test {
 protected:
  SynthMeshImport()
      : folder_(std::filesystem::path(::testing::TempDir()) /
                ("parallax_mesh_import_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~SynthMeshImport() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }

  void expect_broken(const std::filesystem::path& path) const {
    try {
      import_mesh(path);
      ADD_FAILURE() << path << " was accepted";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr(path.string()));
    }
  }

  std::filesystem::path folder_;
};

const char* const kCubeObj =
    "mtllib cube.mtl\nusemtl paint\n"
    "v 0 0 0\nv 2 0 0\nv 2 2 0\nv 0 2 0\nv 0 0 2\nv 2 0 2\nv 2 2 2\nv 0 2 2\n"
    "f 4 3 2 1\nf 5 6 7 8\nf 1 2 6 5\nf 2 3 7 6\nf 3 4 8 7\nf 4 1 5 8\n";

std::string base64_of(const std::string& bytes) {
  const char* const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned value = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      value = value << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += i + k > bytes.size() ? '=' : digits[value >> (18 - 6 * k) & 63U];
    }
  }
  return text;
}

// A unit square in the plane z = 0 (facing +z, in glTF's y-up world) with an embedded image whose
// left half is red and whose right half is green.
std::string square_gltf() {
  const std::vector<float> numbers = {0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0,  // positions
                                      0, 1, 1, 1, 1, 0, 0, 0};             // texture coordinates
  const std::vector<std::uint16_t> indices = {0, 1, 2, 0, 2, 3};
  std::string bytes(numbers.size() * 4 + indices.size() * 2, '\0');
  std::memcpy(bytes.data(), numbers.data(), numbers.size() * 4);
  std::memcpy(bytes.data() + numbers.size() * 4, indices.data(), indices.size() * 2);
  cv::Mat picture(8, 8, CV_8UC3, cv::Scalar(0, 0, 255));
  picture.colRange(4, 8).setTo(cv::Scalar(0, 255, 0));
  std::vector<uchar> png;
  cv::imencode(".png", picture, png);
  return R"({"asset":{"version":"2.0"},"scene":0,"scenes":[{"nodes":[0]}],"nodes":[{"mesh":0}],
"meshes":[{"primitives":[{"attributes":{"POSITION":0,"TEXCOORD_0":1},"indices":2,"material":0}]}],
"materials":[{"pbrMetallicRoughness":{"baseColorTexture":{"index":0}}}],
"textures":[{"source":0}],"images":[{"uri":"data:image/png;base64,)" +
         base64_of(std::string(png.begin(), png.end())) + R"("}],
"accessors":[{"bufferView":0,"componentType":5126,"count":4,"type":"VEC3","min":[0,0,0],"max":[1,1,0]},
{"bufferView":1,"componentType":5126,"count":4,"type":"VEC2"},
{"bufferView":2,"componentType":5123,"count":6,"type":"SCALAR"}],
"bufferViews":[{"buffer":0,"byteOffset":0,"byteLength":48},{"buffer":0,"byteOffset":48,"byteLength":32},
{"buffer":0,"byteOffset":80,"byteLength":12}],
"buffers":[{"byteLength":92,"uri":"data:application/octet-stream;base64,)" +
         base64_of(bytes) + R"("}]})";
}

TEST_F(SynthMeshImport, ObjWithMaterialFillsTheSphere) {
  write("cube.mtl", "newmtl paint\nKd 0.25 0.5 0.75\n");
  const ImportedMesh imported = import_mesh(write("cube.obj", kCubeObj), {.radius = 0.5F});
  ASSERT_EQ(imported.scene.parts.size(), 1U);
  const RenderPart& part = imported.scene.parts[0];
  EXPECT_EQ(part.mesh.faces.size(), 12U);
  EXPECT_GT(signed_volume(part.mesh), 0);
  for (const cv::Vec3f& p : part.mesh.vertices) {
    EXPECT_NEAR(cv::norm(p), 0.5, 1e-5);
  }
  EXPECT_EQ(part.texture.colors[0], cv::Vec3f(0.25F, 0.5F, 0.75F));
  EXPECT_THAT(imported.notes, ::testing::ElementsAre(::testing::HasSubstr("y is taken")));
}

TEST_F(SynthMeshImport, PlyWithVertexColors) {
  const auto path =
      write("tri.ply",
            "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float "
            "y\nproperty float z\nproperty uchar red\nproperty uchar green\nproperty "
            "uchar blue\nelement face 1\nproperty list uchar int "
            "vertex_indices\nend_header\n0 0 0 255 0 0\n1 0 0 0 255 0\n0 1 0 0 0 "
            "255\n3 0 1 2\n");
  const ImportedMesh imported = import_mesh(path);
  const TriangleMesh& mesh = imported.scene.parts.at(0).mesh;
  ASSERT_EQ(mesh.vertex_colors.size(), 3U);
  EXPECT_EQ(mesh.vertex_colors[mesh.faces[0][0]], cv::Vec4f(1, 0, 0, 1));
  EXPECT_EQ(imported.scene.parts[0].texture.colors[0], cv::Vec3f::all(1));
}

TEST_F(SynthMeshImport, BinaryPlyOfBothByteOrders) {
  for (const bool big : {false, true}) {
    std::string ply = std::string("ply\nformat binary_") + (big ? "big" : "little") +
                      "_endian 1.0\ncomment a square\nelement extra 1\nproperty list uchar short "
                      "numbers\nelement vertex 4\nproperty double x\nproperty float y\nproperty "
                      "float z\nelement face 1\nproperty list uchar uint "
                      "vertex_index\nend_header\n";
    const auto append = [&](auto value) {
      std::string bytes(sizeof(value), '\0');
      std::memcpy(bytes.data(), &value, sizeof(value));
      ply.append(big ? std::string(bytes.rbegin(), bytes.rend()) : bytes);
    };
    append(std::uint8_t{2});
    append(std::int16_t{-1});
    append(std::int16_t{7});
    for (int i = 0; i < 4; ++i) {
      append(i == 1 || i == 2 ? 1.0 : 0.0);
      append(i >= 2 ? 1.0F : 0.0F);
      append(0.0F);
    }
    append(std::uint8_t{4});
    for (std::uint32_t i = 0; i < 4; ++i) {
      append(i);
    }
    const ImportedMesh imported = import_mesh(write("square.ply", ply), {.radius = 1});
    const TriangleMesh& mesh = imported.scene.parts.at(0).mesh;
    ASSERT_EQ(mesh.faces.size(), 2U);
    for (const cv::Vec3f& p : mesh.vertices) {
      EXPECT_NEAR(cv::norm(p), 1, 1e-6);
    }
    EXPECT_EQ(mesh.corner_normals[0], cv::Vec3f(0, 0, 1));
    for (std::size_t length = 0; length < ply.size(); length += 3) {
      expect_broken(write("cut.ply", ply.substr(0, length)));
    }
  }
}

TEST_F(SynthMeshImport, StlSharesItsVertices) {
  std::string stl = "solid tetra\n";
  const std::vector<std::array<const char*, 3>> faces = {{"0 0 0", "0 1 0", "1 0 0"},
                                                         {"0 0 0", "1 0 0", "0 0 1"},
                                                         {"0 0 0", "0 0 1", "0 1 0"},
                                                         {"1 0 0", "0 1 0", "0 0 1"}};
  for (const auto& face : faces) {
    stl += "facet normal 0 0 0\nouter loop\n";
    for (const char* vertex : face) {
      stl += std::string("vertex ") + vertex + "\n";
    }
    stl += "endloop\nendfacet\n";
  }
  const ImportedMesh imported = import_mesh(write("tetra.stl", stl + "endsolid tetra\n"));
  const TriangleMesh& mesh = imported.scene.parts.at(0).mesh;
  EXPECT_EQ(mesh.vertices.size(), 4U);
  EXPECT_TRUE(is_closed(mesh));
}

TEST_F(SynthMeshImport, GltfStandsUprightWithItsTexture) {
  ImportedMesh imported = import_mesh(write("square.gltf", square_gltf()));
  ASSERT_THAT(imported.notes, ::testing::IsEmpty());
  const RenderPart& part = imported.scene.parts.at(0);
  ASSERT_EQ(part.image.pixels.type(), CV_8UC3);
  // y up becomes z up: the square is in the plane y = 0 and faces −y.
  for (const cv::Vec3f& p : part.mesh.vertices) {
    EXPECT_NEAR(p[1], 0, 1e-6);
  }
  imported.scene.lighting = Lighting{cv::Vec3f::all(1), cv::Vec3f::all(1), {}, 0};
  const cv::Mat view = render_scene(imported.scene, {orbit_camera(-90, 0, 2.7, 50, 40, 40)}, 2)[0];
  EXPECT_EQ(view.at<cv::Vec4b>(20, 14), cv::Vec4b(255, 0, 0, 255));
  EXPECT_EQ(view.at<cv::Vec4b>(20, 26), cv::Vec4b(0, 255, 0, 255));
}

TEST_F(SynthMeshImport, UpAxisCanBeGiven) {
  const auto path = write("flat.obj", "v 0 0 0\nv 1 0 0\nv 1 1 0\nf 1 2 3\n");
  const ImportedMesh guessed = import_mesh(path);
  EXPECT_NEAR(guessed.scene.parts[0].mesh.vertices[0][1], 0, 1e-6);
  EXPECT_THAT(guessed.notes, ::testing::ElementsAre(::testing::HasSubstr("--up z")));
  const ImportedMesh given = import_mesh(path, {.up = UpAxis::kZ});
  EXPECT_NEAR(given.scene.parts[0].mesh.vertices[0][2], 0, 1e-6);
  EXPECT_THAT(given.notes, ::testing::IsEmpty());
}

TEST_F(SynthMeshImport, AMissingTextureIsANote) {
  write("t.mtl", "newmtl m\nKd 1 0 0\nmap_Kd nowhere.png\n");
  const auto path = write("t.obj",
                          "mtllib t.mtl\nusemtl m\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 "
                          "1\nf 1/1 2/2 3/3\n");
  const ImportedMesh imported = import_mesh(path, {.up = UpAxis::kZ});
  ASSERT_EQ(imported.notes.size(), 1U);
  EXPECT_THAT(imported.notes[0], ::testing::HasSubstr("nowhere.png"));
  EXPECT_EQ(imported.scene.parts[0].texture.colors[0], cv::Vec3f(1, 0, 0));
}

TEST_F(SynthMeshImport, BrokenFilesAreNamed) {
  expect_broken(folder_ / "absent.obj");
  expect_broken(folder_);
  expect_broken(write("empty.obj", ""));
  expect_broken(write("noise.obj", std::string("\0\1\2\3 not a mesh", 15)));
  expect_broken(write("points.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\n"));
  expect_broken(write("range.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n"));
  expect_broken(write("nan.obj", "v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"));
  expect_broken(write("dot.obj", "v 1 1 1\nv 1 1 1\nv 1 1 1\nf 1 2 3\n"));
  expect_broken(write("cut.gltf", square_gltf().substr(0, 300)));
  expect_broken(write("bad.glb", "glTF broken"));
  std::string stl(84, '\0');
  stl[80] = 5;  // binary STL that announces five triangles and ends
  expect_broken(write("short.stl", stl));
  expect_broken(write("header.ply", "ply\nformat ascii 1.0\nelement vertex 3\n"));
  expect_broken(write("range.ply",
                      "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nelement face "
                      "1\nproperty list uchar int vertex_indices\nend_header\n0\n3 0 0 1\n"));
  expect_broken(write("huge.ply",
                      "ply\nformat ascii 1.0\nelement vertex 4000000000000\nproperty float "
                      "x\nend_header\n0\n"));
  expect_broken(write("cube.xyz123", kCubeObj));
}

}  // namespace
}  // namespace parallax
