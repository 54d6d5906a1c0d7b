// Colour, opacity and light of a part's surface at one of its points.
#pragma once

#include "vision/synth/render_scene.h"

namespace parallax {

// A point of a part.
struct SurfacePoint {
  cv::Vec3i corners;  // the face's vertices
  cv::Vec3f weights;  // barycentric
  cv::Vec3f world;
};

// RGB in [0, 1] as displayed; emission may exceed 1.
cv::Vec3f surface_color(const RenderPart& part, const SurfacePoint& point);
cv::Vec3f surface_emission(const RenderPart& part, const SurfacePoint& point);

// Opacity in [0, 1]: 0 or 1 for masked surfaces, 1 for opaque ones. Does not use `point.world`.
float surface_alpha(const RenderPart& part, const SurfacePoint& point);

// One component of linear light as displayed, and back (sRGB, IEC 61966-2-1).
float displayed_from_linear(float value);
float linear_from_displayed(float value);

}  // namespace parallax
