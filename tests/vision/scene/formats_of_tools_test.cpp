// Metashape, OpenMVG, OpenSfM, Polycam, Record3D and models of pose networks: one scene in each of
// their formats gives the same cameras, their lens models project as they do, and what is broken or
// cannot be used is named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "core/base/error.h"
#include "tests/support/every_format.h"
#include "vision/scene/undistort.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// Rotations of the scene were rounded to float32; formats that store them as quaternions or vectors
// make them orthonormal.
constexpr double kRounded = 1e-6;

using testing::expect_the_scene;

class FormatsOfTools : public testing::EveryFormat {
 protected:
  // A lens capture's file beside as many photographs as it names.
  Scene load_lenses(const char* name) const {
    const fs::path lenses = scratch_.path() / "lenses";
    fs::create_directories(lenses / "images");
    fs::copy_file(kLenses / name, lenses / name, fs::copy_options::overwrite_existing);
    for (int i = 0; i < 9; ++i) {
      fs::copy_file(file("images/view_1.png"),
                    lenses / "images" / ("view_" + std::to_string(i) + ".png"),
                    fs::copy_options::overwrite_existing);
    }
    return load_scene(lenses / name);
  }

  static inline const fs::path kLenses =
      fs::path(PARALLAX_SOURCE_DIR) / "tests" / "captures" / "lenses-of-other-tools";
};

TEST_F(FormatsOfTools, MetashapeGivesTheSameCameras) {
  expect_the_scene(load_scene(file("cameras.xml")), SceneFormat::kMetashape, kRounded);
  keep({"cameras.xml"});
  fs::rename(file("cameras.xml"), file("exported from Metashape.xml"));
  testing::write_text(file("another.xml"), "<annotation>of something else");
  expect_the_scene(load_scene(folder()), SceneFormat::kMetashape, kRounded);
}

TEST_F(FormatsOfTools, OpenMvgGivesTheSameCameras) {
  expect_the_scene(load_scene(file("sfm_data.json")), SceneFormat::kOpenMvg, kRounded);
  keep({"sfm_data.json"});
  expect_the_scene(load_scene(folder()), SceneFormat::kOpenMvg, kRounded);
  // As its pipeline lays things out.
  fs::create_directories(file("reconstruction_sequential"));
  fs::rename(file("sfm_data.json"), file("reconstruction_sequential/sfm_data.json"));
  expect_the_scene(load_scene(file("reconstruction_sequential")), SceneFormat::kOpenMvg, kRounded);
}

TEST_F(FormatsOfTools, OpenSfmGivesTheSameCameras) {
  expect_the_scene(load_scene(file("reconstruction.json")), SceneFormat::kOpenSfm, kRounded);
  keep({"reconstruction.json"});
  expect_the_scene(load_scene(folder()), SceneFormat::kOpenSfm, kRounded);
  // As OpenDroneMap lays things out.
  fs::create_directories(file("opensfm"));
  fs::rename(file("reconstruction.json"), file("opensfm/reconstruction.json"));
  const Scene project = load_scene(folder());
  EXPECT_EQ(project.name, "scene");
  expect_the_scene(project, SceneFormat::kOpenSfm, kRounded);
  fs::rename(file("opensfm/reconstruction.json"), file("opensfm/a copy.json"));
  expect_the_scene(load_scene(file("opensfm/a copy.json")), SceneFormat::kOpenSfm, kRounded);
}

TEST_F(FormatsOfTools, PolycamGivesTheSameCameras) {
  keep({"polycam"});
  const auto name = [](int i) { return std::to_string(1000 + i) + ".png"; };
  move_images(file("keyframes/images"), name);
  fs::rename(file("polycam"), file("keyframes/cameras"));
  const Scene raw = load_scene(folder());
  expect_the_scene(raw, SceneFormat::kPolycam, kRounded);
  EXPECT_THAT(raw.notes, ElementsAre(HasSubstr("no corrected_cameras")));
  // What Polycam corrected goes before the phone's own, whose poses are others.
  fs::rename(file("keyframes/cameras"), file("keyframes/corrected_cameras"));
  EXPECT_THAT(testing::load_failure(folder()), HasSubstr("no scene was found"));
  fs::create_directory(file("keyframes/cameras"));
  testing::write_text(file("keyframes/cameras/1000.json"), "{}");
  EXPECT_THAT(testing::load_failure(folder()), HasSubstr("1000.json"));
  fs::rename(file("keyframes/images"), file("keyframes/corrected_images"));
  const Scene corrected = load_scene(folder());
  expect_the_scene(corrected, SceneFormat::kPolycam, kRounded);
  EXPECT_THAT(corrected.notes, IsEmpty());
  expect_the_scene(load_scene(file("keyframes")), SceneFormat::kPolycam, kRounded);
}

