// Families of procedural scenes, their images, and their form in training and on disk.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <opencv2/core.hpp>
#include <thread>

#include "core/base/error.h"
#include "core/image/image.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/synth/multi_view_sample.h"
#include "vision/synth/scene_writer.h"

namespace parallax {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr int kThreads = 4;
constexpr int kScenes = 6;

// Full ambient light and no lamps: colours are unchanged.
Lighting flat_light() {
  Lighting lighting;
  lighting.sky = cv::Vec3f::all(1);
  lighting.ground = cv::Vec3f::all(1);
  return lighting;
}

RenderPart part_of(PrimitiveKind kind,
                   const cv::Vec3f& half_size,
                   const cv::Vec3f& position,
                   const cv::Vec3f& color) {
  Primitive primitive;
  primitive.kind = kind;
  primitive.half_size = half_size;
  RenderPart part;
  part.mesh = build_primitive(primitive);
  for (cv::Vec3f& p : part.mesh.vertices) {
    p += position;
  }
  part.texture.colors[0] = color;
  return part;
}

bool same_pixels(const cv::Mat& a, const cv::Mat& b) {
  return a.size() == b.size() && a.type() == b.type() && cv::norm(a, b, cv::NORM_INF) == 0;
}

// Area in pixels of an ellipsoid's outline (half axes along x, y, z; centre at the origin): the
// image of its dual quadric is the dual conic of the outline.
double outline_area(const cv::Vec3d& half, const Camera& camera) {
  const cv::Matx33d rotation = camera.c2w.get_minor<3, 3>(0, 0).t();
  const cv::Vec3d translation = -(rotation * camera.position());
  const cv::Matx33d intrinsics = {camera.fx, 0, camera.cx, 0, camera.fy, camera.cy, 0, 0, 1};
  const cv::Matx33d turned = intrinsics * rotation;
  const cv::Vec3d moved = intrinsics * translation;
  cv::Matx33d dual = turned * cv::Matx33d::diag(half.mul(half)) * turned.t() - moved * moved.t();
  dual *= -1 / dual(2, 2);
  const cv::Vec2d center = {-dual(0, 2), -dual(1, 2)};
  const double xx = dual(0, 0) + center[0] * center[0];
  const double xy = dual(0, 1) + center[0] * center[1];
  const double yy = dual(1, 1) + center[1] * center[1];
  return kPi * std::sqrt(xx * yy - xy * xy);
}

TEST(SynthRenderer, EllipsoidsCoverTheirProjectedArea) {
  for (const cv::Vec3f& half : {cv::Vec3f(0.6F, 0.6F, 0.6F), cv::Vec3f(0.8F, 0.4F, 0.55F)}) {
    RenderScene scene;
    scene.lighting = flat_light();
    scene.parts.push_back(part_of(PrimitiveKind::kEllipsoid, half, {}, {1, 0, 0}));
    const SceneRenderer renderer(scene);
    for (const double azimuth : {0.0, 35.0, 200.0}) {
      const Camera camera = orbit_camera(azimuth, 20, 2.7, 50, 96, 128);
      const cv::Mat picture = renderer.render(camera, 4);
      // 48 edges around the solid lose 0.3 % of its area.
      EXPECT_NEAR(cv::sum(picture)[3] / outline_area(half, camera), 1, 0.006);
    }
  }
}

TEST(SynthRenderer, NearThingsHideFarOnes) {
  RenderScene scene;
  scene.lighting = flat_light();
  const cv::Vec3f half = cv::Vec3f::all(0.2F);
  scene.parts.push_back(part_of(PrimitiveKind::kBox, half, {0.5F, 0, 0}, {1, 0, 0}));
  scene.parts.push_back(part_of(PrimitiveKind::kBox, half, {-0.5F, 0, 0}, {0, 1, 0}));
  const auto views = render_scene(
      scene, {orbit_camera(0, 0, 2.7, 50, 33, 33), orbit_camera(180, 0, 2.7, 50, 33, 33)}, 2);
  EXPECT_EQ(views[0].at<cv::Vec4b>(16, 16), cv::Vec4b(255, 0, 0, 255));
  EXPECT_EQ(views[1].at<cv::Vec4b>(16, 16), cv::Vec4b(0, 255, 0, 255));
}

TEST(SynthRenderer, ThePictureIsTheRightWayAround) {
  RenderScene scene;
  scene.lighting = flat_light();
  const cv::Vec3f half = cv::Vec3f::all(0.1F);
  // Seen from +x with z up, +y is on the right.
  scene.parts.push_back(part_of(PrimitiveKind::kBox, half, {0, 0.5F, 0}, {1, 0, 0}));
  scene.parts.push_back(part_of(PrimitiveKind::kBox, half, {0, 0, 0.5F}, {0, 0, 1}));
  const auto views = render_scene(scene, {orbit_camera(0, 0, 2.7, 50, 64, 64)}, 2);
  const int offset = static_cast<int>(0.5 / 2.7 * 32 / std::tan(25 * kPi / 180));
  EXPECT_EQ(views[0].at<cv::Vec4b>(32, 32 + offset), cv::Vec4b(255, 0, 0, 255));
  EXPECT_EQ(views[0].at<cv::Vec4b>(32 - offset, 32), cv::Vec4b(0, 0, 255, 255));
  EXPECT_EQ(views[0].at<cv::Vec4b>(32, 32 - offset)[3], 0);
}

TEST(SynthRenderer, AlphaIsStraight) {
  RenderScene scene;
  scene.lighting = flat_light();
  scene.parts.push_back(
      part_of(PrimitiveKind::kEllipsoid, cv::Vec3f::all(0.7F), {}, {0.2F, 0.6F, 1}));
  const cv::Mat view = render_scene(scene, {orbit_camera(10, 30, 2.7, 50, 48, 48)}, 3)[0];
  int partial = 0;
  for (int y = 0; y < view.rows; ++y) {
    for (int x = 0; x < view.cols; ++x) {
      const cv::Vec4b& p = view.at<cv::Vec4b>(y, x);
      if (p[3] == 0) {
        EXPECT_EQ(p, cv::Vec4b(0, 0, 0, 0));
      } else {
        // The edge has the object's own colour, however little of it covers the pixel.
        EXPECT_EQ(p, cv::Vec4b(51, 153, 255, p[3]));
        partial += p[3] < 255 ? 1 : 0;
      }
    }
  }
  EXPECT_GT(partial, 20);
}

TEST(SynthRenderer, LampsCastShadows) {
  RenderScene scene;
  scene.lighting = flat_light();
  scene.lighting.sky = scene.lighting.ground = cv::Vec3f::all(0.5F);
  scene.lighting.lamps = {{{0, 0, 1}, cv::Vec3f::all(0.5F), 0.1F}};
  scene.parts.push_back(
      part_of(PrimitiveKind::kPlate, {0.8F, 0.8F, 0.05F}, {0, 0, -0.3F}, {1, 1, 1}));
  scene.parts.push_back(
      part_of(PrimitiveKind::kPlate, {0.2F, 0.2F, 0.05F}, {-0.3F, 0, 0.5F}, {0, 0, 1}));
  // From the +x side the shadow on the large plate is visible.
  const std::vector<Camera> cameras = {orbit_camera(0, 30, 2.7, 50, 64, 64)};
  const cv::Mat bright = render_scene(scene, cameras, 2)[0];
  scene.lighting.shadow_strength = 1;
  const cv::Mat shadowed = render_scene(scene, cameras, 2)[0];
  int darker = 0;
  int brighter = 0;
  for (int i = 0; i < 64 * 64; ++i) {
    const int change =
        shadowed.at<cv::Vec4b>(i / 64, i % 64)[0] - bright.at<cv::Vec4b>(i / 64, i % 64)[0];
    darker += change < -60 ? 1 : 0;
    brighter += change > 1 ? 1 : 0;
  }
  EXPECT_GT(darker, 15);
  EXPECT_EQ(brighter, 0);
}

TEST(SynthRenderer, MoreSamplesConverge) {
  const SceneRenderer renderer(build_scene(describe_scene(simple_family(), 4)));
  const Camera camera = orbit_camera(70, 25, 2.7, 50, 32, 32);
  const cv::Mat fine = renderer.render(camera, 16);
  EXPECT_LT(cv::norm(renderer.render(camera, 4), fine, cv::NORM_L1),
            cv::norm(renderer.render(camera, 1), fine, cv::NORM_L1));
}

TEST(SynthRenderer, CamerasInsideTheSceneWork) {
  // The only check is that all pixels see the box from within.
  RenderScene scene;
  scene.lighting = flat_light();
  scene.parts.push_back(part_of(PrimitiveKind::kBox, cv::Vec3f::all(1), {}, {1, 1, 1}));
  const cv::Mat view = render_scene(scene, {orbit_camera(0, 0, 0.5, 50, 17, 19)}, 2)[0];
  EXPECT_EQ(cv::sum(view)[3], 255 * 17 * 19);
}

TEST(SynthRenderer, RefusesWhatCannotBeRendered) {
  EXPECT_THROW(SceneRenderer(RenderScene{}), Error);
  const SceneRenderer renderer(build_scene(describe_scene(simple_family(), 1)));
  EXPECT_THROW(renderer.render(orbit_camera(0, 0, 2.7, 50, 8, 8), 0), Error);
  EXPECT_THROW(renderer.render(orbit_camera(0, 0, 2.7, 50, 8, 8), 17), Error);
  EXPECT_THROW(renderer.render(Camera{}, 2), Error);
}

TEST(SynthFamily, SameSeedSamePixels) {
  for (const SceneFamily& family : {simple_family(), mixed_family()}) {
    const auto once =
        render_scene(describe_scene(family, 11), sample_cameras(family, 11, 2, 40, 40), 2);
    const auto again =
        render_scene(describe_scene(family, 11), sample_cameras(family, 11, 2, 40, 40), 2);
    const auto other =
        render_scene(describe_scene(family, 12), sample_cameras(family, 11, 2, 40, 40), 2);
    EXPECT_TRUE(same_pixels(once[0], again[0]));
    EXPECT_TRUE(same_pixels(once[1], again[1]));
    EXPECT_FALSE(same_pixels(once[0], other[0]));
    EXPECT_FALSE(same_pixels(once[0], once[1]));
  }
}

TEST(SynthFamily, SeedsKeepTheirMeaning) {
  // Model cards identify held-out scenes by their seeds: a deliberate change of the generator must
  // change these values and the cards.
  EXPECT_EQ(fingerprint(describe_scene(simple_family(), 0)), 4716224390200687258ULL);
  EXPECT_EQ(fingerprint(describe_scene(mixed_family(), 0)), 9215404366253884730ULL);
  EXPECT_NE(fingerprint(describe_scene(simple_family(), 1)),
            fingerprint(describe_scene(simple_family(), 2)));
}

TEST(SynthFamily, ScenesKeepToTheirRanges) {
  for (const double difficulty : {0.0, 0.3, 1.0}) {
    const SceneFamily family = family_at(difficulty);
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      const SceneDescription description = describe_scene(family, seed);
      const int num_parts = static_cast<int>(description.parts.size());
      EXPECT_GE(num_parts, family.min_parts);
      EXPECT_LE(num_parts, family.max_parts);
      for (const ScenePart& part : description.parts) {
        EXPECT_GT(family.kind_weights[static_cast<int>(part.primitive.kind)], 0);
      }
      double reach = 0;
      for (const RenderPart& part : build_scene(description).parts) {
        EXPECT_TRUE(is_closed(part.mesh));
        for (const cv::Vec3f& p : part.mesh.vertices) {
          reach = std::max(reach, cv::norm(p));
        }
      }
      EXPECT_GE(reach, family.object_radius.low - 1e-4);
      EXPECT_LE(reach, family.object_radius.high + 1e-4);
    }
  }
}

