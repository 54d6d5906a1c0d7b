// `parallax scenes from-photos`: with a stand-in for COLMAP all that surrounds it, and with the
// real one, where it is installed, the cameras of renderings.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "core/base/child_process.h"
#include "core/image/image.h"
#include "tests/support/program.h"
#include "tests/support/scene_fixture.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/wait_until.h"
#include "vision/reconstruction/reconstruct.h"
#include "vision/reconstruction/sharpness.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/synth/primitives.h"
#include "vision/synth/scene_generator.h"
#include "vision/synth/scene_renderer.h"

namespace parallax::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

const std::string kFakeColmap =
    std::string(PARALLAX_SOURCE_DIR) + "/tests/vision/reconstruction/fake_colmap.sh";

class FromPhotos : public ::testing::Test {
 protected:
  FromPhotos() {
    fs::create_directories(photos());
    cv::RNG random(7);
    for (const char* name : {"p1.png", "p2.png", "p3.png", "p4.png", "other.png"}) {
      cv::Mat image(24, 32, CV_8UC3);
      random.fill(image, cv::RNG::UNIFORM, 0, 256);
      write_image(photos() / name, image);
    }
  }

  fs::path photos() const { return scratch_.path() / "photos"; }
  fs::path out() const { return scratch_.path() / "scene"; }
  std::string log() const { return read_bytes(scratch_.path() / "log"); }

  ProgramOptions options() const {
    ProgramOptions options;
    options.environment = environment_;
    options.environment.emplace_back("FAKE_LOG", (scratch_.path() / "log").string());
    return options;
  }
  std::vector<std::string> arguments() const {
    return {"scenes", "from-photos", photos().string(), out().string(), "--colmap", kFakeColmap};
  }
  ProgramResult run() const { return run_program_with(arguments(), options()); }

  ScratchFolder scratch_;
  std::vector<std::pair<std::string, std::string>> environment_;
};

// COLMAP would take the original's focal length in pixels for known.
TEST_F(FromPhotos, ResizedPhotographsAreHandedOverWithTheirOwnFocalPlane) {
  const fs::path images = fs::path(PARALLAX_SOURCE_DIR) / "tests/images";
  for (const char* name : {"p1.png", "p2.png", "p3.png", "p4.png"}) {
    fs::remove(photos() / name);
  }
  fs::create_directories(photos() / "day 2");
  fs::copy_file(images / "resized_canon.jpg", photos() / "p1.jpg");
  fs::copy_file(images / "described_canon.jpg", photos() / "p2.jpg");
  fs::copy_file(images / "photo.jpg", photos() / "p3.jpg");
  fs::copy_file(images / "resized_canon.jpg", photos() / "day 2" / "4.jpg");
  const ProgramResult result = run_program_with(
      {"scenes", "from-photos", photos(), out(), "--colmap", kFakeColmap, "--keep-blurred"},
      options());
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("2 of 5 photographs were resized"));
  const std::string described = read_bytes(images / "described_canon.jpg");
  EXPECT_EQ(read_bytes(out() / "images" / "p1.jpg"), described);
  EXPECT_EQ(read_bytes(out() / "images" / "p2.jpg"), described);
  EXPECT_EQ(read_bytes(out() / "images" / "p3.jpg"), read_bytes(images / "photo.jpg"));
  EXPECT_EQ(read_bytes(photos() / "p1.jpg"), read_bytes(images / "resized_canon.jpg"));
}

TEST_F(FromPhotos, TheLargestModelBecomesASceneThatLoads) {
  environment_ = {{"FAKE_OPTIONS", "--ImageReader.single_camera"}};
  const ProgramResult result = run();
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("of its 2 scenes the largest, of 4 photographs, is kept"));
  EXPECT_THAT(result.err,
              HasSubstr("1 of 5 photographs are left out because COLMAP could not place "
                        "them: other.png"));
  EXPECT_THAT(result.err, HasSubstr("4 of 5 photographs are now the scene"));
  EXPECT_THAT(result.err, HasSubstr("COLMAP 9.9"));
  const Scene scene = load_scene(out());
  EXPECT_EQ(scene.views.size(), 4U);
  EXPECT_FALSE(fs::exists(out() / ".reconstruction"));
  EXPECT_THAT(log(), HasSubstr("--ImageReader.single_camera 1"));
  // The folder is a scene now: it is not overwritten.
  const ProgramResult again = run();
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.err, HasSubstr("not empty"));
}