TEST_F(FormatsOfTools, Record3dGivesTheSameCameras) {
  keep({"metadata.json"});
  move_images(file("rgb"), [](int i) { return std::to_string(i) + ".png"; });
  EXPECT_TRUE(fs::exists(file("rgb/0.png")));
  expect_the_scene(load_scene(folder()), SceneFormat::kRecord3d, kRounded);
  expect_the_scene(load_scene(file("metadata.json")), SceneFormat::kRecord3d, kRounded);
  // As an unpacked .r3d file, whose intrinsics follow the focus.
  nlohmann::json metadata = document("metadata.json");
  const nlohmann::json k = metadata["K"];
  for (int i = 0; i < 6; ++i) {
    metadata["perFrameIntrinsicCoeffs"].push_back({k[0], k[4], k[6], k[7]});
  }
  metadata["K"] = {1, 0, 0, 0, 1, 0, 2, 2, 1};
  testing::write_text(file("metadata"), metadata.dump());
  fs::remove(file("metadata.json"));
  fs::rename(file("rgb"), file("rgbd"));
  expect_the_scene(load_scene(folder()), SceneFormat::kRecord3d, kRounded);
  // K by rows, as converters write it.
  metadata.erase("perFrameIntrinsicCoeffs");
  metadata["K"] = {k[0], 0, k[6], 0, k[4], k[7], 0, 0, 1};
  testing::write_text(file("metadata"), metadata.dump());
  expect_the_scene(load_scene(folder()), SceneFormat::kRecord3d, kRounded);
  // Five photographs of six poses.
  fs::remove(file("rgbd/2.png"));
  EXPECT_THAT(testing::load_failure(folder()), HasSubstr("1 of 6 views is left out"));
}

// Bundler's files as RealityScan writes them: names of its own, and the list with its machine's
// paths.
TEST_F(FormatsOfTools, RealityScansBundlerFilesGiveTheSameCameras) {
  keep({"colmap.bundle.out", "colmap.list.txt"});
  fs::rename(file("colmap.bundle.out"), file("registration.out"));
  std::string list;
  for (int i = 0; i < 6; ++i) {
    list += "C:\\Users\\me\\images\\view_" + std::to_string(i) + ".png\r\n";
  }
  testing::write_text(file("imagelist.lst"), list);
  fs::remove(file("colmap.list.txt"));
  expect_the_scene(load_scene(folder()), SceneFormat::kBundler, kRounded);
  fs::copy_file(file("registration.out"), file("second.out"));
  EXPECT_THAT(load_scene(folder()).notes, Contains(HasSubstr("second.out")));
}

// VGGT's, MapAnything's and Depth Anything 3's (tests/captures/pose-networks says who wrote them).
TEST_F(FormatsOfTools, ModelsOfPoseNetworksAreColmaps) {
  const fs::path models = fs::path(PARALLAX_SOURCE_DIR) / "tests" / "captures" / "pose-networks";
  const Scene expected = load_scene(file("opencv_cameras.json"));
  const auto expect_three_views = [&](const Scene& scene) {
    EXPECT_EQ(scene.format, SceneFormat::kColmap);
    EXPECT_THAT(scene.notes, IsEmpty());
    ASSERT_THAT(scene.views, SizeIs(3));
    for (size_t i = 0; i < 3; ++i) {
      const Camera& camera = scene.views[i].camera;
      EXPECT_LT(cv::norm(camera.c2w - expected.views[i].camera.c2w, cv::NORM_INF), kRounded);
      EXPECT_EQ(camera.fx, expected.views[i].camera.fx);
      EXPECT_EQ(camera.cy, expected.views[i].camera.cy);
      EXPECT_EQ(scene.views[i].image_path.filename(), expected.views[i].image_path.filename());
    }
  };
  keep({});
  for (const char* network : {"vggt", "map-anything"}) {
    SCOPED_TRACE(network);
    fs::remove_all(file("sparse"));
    fs::copy(models / network / "sparse", file("sparse"));
    expect_three_views(load_scene(folder()));
  }
  const fs::path exported = scratch_.path() / "exported";
  fs::copy(models / "depth-anything-3", exported);
  EXPECT_THAT(testing::load_failure(exported), HasSubstr("the image file is missing"));
  for (const std::string& photographs : {file("images").string(), std::string("../scene/images")}) {
    expect_three_views(load_scene(exported, {.image_folder = photographs}));
  }
}

