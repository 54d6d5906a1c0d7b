// Materials as surfaces, and notes on what they cannot be.
#include "vision/synth/meshes/obj_surfaces.h"

#include <fmt/format.h>

#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

namespace parallax {

namespace {

constexpr float kUnpainted = 0.8F;  // grey of meshes without colours

}  // namespace

ObjSurfaces::ObjSurfaces(const std::filesystem::path& obj,
                         const std::vector<std::string>& libraries,
                         std::vector<std::string>* notes)
    : notes_(notes), textures_(obj, notes), materials_(read_obj_materials(obj, libraries, notes)) {}

void ObjSurfaces::apply(const std::string& name,
                        const std::vector<cv::Vec2f>& uvs,
                        RenderPart* part) {
  part->texture.colors[0] = cv::Vec3f::all(part->mesh.vertex_colors.empty() ? kUnpainted : 1);
  const auto found = materials_.find(name);
  if (found == materials_.end()) {
    if (!name.empty()) {
      note(fmt::format("its material '{}' is in no library that it names: it is grey", name));
    }
    return;
  }
  const MtlMaterial& material = found->second;
  Surface& surface = part->surface;
  surface.is_linear = material.is_linear;
  surface.alpha = material.opacity;
  surface.emission = material.emission;
  part->image = image_of(material.diffuse_map, uvs, name);
  surface.emission_image = image_of(material.emission_map, uvs, name);
  if (!material.emission_map.name.empty() && surface.emission == cv::Vec3f()) {
    surface.emission = cv::Vec3f::all(surface.emission_image.pixels.empty() ? 0 : 1);
  }
  add_opacity_map(material, uvs, name, part);
  if (surface.alpha < 1 || !material.opacity_map.name.empty()) {
    surface.alpha_mode = AlphaMode::kBlend;
  }
  // MTL does not say how its colours combine; what accompanies an image or vertex colours is
  // mostly an exporter's arbitrary grey or a second copy.
  if (!part->image.pixels.empty()) {
    part->texture.colors[0] = cv::Vec3f::all(1);
    if (!part->mesh.vertex_colors.empty()) {
      part->mesh.vertex_colors.clear();
      note(fmt::format("where the material '{}' has a texture, vertex colours are not used", name));
    }
  } else if (!part->mesh.vertex_colors.empty()) {
    surface.is_linear = false;  // vertex colours are as displayed, in Blender's files too
  } else if (material.diffuse) {
    part->texture.colors[0] = *material.diffuse;
  } else if (surface.is_linear) {
    part->texture.colors[0] = cv::Vec3f::all(0.6F);  // about kUnpainted as displayed
  }
}

SurfaceImage ObjSurfaces::image_of(const MtlTexture& texture,
                                   const std::vector<cv::Vec2f>& uvs,
                                   const std::string& material) {
  SurfaceImage image;
  if (texture.name.empty()) {
    return image;
  }
  if (uvs.empty()) {
    note(
        fmt::format("the texture '{}' is left out: faces of the material '{}' have no texture "
                    "coordinates",
                    texture.name,
                    material));
    return image;
  }
  for (const std::string& option : texture.ignored) {
    note(fmt::format("the option {} of the texture '{}' is not followed", option, texture.name));
  }
  image.pixels = textures_.read(texture.name);
  if (image.pixels.empty()) {
    return image;
  }
  image.wrap_u = image.wrap_v = texture.is_clamped ? ImageWrap::kClamp : ImageWrap::kRepeat;
  for (const cv::Vec2f& uv : uvs) {
    const cv::Vec2f moved = uv.mul(texture.scale) + texture.offset;
    const bool finite = std::isfinite(moved[0]) && std::isfinite(moved[1]);
    image.uvs.push_back(finite ? moved : cv::Vec2f());
  }
  return image;
}

void ObjSurfaces::add_opacity_map(const MtlMaterial& material,
                                  const std::vector<cv::Vec2f>& uvs,
                                  const std::string& name,
                                  RenderPart* part) {
  if (material.opacity_map.name.empty()) {
    if (part->image.pixels.channels() == 4) {
      cv::Mat alpha;
      cv::extractChannel(part->image.pixels, alpha, 3);
      if (cv::countNonZero(alpha != 255) > 0) {
        note(
            fmt::format("the alpha of the texture '{}' is not used: the material '{}' has no map_d",
                        material.diffuse_map.name,
                        name));
      }
    }
    return;
  }
  const SurfaceImage map = image_of(material.opacity_map, uvs, name);
  if (map.pixels.empty()) {
    return;
  }
  cv::Mat alpha;
  if (map.pixels.channels() == 4) {
    cv::extractChannel(map.pixels, alpha, 3);
  } else {
    cv::cvtColor(map.pixels, alpha, cv::COLOR_RGB2GRAY);
  }
  cv::Mat color = part->image.pixels;
  if (color.empty()) {
    // The map alone: the material's colour comes as an image.
    const cv::Vec3f diffuse = material.diffuse.value_or(cv::Vec3f::all(kUnpainted)) * 255;
    color = cv::Mat(alpha.size(), CV_8UC3, cv::Scalar(diffuse[0], diffuse[1], diffuse[2]));
    part->image = map;
  } else if (color.size() != alpha.size()) {
    cv::resize(alpha, alpha, color.size(), 0, 0, cv::INTER_AREA);
  }
  std::vector<cv::Mat> planes;
  cv::split(color, planes);
  planes.resize(3);
  planes.push_back(alpha);
  cv::merge(planes, part->image.pixels);
}

void ObjSurfaces::note(const std::string& text) {
  if (noted_.insert(text).second) {
    notes_->push_back(text);
  }
}

}  // namespace parallax
