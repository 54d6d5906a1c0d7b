// 3D Gaussian splatting, MVSNet, NSVF with its kin, NeuS and RealityCapture: one scene in each of
// their formats gives the same cameras, and what is broken or cannot be used is named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <opencv2/calib3d.hpp>

#include "tests/support/every_format.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::expect_the_scene;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The scene's rotations were rounded to float32; some formats make them orthonormal, angles most.
constexpr double kRounding = 1e-6;
constexpr double kRoundedAngles = 3e-6;

class FormatsOfDatasets : public testing::EveryFormat {
 protected:
  // The files of `from` as NAME(i) in `to`.
  template <typename Name>
  void move_files(const char* from, const char* to, const Name& name) const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(file(from))) {
      files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    fs::create_directories(file(to));
    for (size_t i = 0; i < files.size(); ++i) {
      fs::rename(files[i], file(to) / name(static_cast<int>(i)));
    }
    fs::remove(file(from));
  }
};

std::string six_digits(int i, const char* extension) {
  return "00000" + std::to_string(i) + extension;
}

TEST_F(FormatsOfDatasets, GaussianSplattingGivesTheSameCameras) {
  expect_the_scene(load_scene(file("cameras.json")), SceneFormat::kGaussianSplatting, kRounding);
  keep({"cameras.json"});
  EXPECT_TRUE(looks_like_scene(folder()));
  expect_the_scene(load_scene(folder()), SceneFormat::kGaussianSplatting, kRounding);
  fs::rename(file("cameras.json"), file("train_cameras.json"));
  expect_the_scene(
      load_scene(file("train_cameras.json")), SceneFormat::kGaussianSplatting, kRounding);
}

// As training writes it: names without extensions before 2024, photographs elsewhere, whose folder
// Python prints in the quotes that it needs.
TEST_F(FormatsOfDatasets, GaussianSplattingsPhotographsAreWhereTrainingFoundThem) {
  keep({"cameras.json"});
  nlohmann::json cameras = document("cameras.json");
  for (nlohmann::json& camera : cameras) {
    const auto name = camera["img_name"].get<std::string>();
    camera["img_name"] = name.substr(0, name.find('.'));
  }
  fs::remove(file("cameras.json"));
  testing::write_text(file("output/a/cameras.json"), cameras.dump());
  EXPECT_THAT(testing::load_failure(file("output/a")), HasSubstr("image file is missing"));
  for (const std::string& source :
       {"'" + folder().string() + "'", "\"" + folder().string() + "\"", std::string("'../..'")}) {
    testing::write_text(file("output/a/cfg_args"),
                        "Namespace(eval=True, images='images', source_path=" + source + ", x=1)");
    expect_the_scene(load_scene(file("output/a")), SceneFormat::kGaussianSplatting, kRounding);
  }
  fs::rename(file("images"), file("pictures"));
  for (const char* arguments : {"", "Namespace(source_path=", "Namespace(source_path='/no", "\\"}) {
    testing::write_text(file("output/a/cfg_args"), arguments);
    EXPECT_THAT(testing::load_failure(file("output/a")), HasSubstr("image file is missing"));
  }
  const Scene chosen = load_scene(file("output/a"), {.image_folder = "../../pictures"});
  expect_the_scene(chosen, SceneFormat::kGaussianSplatting, kRounding);
}

TEST_F(FormatsOfDatasets, BrokenCamerasOfGaussianSplattingAreNamed) {
  keep({"cameras.json"});
  nlohmann::json cameras = document("cameras.json");
  cameras[1]["position"] = {1, 2};
  cameras[2].erase("rotation");
  cameras[4]["img_name"] = cameras[5]["img_name"];
  write("cameras.json", cameras);
  const Scene scene = load_scene(folder());
  EXPECT_EQ(scene.views.size(), 2);
  EXPECT_THAT(scene.notes,
              ElementsAre(AllOf(HasSubstr("4 of 6 views are left out"),
                                HasSubstr("view 1, field 'position'"),
                                HasSubstr("view 2, field 'rotation'"),
                                HasSubstr("2 cameras have the image 'view_5.png'"))));
  // OpenDroneMap's file of that name holds an object.
  testing::write_text(file("cameras.json"), R"({"v2 dji": {"projection_type": "brown"}})");
  EXPECT_THAT(failure(), HasSubstr("no scene was found"));
}