TEST_F(FormatsOfTools, LensesProjectAsTheToolsDo) {
  const nlohmann::json points = nlohmann::json::parse(std::ifstream(kLenses / "points.json"));
  for (const char* name : {"metashape.xml", "sfm_data.json", "reconstruction.json"}) {
    const Scene scene = load_lenses(name);
    ASSERT_THAT(scene.views, SizeIs(points.at(name).size())) << name;
    EXPECT_THAT(scene.notes, Contains(HasSubstr("lens distortion")));
    for (size_t i = 0; i < scene.views.size(); ++i) {
      const View& view = scene.views[i];
      SCOPED_TRACE(std::string(name) + ", " + view.name);
      EXPECT_NEAR(view.camera.position()[0], static_cast<double>(i), 1e-12);
      for (size_t j = 0; j < points.at("directions").size(); ++j) {
        const nlohmann::json& direction = points["directions"][j];
        const auto point = distort(view.lens, direction.at(0), direction.at(1));
        ASSERT_TRUE(point.has_value());
        constexpr double kTolerance = 1e-9;  // both are float64
        EXPECT_NEAR(view.camera.fx * point->x + view.camera.cx, points[name][i][j][0], kTolerance);
        EXPECT_NEAR(view.camera.fy * point->y + view.camera.cy, points[name][i][j][1], kTolerance);
      }
    }
  }
}

// nerfstudio writes Metashape's k4, which multiplies r⁸.
TEST_F(FormatsOfTools, NerfstudiosFourthCoefficientIsRead) {
  nlohmann::json transforms = document("transforms_train.json");
  transforms.update({{"k1", 0.1}, {"k2", -0.02}, {"k3", 0.03}, {"k4", -0.004}, {"p1", 0.005}});
  write("transforms.json", transforms);
  const View view = load_scene(file("transforms.json")).views.at(0);
  const auto point = distort(view.lens, 0.5, -0.25);
  const double r2 = 0.3125;
  const double radial = 1 + r2 * (0.1 + r2 * (-0.02 + r2 * (0.03 - r2 * 0.004)));
  ASSERT_TRUE(point.has_value());
  EXPECT_NEAR(point->x, 0.5 * radial + 2 * 0.005 * 0.5 * -0.25, 1e-12);
  EXPECT_NEAR(point->y, -0.25 * radial + 0.005 * (r2 + 2 * 0.0625), 1e-12);
}

// A smooth pattern over a photograph, from 28 to 228.
double smooth_pattern(double u, double v) {
  return 128 + 50 * std::sin(u / 17) + 50 * std::cos(v / 13);
}

TEST_F(FormatsOfTools, UndistortedImagesShowWhatTheirRaysHit) {
  cv::Mat photograph(480, 640, CV_8UC3);
  photograph.forEach<cv::Vec3b>([](cv::Vec3b& pixel, const int* at) {
    pixel = cv::Vec3b::all(cv::saturate_cast<uchar>(smooth_pattern(at[1] + 0.5, at[0] + 0.5)));
  });
  for (const char* name : {"metashape.xml", "reconstruction.json"}) {
    for (const View& view : load_lenses(name).views) {
      SCOPED_TRACE(std::string(name) + ", " + view.name);
      const UndistortedImage straight = undistort(photograph, view.camera, view.lens, "test");
      if (view.lens.is_perspective()) {
        EXPECT_EQ(straight.image.channels(), 3) << "all of it shows the photograph";
      }
      int seen = 0;
      for (int row = 3; row < 480; row += 7) {
        for (int col = 3; col < 640; col += 7) {
          const auto point = distort(view.lens,
                                     (col + 0.5 - straight.camera.cx) / straight.camera.fx,
                                     (row + 0.5 - straight.camera.cy) / straight.camera.fy);
          const double u = view.camera.fx * point->x + view.camera.cx;
          const double v = view.camera.fy * point->y + view.camera.cy;
          if (u < 0.5 || v < 0.5 || u > 639.5 || v > 479.5) {
            continue;
          }
          ++seen;
          const auto value = straight.image.channels() == 4
                                 ? straight.image.at<cv::Vec4b>(row, col)[0]
                                 : straight.image.at<cv::Vec3b>(row, col)[0];
          EXPECT_NEAR(value, smooth_pattern(u, v), 2) << row << ", " << col;
        }
      }
      EXPECT_GT(seen, 4000);  // of 6,256 pixels looked at
    }
  }
}

