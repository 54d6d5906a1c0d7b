// Surfaces of OBJ and PLY files as they are seen: textures and how they are placed, alpha, colours,
// as real exporters write them; and what is not read is said.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/image/image.h"
#include "tests/vision/synth/mesh_surfaces.h"

namespace parallax {
namespace {

using namespace surfaces;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

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