TEST_F(FromPhotos, OptionsAreThoseThatTheVersionHas) {
  environment_ = {{"FAKE_OPTIONS",
                   "--ImageReader.single_camera --SiftExtraction.use_gpu --SiftMatching.use_gpu"}};
  ASSERT_EQ(run().exit_code, 0);
  EXPECT_THAT(log(), HasSubstr("--SiftExtraction.use_gpu 0"));
  EXPECT_THAT(log(), HasSubstr("--SiftMatching.use_gpu 0"));
  EXPECT_THAT(log(), Not(HasSubstr("FeatureExtraction")));
  EXPECT_THAT(log(), Not(HasSubstr("num_threads")));
  fs::remove_all(out());
  fs::remove(scratch_.path() / "log");
  environment_ = {{"FAKE_OPTIONS",
                   "--FeatureExtraction.use_gpu --FeatureExtraction.num_threads "
                   "--FeatureMatching.use_gpu --SiftMatching.max_ratio"}};
  ASSERT_EQ(run().exit_code, 0);
  EXPECT_THAT(log(), HasSubstr("--FeatureExtraction.use_gpu 0"));
  EXPECT_THAT(log(), HasSubstr("--FeatureExtraction.num_threads"));
  EXPECT_THAT(log(), HasSubstr("--FeatureMatching.use_gpu 0"));
  EXPECT_THAT(log(), Not(HasSubstr("SiftExtraction.use_gpu")));
}

TEST_F(FromPhotos, BlurredAndDamagedPhotographsAreLeftOutAndNamed) {
  const cv::Mat image = read_image(fs::path(PARALLAX_SOURCE_DIR) /
                                   "assets/scenes/procedural_a/renderings/00000003_rgba.png");
  cv::Mat sharp;
  cv::Mat blurred;
  cv::resize(image, sharp, {256, 256}, 0, 0, cv::INTER_NEAREST);
  cv::GaussianBlur(sharp, blurred, {}, 6);
  EXPECT_GT(blur_effect(blurred), blur_effect(sharp) + 0.2);
  for (const char* name : {"p1.png", "p2.png", "p3.png", "p4.png", "other.png"}) {
    write_image(photos() / name, sharp);
  }
  write_image(photos() / "pblur.png", blurred);
  write_text(photos() / "damaged.jpg", "no image");
  write_text(photos() / "IMG_1.HEIC", "no image");
  write_text(photos() / ".hidden" / "p9.png", "no image");
  const ProgramResult result = run();
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err,
              HasSubstr("1 of 7 photographs are left out because they are blurred: pblur.png"));
  EXPECT_THAT(result.err, HasSubstr("1 of 7 photographs cannot be read: damaged.jpg"));
  EXPECT_THAT(result.err, HasSubstr("1 photographs are of formats that are not read"));
  EXPECT_THAT(log(), Not(HasSubstr("pblur.png")));
  EXPECT_THAT(log(), Not(HasSubstr("p9.png")));
}

TEST_F(FromPhotos, WhatColmapLacksOrFailsAtIsOneSentence) {
  std::vector<std::string> absent = arguments();
  absent.back() = "no-such-colmap";
  const ProgramResult missing = run_program_with(absent, options());
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err, HasSubstr("apt-get install colmap"));
  EXPECT_FALSE(fs::exists(out()));

  environment_ = {{"FAKE_FAILS", "exhaustive_matcher"}};
  const ProgramResult failed = run();
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_THAT(failed.err, HasSubstr("COLMAP 9.9 failed in its exhaustive_matcher"));
  EXPECT_THAT(failed.err, HasSubstr("exit code 3: first / the reason"));
  EXPECT_THAT(read_bytes(out() / ".reconstruction" / "log.txt"), HasSubstr("the reason"));

  environment_ = {{"FAKE_EMPTY", "1"}};
  const ProgramResult empty = run();
  EXPECT_EQ(empty.exit_code, 1);
  EXPECT_THAT(empty.err, HasSubstr("no scene in these photographs"));
  environment_.clear();
  EXPECT_EQ(run().exit_code, 0);  // the failed runs' folder is no obstacle
}

