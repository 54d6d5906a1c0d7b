// A scene as geometry, ready for the renderer: built from a description or imported from files.
#pragma once

#include <opencv2/core/mat.hpp>
#include <vector>

#include "vision/synth/mesh.h"
#include "vision/synth/scene_description.h"

namespace parallax {

// One body. Its colour is the product of the texture, the vertex colours and the image.
struct RenderPart {
  TriangleMesh mesh;                                   // world coordinates
  Texture texture;                                     // evaluated in the object's coordinates
  cv::Matx33f object_from_world = cv::Matx33f::eye();  // object = this · world + object_offset
  cv::Vec3f object_offset;
  cv::Mat image;  // empty, or [rows, cols, 3] uint8 RGB, addressed by mesh.uvs, repeating
};

// A scene as triangle meshes, ready to be rendered.
struct RenderScene {
  std::vector<RenderPart> parts;
  Lighting lighting;
};

// Meshes of all parts of a description, centred and scaled to its radius.
RenderScene build_scene(const SceneDescription& description);

// Centres the bounding box on the origin and scales the scene so that it just fits into a sphere of
// the given radius. Throws Error if the scene has no extent.
void fit_into_sphere(RenderScene* scene, float radius);

}  // namespace parallax