TEST(SynthFamily, CamerasKeepToTheirRanges) {
  for (const SceneFamily& family : {simple_family(), mixed_family()}) {
    for (const Camera& camera : sample_cameras(family, 3, 200, 48, 64)) {
      const cv::Vec3d position = camera.position();
      const double radius = cv::norm(position);
      const double elevation = std::asin(position[2] / radius) * 180 / kPi;
      EXPECT_GE(radius, family.camera_radius.low - 1e-9);
      EXPECT_LE(radius, family.camera_radius.high + 1e-9);
      EXPECT_GE(elevation, family.elevation.low - 1e-9);
      EXPECT_LE(elevation, family.elevation.high + 1e-9);
      EXPECT_NEAR(2 * std::atan(24 / camera.fx) * 180 / kPi, 50, 1e-9);
      const cv::Vec3d forward = {camera.c2w(0, 2), camera.c2w(1, 2), camera.c2w(2, 2)};
      EXPECT_NEAR(forward.dot(position), -radius, 1e-9);
      EXPECT_NEAR(cv::determinant(camera.c2w), 1, 1e-9);
      EXPECT_EQ(camera.c2w(2, 0), 0);  // upright: the right axis is level
      EXPECT_LE(camera.c2w(2, 1), 0);  // and the image's down points down
    }
  }
  EXPECT_EQ(simple_family().camera_radius.low, 2.7);
  EXPECT_EQ(simple_family().camera_radius.high, 2.7);
}