TEST_F(FormatsOfTools, SphericalCamerasAreRefusedWithTheWayOut) {
  const auto refused = [&](const char* name, const std::string& what, const std::string& with) {
    const std::string whole = text(name);
    replace_in(name, what, with);
    EXPECT_THAT(testing::load_failure(file(name)),
                AllOf(HasSubstr("spherical"), HasSubstr("perspective views")));
    testing::write_text(file(name), whole);
  };
  refused(
      "cameras.xml", "type=\"frame\" class=\"adjusted\"", "type=\"spherical\" class=\"adjusted\"");
  refused("sfm_data.json", "\"pinhole\"", "\"spherical\"");
  refused("reconstruction.json", "\"perspective\"", "\"spherical\"");
  // Metashape calibrates nothing for a spherical sensor.
  std::string xml = text("cameras.xml");
  const size_t begin = xml.find("<calibration type=\"frame\" class=\"initial\"");
  const size_t end = xml.rfind("</calibration>") + std::string("</calibration>").size();
  xml.erase(begin, end - begin);
  xml.replace(xml.find("type=\"frame\""), 12, "type=\"spherical\"");
  testing::write_text(file("cameras.xml"), xml);
  EXPECT_THAT(testing::load_failure(file("cameras.xml")), HasSubstr("perspective views"));
}

TEST_F(FormatsOfTools, WhatMetashapeCannotPlaceIsLeftOutAndNamed) {
  const std::string whole = text("cameras.xml");
  const auto note_after = [&](const std::string& what, const std::string& with) {
    testing::write_text(file("cameras.xml"), whole);
    replace_in("cameras.xml", what, with);
    return testing::load_failure(file("cameras.xml"));
  };
  EXPECT_THAT(note_after("<camera id=\"1\"", "<camera enabled=\"false\" id=\"1\""),
              AllOf(HasSubstr("1 of 6 views is left out"), HasSubstr("'view_1' is disabled")));
  EXPECT_THAT(note_after("label=\"view_2\"><transform>", "label=\"view_2\"><was>"),
              HasSubstr("not valid XML"));
  std::string unaligned = whole;
  const size_t at = unaligned.find("<transform>", unaligned.find("view_2"));
  unaligned.erase(at, unaligned.find("</transform>", at) + 12 - at);
  testing::write_text(file("cameras.xml"), unaligned);
  EXPECT_THAT(testing::load_failure(file("cameras.xml")), HasSubstr("'view_2' is not aligned"));
  EXPECT_THAT(note_after("label=\"view_2\"", "label=\"view_9\""),
              AllOf(HasSubstr("1 of 6"), HasSubstr("the image file is missing")));
  EXPECT_THAT(note_after("sensor_id=\"0\" component_id=\"0\" label=\"view_3\"",
                         "sensor_id=\"7\" component_id=\"0\" label=\"view_3\""),
              HasSubstr("'view_3' has a sensor that is not in the file"));
  // Two flights of one drone.
  EXPECT_THAT(note_after("label=\"view_5\"", "label=\"view_4\""),
              AllOf(HasSubstr("2 of 6"), HasSubstr("has the label of 2 cameras")));
  EXPECT_THAT(note_after("<rotation locked=\"true\">", "<rotation locked=\"true\">nan "),
              HasSubstr("<rotation> cannot be read"));
  EXPECT_THAT(note_after("label=\"view_0\"><transform>", "label=\"view_0\"><transform>1 "),
              HasSubstr("16 finite numbers"));
  EXPECT_THAT(note_after("<f>274", "<p4>0.1</p4><f>274"), HasSubstr("p4"));
  EXPECT_THAT(note_after("<scale locked=\"true\">", "<scale locked=\"true\">-"),
              HasSubstr("scale"));
  testing::write_text(file("cameras.xml"), whole.substr(0, whole.size() / 2));
  EXPECT_THAT(testing::load_failure(file("cameras.xml")),
              AllOf(HasSubstr("not valid XML"), HasSubstr("line")));
}

