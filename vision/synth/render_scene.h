// A scene as geometry, ready for the renderer: built from a description or imported from files.
#pragma once

#include <opencv2/core/mat.hpp>
#include <vector>

#include "vision/synth/mesh.h"
#include "vision/synth/scene_description.h"

namespace parallax {

// What the coordinates beyond an image's edges show.
enum class ImageWrap { kRepeat, kClamp, kMirror };

// An image on a mesh.
struct SurfaceImage {
  cv::Mat pixels;              // empty, or [rows, cols, 3 or 4] uint8 RGB or RGBA
  std::vector<cv::Vec2f> uvs;  // [N] one per vertex of the mesh, origin at the image's lower left
  ImageWrap wrap_u = ImageWrap::kRepeat;
  ImageWrap wrap_v = ImageWrap::kRepeat;
  bool nearest = false;  // shows its pixels as squares
};

enum class AlphaMode { kOpaque, kMask, kBlend };

// What a surface has besides its colour, which is the product of a part's texture, vertex colours
// and image, as its alpha is of `alpha` and theirs.
struct Surface {
  // Colours and `emission` are linear light, in which products are formed, rather than as
  // displayed.
  bool is_linear = false;
  AlphaMode alpha_mode = AlphaMode::kOpaque;  // opaque surfaces have no alpha
  float alpha = 1;
  float alpha_cutoff = 0.5F;  // masked surfaces are there where their alpha reaches it
  bool is_unlit = false;      // shows its colour in any light
  cv::Vec3f emission;         // RGB light of its own, multiplied by the image of it
  SurfaceImage emission_image;
};

// One body with its surface; vision/synth/surface.h evaluates it.
struct RenderPart {
  TriangleMesh mesh;                                   // world coordinates
  Texture texture;                                     // evaluated in the object's coordinates
  cv::Matx33f object_from_world = cv::Matx33f::eye();  // object = this · world + object_offset
  cv::Vec3f object_offset;
  SurfaceImage image;
  Surface surface;
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