TEST(SynthFamily, NamesAndDifficulties) {
  EXPECT_EQ(family_by_name("simple").max_parts, 3);
  EXPECT_EQ(family_by_name("mixed").max_parts, mixed_family().max_parts);
  EXPECT_EQ(family_by_name("0.5").max_parts, family_at(0.5).max_parts);
  EXPECT_EQ(family_at(1).name, "mixed");
  EXPECT_EQ(fingerprint(describe_scene(family_at(0), 5)),
            fingerprint(describe_scene(simple_family(), 5)));
  EXPECT_EQ(fingerprint(describe_scene(family_at(1), 5)),
            fingerprint(describe_scene(mixed_family(), 5)));
  for (const char* name : {"", "hard", "1.5", "-0.1", "nan", "0.5x"}) {
    EXPECT_THROW(family_by_name(name), UsageError) << name;
  }
  EXPECT_THROW(family_at(1.01), Error);
  EXPECT_EQ(parse_difficulty_range("mixed").low, 1);
  EXPECT_EQ(parse_difficulty_range("0.25-0.5").low, 0.25);
  EXPECT_EQ(parse_difficulty_range("0.25-0.5").high, 0.5);
  for (const char* range : {"0.5-0.25", "0-", "0-2", "-0.1-0.5"}) {
    EXPECT_THROW(parse_difficulty_range(range), UsageError) << range;
  }
  int previous = 0;
  for (int i = 0; i <= 10; ++i) {
    EXPECT_GE(family_at(i / 10.0).max_parts, previous);
    previous = family_at(i / 10.0).max_parts;
  }
}