TEST_F(FormatsOfTools, OfMetashapesComponentsAndChunksTheLargestIsReadAndAllAreNamed) {
  replace_in(
      "cameras.xml", "component_id=\"0\" label=\"view_5\"", "component_id=\"1\" label=\"view_5\"");
  const Scene scene = load_scene(file("cameras.xml"));
  EXPECT_THAT(scene.views, SizeIs(5));
  EXPECT_THAT(scene.notes, Contains(AllOf(HasSubstr("2 components"), HasSubstr("1 (1 cameras)"))));
  replace_in("cameras.xml", "</chunk>", "</chunk><chunk label=\"Second\"></chunk>");
  EXPECT_THAT(load_scene(file("cameras.xml")).notes,
              Contains(AllOf(HasSubstr("'Chunk 1'"), HasSubstr("'Second'"))));
  // Where components have no transform the chunk's holds.
  const std::string transform = [&] {
    const std::string all = text("cameras.xml");
    const size_t begin = all.find("<transform>");
    return all.substr(begin, all.find("</transform>") + 12 - begin);
  }();
  replace_in("cameras.xml", transform, "");
  replace_in("cameras.xml", "<cameras", transform + "<cameras");
  const Scene placed = load_scene(file("cameras.xml"));
  for (size_t i = 0; i < placed.views.size(); ++i) {
    EXPECT_LT(cv::norm(placed.views[i].camera.c2w - scene.views[i].camera.c2w), 1e-12);
  }
}

TEST_F(FormatsOfTools, WhatIsWrongWithOpenMvgIsNamed) {
  const nlohmann::json whole = document("sfm_data.json");
  const auto failure = [&](const std::function<void(nlohmann::json&)>& damage) {
    nlohmann::json changed = whole;
    damage(changed);
    write("sfm_data.json", changed);
    return testing::load_failure(file("sfm_data.json"));
  };
  EXPECT_THAT(failure([](auto& all) { all["extrinsics"] = nlohmann::json::array(); }),
              AllOf(HasSubstr("no poses"), HasSubstr("openMVG_main_SfM")));
  EXPECT_THAT(failure([](auto& all) { all["extrinsics"].erase(2); }),
              AllOf(HasSubstr("1 of 6"), HasSubstr("no pose was found for 'view_2.png'")));
  EXPECT_THAT(failure([](auto& all) { all["extrinsics"][1]["value"]["rotation"][0][0] = 7; }),
              AllOf(HasSubstr("1 of 6"), HasSubstr("orthonormal")));
  EXPECT_THAT(failure([](auto& all) {
                all["views"][3]["value"]["ptr_wrapper"]["data"]["id_intrinsic"] = 4294967295;
              }),
              AllOf(HasSubstr("1 of 6"), HasSubstr("none")));
  EXPECT_THAT(failure([](auto& all) { all["views"][3]["value"].erase("ptr_wrapper"); }),
              AllOf(HasSubstr("1 of 6"), HasSubstr("ptr_wrapper")));
  EXPECT_THAT(failure([](auto& all) {
                all["intrinsics"][0]["value"]["ptr_wrapper"]["data"]["focal_length"] = -1;
              }),
              HasSubstr("focal_length"));
  EXPECT_THAT(failure([](auto& all) { all["views"] = 1; }), HasSubstr("views"));
  // Pointers to what was written before, and fields of a base class one level down.
  EXPECT_EQ(failure([](auto& all) {
              all["intrinsics"].push_back(all["intrinsics"][0]);
              auto& again = all["intrinsics"][1];
              again["key"] = 1;
              again["value"]["polymorphic_id"] = 1;
              again["value"].erase("polymorphic_name");
              again["value"]["ptr_wrapper"] = {{"id", 7}};
              auto& data = all["views"][3]["value"]["ptr_wrapper"]["data"];
              data["id_intrinsic"] = 1;
              data = {{"value0", data}};
            }),
            "");
  expect_the_scene(load_scene(file("sfm_data.json")), SceneFormat::kOpenMvg, kRounded);
  keep({});
  testing::write_text(file("sfm_data.bin"), "\1");
  EXPECT_THAT(testing::load_failure(folder()), HasSubstr("ConvertSfM_DataFormat"));
}