TEST_F(FromPhotos, StoppedItLeavesNoProcessAndGoesOnLater) {
  environment_ = {{"FAKE_HANGS", "mapper"}};
  RunningProgram program(arguments(), options());
  ASSERT_TRUE(wait_until([&] {
    return fs::exists(scratch_.path() / "log") && log().find("mapper") != std::string::npos;
  }));
  const ProgramResult other = run();
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_THAT(other.err, HasSubstr("another process is writing results into this folder"));
  program.send(SIGINT);
  const ProgramResult stopped = program.wait();
  EXPECT_EQ(stopped.exit_code, 1);
  EXPECT_THAT(stopped.err, HasSubstr("the same command goes on"));
  EXPECT_FALSE(fs::exists(out() / "sparse"));
  environment_.clear();
  const ProgramResult result = run();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(load_scene(out()).views.size(), 4U);
}

TEST_F(FromPhotos, TooFewPhotographsAreRefused) {
  for (const char* name : {"p1.png", "p2.png", "p3.png"}) {
    fs::remove(photos() / name);
  }
  const ProgramResult result = run();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("too few photographs"));
  EXPECT_EQ(run_program({"scenes", "from-photos"}).exit_code, 2);
  EXPECT_EQ(run_program({"scenes"}).exit_code, 2);
}

// The similarity (scale · rotation, translation) that takes points to others with least squares,
// after Umeyama, "Least-squares estimation of transformation parameters between two point
// patterns" (1991).
struct Similarity {
  double scale;
  cv::Matx33d rotation;
  cv::Vec3d translation;
};

Similarity align(const std::vector<cv::Vec3d>& from, const std::vector<cv::Vec3d>& to) {
  const double n = static_cast<double>(from.size());
  cv::Vec3d from_mean;
  cv::Vec3d to_mean;
  for (std::size_t i = 0; i < from.size(); ++i) {
    from_mean += from[i] * (1 / n);
    to_mean += to[i] * (1 / n);
  }
  cv::Matx33d covariance = cv::Matx33d::zeros();
  double variance = 0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    covariance += (to[i] - to_mean) * (from[i] - from_mean).t() * (1 / n);
    variance += (from[i] - from_mean).dot(from[i] - from_mean) / n;
  }
  cv::Matx33d u;
  cv::Matx33d vt;
  cv::Matx31d w;
  cv::SVD::compute(covariance, w, u, vt);
  cv::Matx33d sign = cv::Matx33d::eye();
  sign(2, 2) = cv::determinant(u) * cv::determinant(vt) < 0 ? -1 : 1;
  Similarity result;
  result.rotation = u * sign * vt;
  result.scale = (w(0) + w(1) + w(2) * sign(2, 2)) / variance;
  result.translation = to_mean - result.scale * (result.rotation * from_mean);
  return result;
}

cv::Vec3d centre_of(const Camera& camera) {
  return {camera.c2w(0, 3), camera.c2w(1, 3), camera.c2w(2, 3)};
}

