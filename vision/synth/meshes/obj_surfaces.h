// The surfaces of OBJ meshes: their materials with the textures on them.
#pragma once

#include <filesystem>
#include <map>
#include <opencv2/core/matx.hpp>
#include <set>
#include <string>
#include <vector>

#include "vision/synth/meshes/mtl_reader.h"
#include "vision/synth/meshes/texture_files.h"
#include "vision/synth/render_scene.h"

namespace parallax {

// The materials that one OBJ file may use. What is not there or not followed is a note, once.
class ObjSurfaces {
 public:
  // `libraries` are those of its statements `mtllib`; `notes` must outlive this.
  ObjSurfaces(const std::filesystem::path& obj,
              const std::vector<std::string>& libraries,
              std::vector<std::string>* notes);

  // Gives a part the material of that name; an empty one leaves it grey, or its vertices' colours.
  // `uvs` are empty, or [N] one per vertex.
  void apply(const std::string& name, const std::vector<cv::Vec2f>& uvs, RenderPart* part);

 private:
  // The texture with the mesh's coordinates; empty if there is none or it cannot be read.
  SurfaceImage image_of(const MtlTexture& texture,
                        const std::vector<cv::Vec2f>& uvs,
                        const std::string& material);
  // Puts the opacity map into the image's alpha: the map's own alpha, or its brightness.
  void add_opacity_map(const MtlMaterial& material,
                       const std::vector<cv::Vec2f>& uvs,
                       const std::string& name,
                       RenderPart* part);
  void note(const std::string& text);

  std::vector<std::string>* notes_;
  TextureFiles textures_;
  std::map<std::string, MtlMaterial> materials_;
  std::set<std::string> noted_;
};

}  // namespace parallax
