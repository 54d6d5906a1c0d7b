// The presets, interpolation between them, and their cameras.
#include <cmath>
#include <cstdlib>

#include "core/base/error.h"
#include "vision/synth/random.h"
#include "vision/synth/scene_generator.h"

namespace parallax {

namespace {

constexpr std::uint64_t kCameraStream = 100;  // different from the streams in describe_scene
constexpr double kDegrees = 3.14159265358979323846 / 180;

double lerp(double a, double b, double t) { return a + (b - a) * t; }

Interval lerp(const Interval& a, const Interval& b, double t) {
  return {lerp(a.low, b.low, t), lerp(a.high, b.high, t)};
}

int lerp_count(int a, int b, double t) { return static_cast<int>(std::lround(lerp(a, b, t))); }

double parse_difficulty(const std::string& name) {
  if (name == "simple" || name == "mixed") {
    return name == "simple" ? 0 : 1;
  }
  char* end = nullptr;
  const double difficulty = std::strtod(name.c_str(), &end);
  if (name.empty() || *end != '\0' || !(difficulty >= 0 && difficulty <= 1)) {
    throw UsageError(ErrorParts{.what = "there is no such family of scenes",
                                .expected = "'simple', 'mixed' or a difficulty from 0 to 1",
                                .got = "'" + name + "'"});
  }
  return difficulty;
}

}  // namespace

SceneFamily simple_family() {
  SceneFamily family;
  family.name = "simple";
  family.min_parts = 1;
  family.max_parts = 3;
  family.kind_weights = {0.3, 0.4, 0.2, 0.1, 0, 0, 0};
  family.rounding_probability = 0.3;
  family.tilt_probability = 0.3;
  family.object_radius = {0.86, 1.04};
  family.camera_radius = {2.7, 2.7};
  family.elevation = {0, 60};
  return family;
}

SceneFamily mixed_family() {
  SceneFamily family = simple_family();
  family.name = "mixed";
  family.min_parts = 3;
  family.max_parts = 12;
  family.kind_weights = {0.17, 0.2, 0.15, 0.12, 0.12, 0.12, 0.12};
  family.texture_detail = 1;
  family.rounding_probability = 0.4;
  family.displacement_probability = 0.25;
  family.cut_probability = 0.25;
  family.tilt_probability = 0.6;
  family.shadow_strength = 0.8;
  family.object_radius = {0.85, 0.93};
  family.camera_radius = {2.2, 3.2};
  family.elevation = {-10, 70};
  return family;
}

SceneFamily family_at(double difficulty) {
  if (!(difficulty >= 0 && difficulty <= 1)) {
    throw Error(ErrorParts{.what = "the scenes' difficulty is out of range",
                           .expected = "a number from 0 (simple) to 1 (mixed)",
                           .got = std::to_string(difficulty)});
  }
  const SceneFamily a = simple_family();
  const SceneFamily b = mixed_family();
  const double t = difficulty;
  SceneFamily family = t < 1 ? a : b;
  if (t > 0 && t < 1) {
    family.name = "difficulty " + std::to_string(difficulty);
  }
  family.min_parts = lerp_count(a.min_parts, b.min_parts, t);
  family.max_parts = lerp_count(a.max_parts, b.max_parts, t);
  for (int i = 0; i < kNumPrimitiveKinds; ++i) {
    family.kind_weights[i] = lerp(a.kind_weights[i], b.kind_weights[i], t);
  }
  for (const auto member : {&SceneFamily::texture_detail,
                            &SceneFamily::rounding_probability,
                            &SceneFamily::displacement_probability,
                            &SceneFamily::cut_probability,
                            &SceneFamily::tilt_probability,
                            &SceneFamily::shadow_strength,
                            &SceneFamily::field_of_view}) {
    family.*member = lerp(a.*member, b.*member, t);
  }
  for (const auto member :
       {&SceneFamily::object_radius, &SceneFamily::camera_radius, &SceneFamily::elevation}) {
    family.*member = lerp(a.*member, b.*member, t);
  }
  return family;
}

SceneFamily family_by_name(const std::string& name) { return family_at(parse_difficulty(name)); }

Interval parse_difficulty_range(const std::string& text) {
  const size_t dash = text.find('-', 1);
  if (dash == std::string::npos) {
    const double difficulty = parse_difficulty(text);
    return {difficulty, difficulty};
  }
  const Interval range = {parse_difficulty(text.substr(0, dash)),
                          parse_difficulty(text.substr(dash + 1))};
  if (range.low > range.high) {
    throw UsageError(ErrorParts{.what = "the range of difficulties runs backwards",
                                .expected = "the lower one first",
                                .got = "'" + text + "'"});
  }
  return range;
}

Camera orbit_camera(double azimuth,
                    double elevation,
                    double radius,
                    double field_of_view,
                    int height,
                    int width) {
  if (height <= 0 || width <= 0 || !(radius > 0) || !(field_of_view > 0 && field_of_view < 180)) {
    throw Error(ErrorParts{.what = "a camera is impossible",
                           .expected = "positive image size and radius, field of view below 180",
                           .got = std::to_string(height) + "x" + std::to_string(width) +
                                  ", radius " + std::to_string(radius) + ", field of view " +
                                  std::to_string(field_of_view)});
  }
  const double a = azimuth * kDegrees;
  const double e = elevation * kDegrees;
  const cv::Vec3d outward = {std::cos(e) * std::cos(a), std::cos(e) * std::sin(a), std::sin(e)};
  // Written in terms of the angles, these axes are defined at the poles too.
  const cv::Vec3d right = {-std::sin(a), std::cos(a), 0};
  const cv::Vec3d forward = -outward;
  const cv::Vec3d down = forward.cross(right);
  Camera camera;
  camera.height = height;
  camera.width = width;
  camera.fx = 0.5 * std::min(height, width) / std::tan(0.5 * field_of_view * kDegrees);
  camera.fy = camera.fx;
  camera.cx = 0.5 * width;
  camera.cy = 0.5 * height;
  for (int i = 0; i < 3; ++i) {
    camera.c2w(i, 0) = right[i];
    camera.c2w(i, 1) = down[i];
    camera.c2w(i, 2) = forward[i];
    camera.c2w(i, 3) = radius * outward[i];
  }
  return camera;
}

std::vector<Camera> sample_cameras(const SceneFamily& family,
                                   std::uint64_t seed,
                                   int num_views,
                                   int height,
                                   int width) {
  Random random = Random(seed).fork(kCameraStream);
  std::vector<Camera> cameras;
  for (int i = 0; i < num_views; ++i) {
    const double azimuth = random.uniform(0, 360);
    const double elevation = random.uniform(family.elevation.low, family.elevation.high);
    const double radius = random.uniform(family.camera_radius.low, family.camera_radius.high);
    cameras.push_back(
        orbit_camera(azimuth, elevation, radius, family.field_of_view, height, width));
  }
  return cameras;
}

}  // namespace parallax