TEST(SynthSample, HasTheStatedShapesAndValues) {
  SceneFamily family = simple_family();
  family.background = {0, 0.5F, 1};
  const MultiViewSample sample = sample_scene(family, 5, 3, 24, 32, 2);
  EXPECT_EQ(sample.images.sizes(), (std::vector<std::int64_t>{3, 3, 24, 32}));
  EXPECT_EQ(sample.alpha.sizes(), (std::vector<std::int64_t>{3, 1, 24, 32}));
  EXPECT_EQ(sample.fxfycxcy.sizes(), (std::vector<std::int64_t>{3, 4}));
  EXPECT_EQ(sample.c2w.sizes(), (std::vector<std::int64_t>{3, 4, 4}));
  EXPECT_GE(sample.images.min().item<float>(), 0);
  EXPECT_LE(sample.images.max().item<float>(), 1 + 1e-6);
  EXPECT_GT(sample.alpha.mean().item<float>(), 0.03);
  const Tensor corner = sample.images[0].slice(1, 0, 1).slice(2, 0, 1).flatten();
  EXPECT_TRUE(torch::equal(corner, torch::tensor({0.0F, 0.5F, 1.0F})));
  // The image on disk is the same, in 8 bits.
  const auto cameras = sample_cameras(family, 5, 3, 24, 32);
  const cv::Mat view = render_scene(describe_scene(family, 5), cameras, 2)[1];
  for (int y = 0; y < 24; ++y) {
    for (int x = 0; x < 32; ++x) {
      EXPECT_NEAR(view.at<cv::Vec4b>(y, x)[3] / 255.0,
                  sample.alpha[1][0][y][x].item<float>(),
                  0.5 / 255 + 1e-6);
    }
  }
  EXPECT_NEAR(sample.c2w[2][0][3].item<double>(), cameras[2].c2w(0, 3), 1e-6);
  EXPECT_NEAR(sample.fxfycxcy[0][2].item<double>(), 16, 1e-6);
}

