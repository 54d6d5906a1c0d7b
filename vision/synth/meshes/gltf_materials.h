// Materials and textures of glTF files: the part of them that a diffuse renderer shows.
#pragma once

#include <opencv2/core/mat.hpp>
#include <set>
#include <string>
#include <vector>

#include "vision/synth/meshes/gltf_document.h"
#include "vision/synth/meshes/texture_files.h"
#include "vision/synth/render_scene.h"

namespace parallax {

// Gives parts their surfaces.
class GltfMaterials {
 public:
  // Both must outlive this.
  GltfMaterials(GltfDocument* document, std::vector<std::string>* notes);

  // Sets the part's colour, images and surface from the primitive's material; the part's vertices
  // are the primitive's, in the order of its accessors.
  void apply(const nlohmann::json& primitive, RenderPart* part);

 private:
  SurfaceImage image_of(const nlohmann::json& info, const nlohmann::json& primitive);
  cv::Mat pixels_of(const nlohmann::json& image_index);
  void note(const std::string& text);

  GltfDocument* document_;
  std::vector<std::string>* notes_;
  TextureFiles textures_;
  std::vector<cv::Mat> images_;
  std::vector<bool> is_image_read_;
  std::set<std::string> noted_;
};

}  // namespace parallax