TEST_F(FormatsOfDatasets, MvsnetGivesTheSameCameras) {
  keep({"mvsnet"});
  fs::rename(file("mvsnet"), file("cams"));
  testing::write_text(file("pair.txt"), "6\n0\n0\n");
  testing::write_text(file("cams/pair.txt"), "6\n0\n0\n");  // BlendedMVS keeps it here
  move_images(file("pictures"), [](int i) { return "0000000" + std::to_string(i) + ".png"; });
  EXPECT_THAT(failure(), HasSubstr("--image-folder"));
  expect_the_scene(
      load_scene(folder(), {.image_folder = "pictures"}), SceneFormat::kMvsnet, kRounding);
  for (const char* images : {"images", "blended_images"}) {
    fs::rename(file("pictures"), file(images));
    const Scene scene = load_scene(folder());
    expect_the_scene(scene, SceneFormat::kMvsnet, kRounding);
    EXPECT_EQ(scene.name, "scene");
    EXPECT_THAT(scene.notes, IsEmpty());
    expect_the_scene(load_scene(file("cams")), SceneFormat::kMvsnet, kRounding);
    fs::rename(file(images), file("pictures"));
  }
}

TEST_F(FormatsOfDatasets, BrokenCamerasOfMvsnetAreNamed) {
  keep({"mvsnet"});
  fs::rename(file("mvsnet"), file("cams"));
  move_images(file("images2"), [](int i) { return "0000000" + std::to_string(i) + ".png"; });
  fs::rename(file("images2"), file("images"));
  replace_in("cams/00000001_cam.txt", "extrinsic", "external");
  replace_in("cams/00000002_cam.txt", "extrinsic\n", "extrinsic\nx");
  testing::write_text(file("cams/00000003_cam.txt"), text("cams/00000003_cam.txt").substr(0, 300));
  const Scene scene = load_scene(folder());
  EXPECT_EQ(scene.views.size(), 3);
  EXPECT_THAT(scene.notes,
              ElementsAre(AllOf(HasSubstr("'extrinsic' is missing or cut off"),
                                HasSubstr("00000002_cam.txt, extrinsic"),
                                HasSubstr("00000003_cam.txt"))));
}

TEST_F(FormatsOfDatasets, SceneRepresentationNetworksGiveTheSameCameras) {
  keep({"nsvf", "intrinsics.txt"});
  fs::rename(file("nsvf"), file("pose"));
  move_images(file("rgb"), [](int i) { return six_digits(i, ".png"); });
  EXPECT_TRUE(looks_like_scene(folder()));
  const Scene scene = load_scene(folder());
  expect_the_scene(scene, SceneFormat::kNsvf, kRounding);
  EXPECT_THAT(scene.notes, IsEmpty());
  // Intrinsics for twice the size, and as a matrix, which is for the photographs' own.
  const double focal = scene.views[0].camera.fx;
  const auto number = [](double value) { return std::to_string(value); };
  testing::write_text(file("intrinsics.txt"),
                      number(2 * focal) + " 256. 256. 0.\n0. 0. 0.\n0.\n1.\n512 512\n");
  EXPECT_EQ(load_scene(folder()).views[0].camera.width, 512);
  const LoadedView doubled = load_view(load_scene(folder()).views[0], {});
  EXPECT_NEAR(doubled.camera.fx, focal, 1e-5);
  EXPECT_EQ(doubled.camera.cx, 128);
  const std::string row = number(focal) + " 0 128 0\n0 " + number(focal) + " 128 0\n0 0 1 0\n";
  testing::write_text(file("intrinsics.txt"), row + "0 0 0 1\n");
  expect_the_scene(load_scene(folder()), SceneFormat::kNsvf, kRounding);
  for (const char* broken : {"1 2 3", "a b c d", ""}) {
    testing::write_text(file("intrinsics.txt"), broken);
    EXPECT_THAT(failure(), HasSubstr("intrinsics.txt")) << broken;
  }
}

// 0_, 1_ and 2_: of Tanks and Temples' two the second is for testing, of three the third.
TEST_F(FormatsOfDatasets, SplitsOfNsvfAreHeldOut) {
  keep({"nsvf", "intrinsics.txt"});
  const auto split_name = [](int i, int splits, const char* extension) {
    return std::to_string(i * splits / 6) + "_" + six_digits(i, extension);
  };
  move_files("nsvf", "pose", [&](int i) { return split_name(i, 2, ".txt"); });
  move_images(file("rgb"), [&](int i) { return split_name(i, 2, ".png"); });
  const Scene two = load_scene(folder());
  expect_the_scene(two, SceneFormat::kNsvf, kRounding);
  EXPECT_FALSE(two.views[2].is_held_out);
  EXPECT_TRUE(two.views[3].is_held_out);
  move_files("pose", "pose3", [&](int i) { return split_name(i, 3, ".txt"); });
  move_files("rgb", "rgb3", [&](int i) { return split_name(i, 3, ".png"); });
  fs::rename(file("pose3"), file("pose"));
  fs::rename(file("rgb3"), file("rgb"));
  const Scene three = load_scene(folder());
  ASSERT_EQ(three.views.size(), 4);
  EXPECT_FALSE(three.views[1].is_held_out);
  EXPECT_TRUE(three.views[2].is_held_out);
  EXPECT_EQ(three.views[2].name, "rgb/2_000004.png");
  EXPECT_THAT(three.notes, Contains(HasSubstr("2 validation views")));
}

