// Families of procedural scenes: the ranges that scenes and cameras are drawn from, between the
// narrow `simple` and the rich `mixed`.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "vision/scene/camera.h"
#include "vision/synth/scene_description.h"

namespace parallax {

// A range of values, both ends included.
struct Interval {
  double low = 0;
  double high = 0;
};

// The ranges and probabilities that scenes and their cameras are drawn from.
struct SceneFamily {
  std::string name;
  int min_parts = 1;
  int max_parts = 1;
  std::array<double, kNumPrimitiveKinds>
      kind_weights{};               // relative frequencies, PrimitiveKind's order
  double texture_detail = 0;        // 0: plain colours … 1: fine patterns nearly everywhere
  double rounding_probability = 0;  // rounded edges; prisms and frustums for round solids
  double displacement_probability = 0;
  double cut_probability = 0;
  double tilt_probability = 0;  // of any orientation rather than upright
  double shadow_strength = 0;
  Interval object_radius;  // of the sphere about the origin that holds the scene
  Interval camera_radius;
  Interval elevation;                        // degrees above the horizon
  double field_of_view = 50;                 // degrees, across the image's shorter side
  cv::Vec3f background = cv::Vec3f::all(1);  // RGB in [0, 1]
};

// 1–3 plain boxes, ellipsoids, cylinders and cones; cameras at radius 2.7, elevation 0–60°.
SceneFamily simple_family();

// 3–12 parts of all kinds, patterned, rough and cut; cameras at 2.2–3.2.
SceneFamily mixed_family();

// `simple` at 0, `mixed` at 1, ranges and probabilities interpolated between. Throws Error outside
// that range.
SceneFamily family_at(double difficulty);

// "simple", "mixed", or a difficulty in [0, 1]. Throws UsageError for anything else.
SceneFamily family_by_name(const std::string& name);

// Also accepts a range of difficulties such as 0-0.5. Throws UsageError.
Interval parse_difficulty_range(const std::string& text);

// The scene of a seed: the same family and seed always give the same values.
SceneDescription describe_scene(const SceneFamily& family, std::uint64_t seed);

// The cameras of a seed, drawn independently, all looking at the origin.
std::vector<Camera> sample_cameras(const SceneFamily& family,
                                   std::uint64_t seed,
                                   int num_views,
                                   int height,
                                   int width);

// A camera that looks at the origin, z up; angles in degrees, field of view across the image's
// shorter side.
Camera orbit_camera(double azimuth,
                    double elevation,
                    double radius,
                    double field_of_view,
                    int height,
                    int width);

}  // namespace parallax
