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

// Floating-point colours go to 1, but not in every writer's files.
TEST_F(SynthMeshImport, PlyColoursOfFloatingPoint) {
  const auto colors = [&](const std::string& scale, const std::string& alpha) {
    const std::string color = " " + scale + " 0 0 " + alpha + "\n";
    const auto path = write(
        "tri.ply",
        "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty "
        "float z\nproperty float red\nproperty float green\nproperty float blue\nproperty float "
        "alpha\nelement face 1\nproperty list uchar int vertex_indices\nend_header\n0 0 0" +
            color + "1 0 0" + color + "0 1 0 -0.5 nan 0 " + alpha + "\n3 0 1 2\n");
    return import_mesh(path).scene.parts.at(0).mesh.vertex_colors;
  };
  for (const auto& [scale, alpha] : {std::pair{"1", "1"}, {"255", "255"}, {"255.0", "1.0"}}) {
    ASSERT_EQ(colors(scale, alpha).size(), 3U);
    EXPECT_EQ(colors(scale, alpha)[0], cv::Vec4f(1, 0, 0, 1)) << scale;
    EXPECT_EQ(colors(scale, alpha)[2], cv::Vec4f(0, 0, 0, 1)) << scale;
  }
  EXPECT_NEAR(colors("127.5", "255")[0][0], 0.5, 1e-6);
}

// Stanford's scans: a strip of a square, and one of a single triangle.
TEST_F(SynthMeshImport, PlyStripsAreTriangles) {
  const std::string header =
      "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty "
      "float z\nelement tristrips 1\nproperty list int int vertex_indices\nend_header\n0 0 0\n1 "
      "0 0\n0 1 0\n1 1 0\n";
  const ImportedMesh imported = import_mesh(write("strips.ply", header + "8 0 1 2 3 -1 0 1 2\n"));
  const TriangleMesh& mesh = imported.scene.parts.at(0).mesh;
  ASSERT_EQ(mesh.faces.size(), 3U);
  for (const cv::Vec3f& normal : mesh.corner_normals) {
    EXPECT_NEAR(normal[2], 1, 1e-6);
  }
  expect_broken(write("beyond.ply", header + "3 0 1 4\n"));
  expect_broken(write("minus.ply", header + "3 0 1 -2\n"));
  expect_broken(write("none.ply", header + "2 0 1\n"));
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

// Six corners of a house's front, in a plane, with its roof's top pushed in below the eaves.
TEST_F(SynthMeshImport, ConcaveFacesOfObjKeepTheirAreaAndOutline) {
  for (const char* order : {"1 2 3 4 5", "5 4 3 2 1", "3 4 5 1 2"}) {
    const auto path = write(
        "front.obj", std::string("v 0 0 0\nv 4 0 0\nv 4 3 0\nv 2 1 0\nv 0 3 0\nf ") + order + "\n");
    const TriangleMesh mesh =
        import_mesh(path, {.up = UpAxis::kZ, .radius = 2.5F}).scene.parts.at(0).mesh;
    ASSERT_EQ(mesh.faces.size(), 3U) << order;
    double area = 0;
    for (const cv::Vec3i& face : mesh.faces) {
      const cv::Vec3f& a = mesh.vertices[face[0]];
      const cv::Vec3f n = (mesh.vertices[face[1]] - a).cross(mesh.vertices[face[2]] - a);
      EXPECT_GT(n[2] * (order[0] == '5' ? -1 : 1), 0) << order;
      area += cv::norm(n) / 2;
    }
    EXPECT_NEAR(area, 8, 1e-4) << order;  // 4 · 3 less the notch of 4 · 2 / 2
  }
}

// What writers do: indices from the end, continued lines, comments, CRLF, groups, several forms of
// corners, weights and colours after coordinates, faces before vertices.
TEST_F(SynthMeshImport, ObjAsItsWritersWriteIt) {
  const auto path = write("odd.obj",
                          "\xef\xbb\xbf# from C:\\models\\\r\n"
                          "o a thing\r\n"
                          "g one two\r\n"
                          "s off\r\n"
                          "f 1 2 \\\r\n  4 # before its vertices\r\n"
                          "v +0 0 0 1.0\r\n"
                          "v 1e0 1e-60 0 0.5 0.25 2\r\n"
                          "v\t1 1 0 0 0 1\r\n"
                          "v 0 1 0 1 1 1 1\r\n"
                          "vt 0 0 0\r\n"
                          "vn 0 0 -nan(ind)\r\n"
                          "vn 0 0 2\r\n"
                          "p 1 2\r\n"
                          "l 1 2 3\r\n"
                          "f -3//-1 -2//2 -1//1");
  const ImportedMesh imported = import_mesh(path, {.up = UpAxis::kZ});
  EXPECT_THAT(imported.notes, ::testing::IsEmpty());
  ASSERT_EQ(imported.scene.parts.size(), 1U);
  const TriangleMesh& mesh = imported.scene.parts[0].mesh;
  ASSERT_EQ(mesh.faces.size(), 2U);
  ASSERT_EQ(mesh.vertices.size(), 4U);
  ASSERT_EQ(mesh.vertex_colors.size(), 4U);
  EXPECT_EQ(mesh.vertex_colors[mesh.faces[0][0]], cv::Vec4f::all(1));
  EXPECT_EQ(mesh.vertex_colors[mesh.faces[0][1]], cv::Vec4f(0.5F, 0.25F, 1, 1));
  EXPECT_EQ(mesh.vertex_colors[mesh.faces[1][1]], cv::Vec4f(0, 0, 1, 1));
  EXPECT_EQ(mesh.faces[0][1], mesh.faces[1][0]);
  for (const cv::Vec3f& n : mesh.corner_normals) {
    EXPECT_EQ(n, cv::Vec3f(0, 0, 1));
  }
}

TEST_F(SynthMeshImport, FacesOfObjWithCoordinatesAtSomeCornersHaveNone) {
  const auto path =
      write("some.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nf 1/1 2 3\nf 1/1 2/1 3/1\n");
  const ImportedMesh imported = import_mesh(path, {.up = UpAxis::kZ});
  ASSERT_EQ(imported.scene.parts.size(), 2U);
  for (const RenderPart& part : imported.scene.parts) {
    EXPECT_EQ(part.mesh.vertices.size(), 3U);
  }
}

// Writers that repeat vertices for each face, without normals: a sphere's shading stays smooth.
TEST_F(SynthMeshImport, RepeatedVerticesOfObjAreShadedAsOne) {
  const auto path = write("ridge.obj",
                          "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
                          "v 1 0 0\nv 2 0 0.2\nv 2 1 0.2\nv 1 1 0\n"
                          "f 1 2 3 4\nf 5 6 7 8\n");
  const TriangleMesh mesh = import_mesh(path, {.up = UpAxis::kZ}).scene.parts.at(0).mesh;
  for (std::size_t i = 0; i < mesh.corner_normals.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (mesh.vertices[mesh.faces[i / 3][static_cast<int>(i % 3)]] ==
          mesh.vertices[mesh.faces[j / 3][static_cast<int>(j % 3)]]) {
        EXPECT_LT(cv::norm(mesh.corner_normals[i], mesh.corner_normals[j]), 1e-5);
      }
    }
  }
}