// NeRF++ has a folder per split and a file of intrinsics per photograph; ScanNet's tracker writes
// infinite poses where it is lost, and counts without zeros.
TEST_F(FormatsOfDatasets, NerfPlusPlusAndScanNetGiveTheSameCameras) {
  keep({"nsvf", "intrinsics.txt"});
  const Scene truth = load_scene(testing::kEveryFormat / "opencv_cameras.json");
  const double focal = truth.views[0].camera.fx;
  const std::string matrix =
      std::to_string(focal) + " 0 128 0 0 " + std::to_string(focal) + " 128 0 0 0 1 0 0 0 0 1";
  fs::remove(file("intrinsics.txt"));
  for (int i = 0; i < 6; ++i) {
    const std::string split = i < 4 ? "train/" : "test/";
    const auto move = [&](const fs::path& from, const std::string& to) {
      fs::create_directories((folder() / to).parent_path());
      fs::rename(from, folder() / to);
    };
    move(file("nsvf") / six_digits(i, ".txt"), split + "pose/" + six_digits(i, ".txt"));
    move(file("images") / ("view_" + std::to_string(i) + ".png"),
         split + "rgb/" + six_digits(i, ".png"));
    testing::write_text(folder() / (split + "intrinsics/" + six_digits(i, ".txt")), matrix);
  }
  testing::write_text(file("camera_path/pose/000000.txt"), "1");
  const Scene split = load_scene(folder());
  expect_the_scene(split, SceneFormat::kNsvf, kRounding);
  EXPECT_FALSE(split.views[3].is_held_out);
  EXPECT_TRUE(split.views[4].is_held_out);
  EXPECT_EQ(split.views[4].name, "test/rgb/000004.png");
  // As ScanNet's reader unpacks its captures.
  const fs::path scan = folder() / "scene0000_00";
  fs::create_directories(scan);
  fs::rename(file("train/rgb"), scan / "color");
  fs::rename(file("train/pose"), scan / "pose");
  testing::write_text(scan / "intrinsic" / "intrinsic_color.txt", matrix);
  testing::write_text(scan / "intrinsic" / "intrinsic_depth.txt", "1");
  for (int i = 0; i < 4; ++i) {
    const std::string number = std::to_string(i == 3 ? 10 : i);
    fs::rename(scan / "pose" / six_digits(i, ".txt"), scan / "pose" / (number + ".txt"));
    fs::rename(scan / "color" / six_digits(i, ".png"), scan / "color" / (number + ".png"));
  }
  testing::write_text(scan / "pose" / "2.txt",
                      "-inf -inf -inf -inf\n-inf -inf -inf -inf\n-inf -inf -inf -inf\n0 0 0 1\n");
  const Scene scannet = load_scene(scan);
  ASSERT_EQ(scannet.views.size(), 3);
  EXPECT_EQ(scannet.views[2].name, "color/10.png");
  EXPECT_LT(cv::norm(scannet.views[2].camera.c2w - truth.views[3].camera.c2w, cv::NORM_INF),
            kRounding);
  EXPECT_THAT(scannet.notes, ElementsAre(AllOf(HasSubstr("2.txt"), HasSubstr("not finite"))));
}