// A lumpy ball on a plate, both with an image of noise at all scales.
RenderScene textured_scene() {
  cv::RNG random(11);
  cv::Mat sum(512, 512, CV_32FC3, cv::Scalar::all(0));
  for (int cells = 8; cells <= 64; cells *= 2) {
    cv::Mat noise(cells, cells, CV_32FC3);
    random.fill(noise, cv::RNG::UNIFORM, -70, 70);
    cv::resize(noise, noise, sum.size(), 0, 0, cv::INTER_CUBIC);
    sum += noise;
  }
  cv::Mat image;
  cv::Mat(sum + cv::Scalar::all(128)).convertTo(image, CV_8UC3);
  RenderScene scene;
  scene.lighting = Lighting{cv::Vec3f::all(0.9F), cv::Vec3f::all(0.7F), {}, 0};
  constexpr int kSteps = 48;
  for (const bool ball : {true, false}) {
    RenderPart part;
    part.texture.colors[0] = cv::Vec3f::all(1);
    part.image.pixels = image;
    for (int i = 0; i <= kSteps; ++i) {
      for (int j = 0; j <= kSteps; ++j) {
        const float u = static_cast<float>(i) / kSteps;
        const float v = static_cast<float>(j) / kSteps;
        const float a = 2 * static_cast<float>(CV_PI) * u;
        const float b = static_cast<float>(CV_PI) * v;
        const float radius = 0.5F + 0.06F * std::sin(3 * a) * std::sin(b) + 0.05F * std::cos(5 * b);
        part.mesh.vertices.push_back(
            ball ? cv::Vec3f(std::cos(a) * std::sin(b), std::sin(a) * std::sin(b), std::cos(b)) *
                       radius
                 : cv::Vec3f(1.8F * u - 0.9F, 1.8F * v - 0.9F, -0.45F));
        part.image.uvs.push_back(ball ? cv::Vec2f(2 * u, v) : cv::Vec2f(u + 0.37F, v + 0.21F));
      }
    }
    for (int i = 0; i < kSteps; ++i) {
      for (int j = 0; j < kSteps; ++j) {
        const int first = i * (kSteps + 1) + j;
        part.mesh.faces.emplace_back(first, first + 1, first + kSteps + 2);
        part.mesh.faces.emplace_back(first, first + kSteps + 2, first + kSteps + 1);
      }
    }
    compute_corner_normals(&part.mesh);
    scene.parts.push_back(std::move(part));
  }
  return scene;
}

TEST(FromPhotosWithColmap, FindsTheCamerasOfRenderings) {
  if (find_program("colmap").empty()) {
    GTEST_SKIP() << "colmap is not installed";
  }
  const ScratchFolder scratch;
  const fs::path photos = scratch.path() / "photos";
  std::map<std::string, Camera> truth;
  const SceneRenderer renderer(textured_scene());
  for (int i = 0; i < 18; ++i) {
    const Camera camera = orbit_camera(i * 20, 40 + 5 * (i % 2), 2.6, 42, 360, 480);
    cv::Mat rgb;
    cv::cvtColor(to_rgba8(renderer.render(camera, 2)), rgb, cv::COLOR_RGBA2RGB);
    const std::string name = "view_" + std::string(i < 10 ? "0" : "") + std::to_string(i) + ".png";
    fs::create_directories(photos);
    write_image(photos / name, rgb);
    truth[name] = camera;
  }
  const fs::path out = scratch.path() / "scene";
  const ProgramResult result =
      run_program({"scenes", "from-photos", photos.string(), out.string()});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Scene scene = load_scene(out);
  EXPECT_EQ(scene.views.size(), truth.size()) << result.err;
  std::vector<cv::Vec3d> found;
  std::vector<cv::Vec3d> expected;
  for (const View& view : scene.views) {
    found.push_back(centre_of(view.camera));
    expected.push_back(centre_of(truth.at(view.name)));
  }
  const Similarity similarity = align(found, expected);
  double worst_angle = 0;
  double worst_distance = 0;
  for (std::size_t i = 0; i < scene.views.size(); ++i) {
    const Camera& camera = truth.at(scene.views[i].name);
    const cv::Matx33d rotation =
        similarity.rotation * scene.views[i].camera.c2w.get_minor<3, 3>(0, 0);
    const cv::Matx33d between = rotation.t() * camera.c2w.get_minor<3, 3>(0, 0);
    const double cosine = (cv::trace(between) - 1) / 2;
    worst_angle = std::max(worst_angle, std::acos(std::clamp(cosine, -1.0, 1.0)) * 180 / CV_PI);
    const cv::Vec3d centre =
        similarity.scale * (similarity.rotation * found[i]) + similarity.translation;
    worst_distance = std::max(worst_distance, cv::norm(centre - expected[i]));
  }
  RecordProperty("worst_angle_degrees", std::to_string(worst_angle));
  EXPECT_LT(worst_angle, 0.5);
  EXPECT_LT(worst_distance, 0.01 * 1.8);  // of the plate's width
  printf("COLMAP: %zu views, within %.3f degrees and %.4f of 1.8\n",
         scene.views.size(),
         worst_angle,
         worst_distance);
}

}  // namespace
}  // namespace parallax::testing