std::string binary_stl(const std::string& header, const std::vector<std::uint16_t>& attributes) {
  std::string stl = header;
  stl.resize(80, ' ');
  const auto append = [&stl](auto value) {
    stl.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  append(static_cast<std::uint32_t>(attributes.size()));
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    const auto x = static_cast<float>(i);
    for (const float value : {0.0F, 0.0F, 0.0F, x, 0.0F, 0.0F, x + 1, 0.0F, 0.0F, x, 1.0F, 0.0F}) {
      append(value);
    }
    append(attributes[i]);
  }
  return stl;
}

TEST_F(SynthMeshImport, BinaryStlHasColoursOfEitherConvention) {
  const auto colors = [&](const std::string& header, const std::vector<std::uint16_t>& attributes) {
    const TriangleMesh mesh =
        import_mesh(write("painted.stl", binary_stl(header, attributes))).scene.parts.at(0).mesh;
    std::vector<cv::Vec4f> result;
    for (const cv::Vec3i& face : mesh.faces) {
      if (!mesh.vertex_colors.empty()) {
        result.push_back(mesh.vertex_colors[face[0]]);
      }
    }
    return result;
  };
  const cv::Vec4f red(1, 0, 0, 1);
  const cv::Vec4f blue(0, 0, 1, 1);
  // SolidWorks's files begin as text ones do.
  EXPECT_THAT(colors("solid part", {0, 31}), ::testing::IsEmpty());
  EXPECT_THAT(colors("of SolidView", {0x8000 | 31 << 10, 0x8000 | 31}),
              ::testing::ElementsAre(red, blue));
  EXPECT_THAT(colors(std::string("COLOR=\xff\0\0\xff,MATERIAL=", 20), {31 << 10, 0x8000, 0}),
              ::testing::ElementsAre(blue, red, red));
}

TEST_F(SynthMeshImport, TextStlNeedsWholeFacets) {
  const std::string facet =
      "FACET normal 0 0 1\n outer loop\n vertex 0 0 0\n vertex 1 0 0\n vertex 0 1e-60 2\n "
      "endloop\n endfacet\n";
  EXPECT_THAT(
      import_mesh(
          write("a.stl", "solid a\n" + facet + "endsolid\nsolid b\n" + facet + "endsolid b\n"))
          .notes,
      ::testing::IsEmpty());
  EXPECT_THAT(import_mesh(write("cut.stl", "solid a\n" + facet)).notes,
              ::testing::ElementsAre(::testing::HasSubstr("endsolid")));
  expect_broken(write("cut.stl", "solid a\n" + facet + facet.substr(0, facet.size() - 12)));
  expect_broken(write("word.stl", "solid a\nfacet\nvertex 1 2 x\n"));
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
  expect_broken(write("back.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 -4\n"));
  expect_broken(write("zero.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 0 1 2\n"));
  expect_broken(write("word.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3x\n"));
  expect_broken(write("uv.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1/1 2/1 3/1\n"));
  expect_broken(write("comma.obj", "v 0 0 0\nv 1,5 0 0\nv 0 1 0\nf 1 2 3\n"));
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