TEST_F(FormatsOfDatasets, NeusGivesTheSameCameras) {
  keep({"cameras_sphere.npz"});
  expect_the_scene(load_scene(file("cameras_sphere.npz")), SceneFormat::kNeus, kRounding);
  fs::rename(file("images"), file("image"));
  const Scene scene = load_scene(folder());
  expect_the_scene(scene, SceneFormat::kNeus, kRounding);
  EXPECT_TRUE(scene.views[0].lens.is_pinhole());
  // IDR's name, and masks that have names of their own.
  fs::rename(file("cameras_sphere.npz"), file("cameras.npz"));
  for (int i = 0; i < 6; ++i) {
    fs::create_directories(file("mask"));
    fs::copy_file(file("image") / ("view_" + std::to_string(i) + ".png"),
                  file("mask") / ("00" + std::to_string(i) + ".png"));
  }
  const Scene masked = load_scene(folder());
  EXPECT_EQ(masked.views[3].mask_path.filename(), "003.png");
  fs::remove(file("mask/002.png"));
  const Scene unmasked = load_scene(folder());
  EXPECT_TRUE(unmasked.views[3].mask_path.empty());
  EXPECT_THAT(unmasked.notes, Contains(HasSubstr("masks")));
  fs::remove(file("image/view_2.png"));
  EXPECT_THAT(failure(), AllOf(HasSubstr("not equally many"), HasSubstr("5")));
  testing::write_text(file("cameras.npz"), text("cameras.npz").substr(0, 700));
  EXPECT_THAT(failure(), HasSubstr("cameras.npz"));
}

TEST_F(FormatsOfDatasets, RealityCaptureGivesTheSameCameras) {
  keep({"registration.csv"});
  EXPECT_TRUE(looks_like_scene(folder()));
  expect_the_scene(load_scene(folder()), SceneFormat::kRealityCapture, kRoundedAngles);
  expect_the_scene(
      load_scene(file("registration.csv")), SceneFormat::kRealityCapture, kRoundedAngles);
  testing::write_text(file("registration 2.csv"), "\xEF\xBB\xBF" + text("registration.csv"));
  testing::write_text(file("labels.csv"), "name,class\nview_0.png,3\n");
  EXPECT_THAT(load_scene(folder()).notes, ElementsAre(HasSubstr("registration 2.csv")));
  expect_the_scene(
      load_scene(file("registration 2.csv")), SceneFormat::kRealityCapture, kRoundedAngles);
}

// Heading, pitch and roll turn about z, x and y; all of them 0, the camera looks down, y ahead.
TEST_F(FormatsOfDatasets, RealityCapturesAnglesAndLensAreRead) {
  keep({"registration.csv"});
  const std::string columns = "#name,x,y,alt,heading,pitch,roll,f,px,py,k1,k2,k3,k4,t1,t2\n";
  testing::write_text(file("registration.csv"),
                      columns +
                          "view_0.png,1,2,3,0,0,0,36,0.01,-0.02,0,0,0,0,0,0\n"
                          "view_1.png,1,2,3,30,50,20,36,0,0,0.1,0.2,0.3,0,0.01,0.02\n"
                          "view_2.png,1,2,3,0,0,0,36,0,0,0.1,0.2,0.3,0.4,0.01,0.02\n"
                          "view_3.png,1,2,3,0,x,0,36,0,0,0,0,0,0,0,0\n"
                          "view_4.png,1,2,3\n");
  const Scene scene = load_scene(folder());
  ASSERT_EQ(scene.views.size(), 3);
  const Camera& down = scene.views[0].camera;
  EXPECT_EQ(down.fx, 256);  // film as wide as the picture
  EXPECT_NEAR(down.cx, 128 + 2.56, 1e-9);
  EXPECT_NEAR(down.cy, 128 - 5.12, 1e-9);
  const cv::Matx44d nadir(1, 0, 0, 1, 0, -1, 0, 2, 0, 0, -1, 3, 0, 0, 0, 1);
  EXPECT_LT(cv::norm(down.c2w - nadir, cv::NORM_INF), 1e-12);
  const auto turn = [](double degrees, const cv::Vec3d& axis) {
    cv::Matx33d rotation;
    cv::Rodrigues(axis * (degrees * CV_PI / 180), rotation);
    return rotation;
  };
  const cv::Matx33d turned = turn(-30, {0, 0, 1}) * turn(50, {1, 0, 0}) * turn(20, {0, 1, 0}) *
                             nadir.get_minor<3, 3>(0, 0);
  EXPECT_LT(cv::norm(scene.views[1].camera.c2w.get_minor<3, 3>(0, 0) - turned, cv::NORM_INF),
            1e-12);
  EXPECT_EQ(scene.views[1].lens.model, LensModel::kOpenCv);
  EXPECT_EQ(scene.views[1].lens.parameters, (std::vector<double>{0.1, 0.2, 0.01, 0.02, 0.3}));
  EXPECT_EQ(scene.views[2].lens.model, LensModel::kBrown);
  EXPECT_EQ(scene.views[2].lens.parameters, (std::vector<double>{0.1, 0.2, 0.01, 0.02, 0.3, 0.4}));
  EXPECT_THAT(scene.notes,
              Contains(AllOf(HasSubstr("line 5, column 'pitch'"), HasSubstr("line 6"))));
}

}  // namespace
}  // namespace parallax