TEST_F(FormatsOfTools, WhatIsWrongWithOpenSfmIsNamed) {
  const nlohmann::json whole = document("reconstruction.json");
  const auto failure = [&](const std::function<void(nlohmann::json&)>& damage) {
    nlohmann::json changed = whole;
    damage(changed);
    write("reconstruction.json", changed);
    return testing::load_failure(file("reconstruction.json"));
  };
  EXPECT_THAT(failure([](auto& all) { all[0]["shots"]["view_1.png"]["camera"] = "another"; }),
              AllOf(HasSubstr("1 of 6"), HasSubstr("'another'")));
  EXPECT_THAT(failure([](auto& all) {
                all[0]["shots"]["view_1.png"]["rotation"] = {1, 2};
              }),
              AllOf(HasSubstr("1 of 6"), HasSubstr("rotation"), HasSubstr("3 numbers")));
  EXPECT_THAT(
      failure([](auto& all) { all[0]["shots"]["gone.png"] = all[0]["shots"]["view_1.png"]; }),
      AllOf(HasSubstr("1 of 7"), HasSubstr("gone.png")));
  EXPECT_THAT(failure([](auto& all) { all[0]["cameras"]["v2 unknown"].erase("focal"); }),
              HasSubstr("focal"));
  EXPECT_THAT(
      failure([](auto& all) { all[0]["cameras"]["v2 unknown"]["projection_type"] = "new"; }),
      HasSubstr("'new'"));
  EXPECT_THAT(failure([](auto& all) { all[0]["shots"] = nlohmann::json::object(); }),
              HasSubstr("no views"));
}

TEST_F(FormatsOfTools, OfOpenSfmsReconstructionsTheLargestIsReadAndAllAreNamed) {
  nlohmann::json all = document("reconstruction.json");
  nlohmann::json small = all[0];
  small["shots"] = {{"view_0.png", all[0]["shots"]["view_0.png"]}};
  write("reconstruction.json", {small, all[0], small});
  const Scene scene = load_scene(file("reconstruction.json"));
  expect_the_scene(scene, SceneFormat::kOpenSfm, kRounded);
  EXPECT_THAT(scene.notes,
              ElementsAre(AllOf(HasSubstr("3 reconstructions"),
                                HasSubstr("number 1, with 6 shots"),
                                HasSubstr("0 (1 shots), 2 (1 shots)"))));
}

TEST_F(FormatsOfTools, WhatIsWrongWithRecord3dIsNamed) {
  keep({"metadata.json"});
  move_images(file("rgb"), [](int i) { return std::to_string(i) + ".png"; });
  const nlohmann::json whole = document("metadata.json");
  const auto failure = [&](const char* field, const nlohmann::json& value) {
    nlohmann::json changed = whole;
    changed[field] = value;
    write("metadata.json", changed);
    return testing::load_failure(file("metadata.json"));
  };
  EXPECT_THAT(failure("poses", nlohmann::json::array()), HasSubstr("no camera poses"));
  nlohmann::json poses = whole["poses"];
  poses[2] = {0, 0, 0, 0, 1, 2, 3};
  EXPECT_THAT(failure("poses", poses), AllOf(HasSubstr("1 of 6"), HasSubstr("frame 2")));
  poses[2] = {0, 0, 0, 1, 1, 2};
  EXPECT_THAT(failure("poses", poses), AllOf(HasSubstr("1 of 6"), HasSubstr("7 numbers")));
  EXPECT_THAT(failure("K", {1, 2, 3}), HasSubstr("9 numbers"));
  EXPECT_THAT(failure("w", 0), HasSubstr("'w'"));
  testing::write_text(file("capture.r3d"), "PK");
  EXPECT_THAT(testing::load_failure(file("capture.r3d")), HasSubstr("unzip capture.r3d"));
}

}  // namespace
}  // namespace parallax