TEST(SynthSample, ThreadsDoNotDisturbEachOther) {
  const SceneFamily family = family_at(0.6);
  std::vector<Tensor> alone;
  alone.reserve(kScenes);
  for (int i = 0; i < kScenes; ++i) {
    alone.push_back(sample_scene(family, i, 2, 16, 16, 2).images);
  }
  std::vector<std::vector<Tensor>> together(kThreads);
  {
    std::vector<std::jthread> threads;
    threads.reserve(kThreads);
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kScenes; ++i) {
          together[t].push_back(sample_scene(family, i, 2, 16, 16, 2).images);
        }
      });
    }
  }
  for (const auto& results : together) {
    ASSERT_EQ(results.size(), alone.size());
    for (int i = 0; i < kScenes; ++i) {
      EXPECT_TRUE(torch::equal(results[i], alone[i]));
    }
  }
}

TEST(SynthSample, RefusesNoViewsAndMixedSizes) {
  EXPECT_THROW(sample_scene(simple_family(), 0, 0, 16, 16, 2), Error);
  EXPECT_THROW(sample_scene(simple_family(), 0, 1, 0, 16, 2), Error);
  const SceneRenderer renderer(build_scene(describe_scene(simple_family(), 1)));
  EXPECT_THROW(render_sample(renderer,
                             {orbit_camera(0, 0, 2.7, 50, 8, 8), orbit_camera(0, 0, 2.7, 50, 8, 9)},
                             cv::Vec3f::all(1),
                             1),
               Error);
}

TEST(SynthWriter, WritesASceneThatLoads) {
  const std::filesystem::path folder =
      std::filesystem::path(::testing::TempDir()) / "parallax_synth_writer";
  std::filesystem::remove_all(folder);
  SceneWriteOptions options;
  options.seed = 9;
  options.num_views = 3;
  options.height = 20;
  options.width = 24;
  options.samples = 2;
  int done = 0;
  options.on_view = [&](int count) { done = count; };
  write_scene(describe_scene(simple_family(), 9), options, folder);
  EXPECT_EQ(done, 3);
  const Scene scene = load_scene(folder);
  ASSERT_EQ(scene.views.size(), 3U);
  const auto cameras = sample_cameras(options.family, 9, 3, 20, 24);
  const auto pictures = render_scene(describe_scene(simple_family(), 9), cameras, 2);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(scene.views[i].image_path.filename(), "0000000" + std::to_string(i) + "_rgba.png");
    EXPECT_TRUE(same_pixels(read_image(scene.views[i].image_path), pictures[i]));
    EXPECT_LT(cv::norm(scene.views[i].camera.c2w - cameras[i].c2w), 1e-6);
    EXPECT_NEAR(scene.views[i].camera.fx, cameras[i].fx, 1e-6);
  }
  options.num_views = 0;
  EXPECT_THROW(write_scene(describe_scene(simple_family(), 9), options, folder), Error);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace parallax
