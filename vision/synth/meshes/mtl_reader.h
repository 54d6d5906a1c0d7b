// Materials of OBJ files: MTL, the part of it that a diffuse renderer shows.
#pragma once

#include <filesystem>
#include <map>
#include <opencv2/core/matx.hpp>
#include <optional>
#include <string>
#include <vector>

namespace parallax {

// A texture statement: coordinates become uv · scale + offset.
struct MtlTexture {
  std::string name;
  cv::Vec2f offset = {0, 0};
  cv::Vec2f scale = {1, 1};
  bool is_clamped = false;
  std::vector<std::string> ignored;  // options that change the picture and are not followed
};

// One material.
struct MtlMaterial {
  std::optional<cv::Vec3f> diffuse;  // Kd
  cv::Vec3f emission;                // Ke
  float opacity = 1;                 // d, or 1 − Tr
  MtlTexture diffuse_map;            // map_Kd
  MtlTexture emission_map;           // map_Ke
  MtlTexture opacity_map;            // map_d
  bool is_linear = false;            // its colours are linear light: Blender wrote it
};

// The materials of the libraries that an OBJ file's statements `mtllib` name; a missing library is
// a note.
std::map<std::string, MtlMaterial> read_obj_materials(const std::filesystem::path& obj,
                                                      const std::vector<std::string>& libraries,
                                                      std::vector<std::string>* notes);

}  // namespace parallax
