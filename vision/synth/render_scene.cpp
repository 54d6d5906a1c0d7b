// Builds geometry from descriptions.
#include "vision/synth/render_scene.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace parallax {

RenderScene build_scene(const SceneDescription& description) {
  RenderScene scene;
  scene.lighting = description.lighting;
  for (const ScenePart& source : description.parts) {
    RenderPart part;
    part.mesh = build_primitive(source.primitive);
    for (cv::Vec3f& p : part.mesh.vertices) {
      p = source.rotation * p + source.position;
    }
    for (cv::Vec3f& n : part.mesh.corner_normals) {
      n = source.rotation * n;
    }
    part.texture = source.texture;
    part.object_from_world = source.rotation.t();
    part.object_offset = -(source.rotation.t() * source.position);
    scene.parts.push_back(std::move(part));
  }
  fit_into_sphere(&scene, description.radius);
  return scene;
}

void fit_into_sphere(RenderScene* scene, float radius) {
  Bounds bounds;
  for (const RenderPart& part : scene->parts) {
    for (const cv::Vec3f& p : part.mesh.vertices) {
      bounds.include(p);
    }
  }
  const cv::Vec3f center = bounds.center();
  float reach = 0;
  for (const RenderPart& part : scene->parts) {
    for (const cv::Vec3f& p : part.mesh.vertices) {
      reach = std::max(reach, (p - center).dot(p - center));
    }
  }
  reach = std::sqrt(reach);
  if (!(reach > 0) || !std::isfinite(reach)) {
    throw Error(ErrorParts{.what = "the scene has no extent",
                           .expected = "at least one triangle of finite, positive size"});
  }
  const float scale = radius / reach;
  for (RenderPart& part : scene->parts) {
    for (cv::Vec3f& p : part.mesh.vertices) {
      p = (p - center) * scale;
    }
    part.object_offset += part.object_from_world * center;
    part.object_from_world *= 1 / scale;
  }
}

}  // namespace parallax
