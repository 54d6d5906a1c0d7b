// Reads glTF's materials (glTF 2.0, section 3.9) and the extensions that change their colours.
#include "vision/synth/meshes/gltf_materials.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace parallax {
namespace {

using nlohmann::json;

float number_or(const json& object, const char* name, float otherwise) {
  const json& value = gltf_member(object, name);
  return value.is_number() ? value.get<float>() : otherwise;
}

// `count` numbers, or the given ones.
std::vector<float> numbers_or(const json& object, const char* name, std::vector<float> otherwise) {
  const json& list = gltf_member(object, name);
  if (!list.is_array() || list.size() != otherwise.size()) {
    return otherwise;
  }
  for (std::size_t i = 0; i < otherwise.size(); ++i) {
    otherwise[i] = list[i].is_number() ? list[i].get<float>() : otherwise[i];
  }
  return otherwise;
}

ImageWrap wrap_of(const json& sampler, const char* name) {
  const float code = number_or(sampler, name, 10497);
  return code == 33071   ? ImageWrap::kClamp
         : code == 33648 ? ImageWrap::kMirror
                         : ImageWrap::kRepeat;
}

// KHR_texture_transform on coordinates whose origin is the image's upper left.
class UvTransform {
 public:
  explicit UvTransform(const json& extension)
      : offset_(numbers_or(extension, "offset", {0, 0})),
        scale_(numbers_or(extension, "scale", {1, 1})) {
    const float angle = number_or(extension, "rotation", 0);
    cos_ = std::cos(angle);
    sin_ = std::sin(angle);
  }

  // Scaled, turned counter-clockwise as seen on the image, moved. The code in the extension's
  // readme turns the other way round; Khronos's viewer, three.js and Blender do this.
  cv::Vec2f operator()(float u, float v) const {
    const float x = u * scale_[0];
    const float y = v * scale_[1];
    return {cos_ * x + sin_ * y + offset_[0], -sin_ * x + cos_ * y + offset_[1]};
  }

 private:
  std::vector<float> offset_, scale_;
  float cos_, sin_;
};

std::string text_or(const json& object, const char* name, const std::string& otherwise) {
  const json& value = gltf_member(object, name);
  return value.is_string() ? value.get<std::string>() : otherwise;
}

}  // namespace

GltfMaterials::GltfMaterials(GltfDocument* document, std::vector<std::string>* notes)
    : document_(document),
      notes_(notes),
      textures_(document->path(), notes),
      images_(document->size("images")),
      is_image_read_(images_.size()) {}

void GltfMaterials::note(const std::string& text) {
  if (noted_.insert(text).second) {
    notes_->push_back(text);
  }
}

void GltfMaterials::apply(const json& primitive, RenderPart* part) {
  Surface& surface = part->surface;
  surface.is_linear = true;
  const json& index = gltf_member(primitive, "material");
  const json& material = index.is_null() ? index : document_->item("materials", index);
  const json& rough = gltf_member(material, "pbrMetallicRoughness");
  // Sketchfab's and other older exports have their colour here alone.
  const json& glossy = gltf_extension(material, "KHR_materials_pbrSpecularGlossiness");
  const bool is_glossy = glossy.is_object();
  const std::vector<float> factor = is_glossy ? numbers_or(glossy, "diffuseFactor", {1, 1, 1, 1})
                                              : numbers_or(rough, "baseColorFactor", {1, 1, 1, 1});
  for (int c = 0; c < 3; ++c) {
    part->texture.colors[0][c] = std::clamp(factor[c], 0.0F, 1.0F);
  }
  surface.alpha = std::clamp(factor[3], 0.0F, 1.0F);
  part->image = image_of(
      is_glossy ? gltf_member(glossy, "diffuseTexture") : gltf_member(rough, "baseColorTexture"),
      primitive);
  const std::string mode = text_or(material, "alphaMode", "OPAQUE");
  surface.alpha_mode = mode == "MASK"    ? AlphaMode::kMask
                       : mode == "BLEND" ? AlphaMode::kBlend
                                         : AlphaMode::kOpaque;
  surface.alpha_cutoff = number_or(material, "alphaCutoff", 0.5F);
  surface.is_unlit = !gltf_extension(material, "KHR_materials_unlit").is_null();
  const float strength =
      number_or(gltf_extension(material, "KHR_materials_emissive_strength"), "emissiveStrength", 1);
  const std::vector<float> emission = numbers_or(material, "emissiveFactor", {0, 0, 0});
  for (int c = 0; c < 3; ++c) {
    surface.emission[c] = std::max(0.0F, emission[c] * strength);
  }
  if (surface.emission != cv::Vec3f()) {
    surface.emission_image = image_of(gltf_member(material, "emissiveTexture"), primitive);
    if (surface.emission_image.pixels.empty() && material.contains("emissiveTexture")) {
      surface.emission = {};  // without its image it would light up the whole surface
    }
  }
}

SurfaceImage GltfMaterials::image_of(const json& info, const json& primitive) {
  SurfaceImage image;
  if (info.is_null()) {
    return image;
  }
  const json& texture = document_->item("textures", gltf_member(info, "index"));
  const json* source = &gltf_member(texture, "source");
  // OpenCV reads WebP; of the other formats that extensions allow, the fallback is read.
  const json& webp = gltf_member(gltf_extension(texture, "EXT_texture_webp"), "source");
  source = webp.is_null() ? source : &webp;
  if (source->is_null()) {
    const json& extensions = gltf_member(texture, "extensions");
    note(fmt::format(
        "a texture is left out: only PNG, JPEG and WebP are read, and it has {}",
        extensions.is_object() && !extensions.empty() ? extensions.begin().key() : "no image"));
    return image;
  }
  image.pixels = pixels_of(*source);
  const json& transform = gltf_extension(info, "KHR_texture_transform");
  const float set = number_or(transform, "texCoord", number_or(info, "texCoord", 0));
  const std::string name =
      fmt::format("TEXCOORD_{}", static_cast<int>(std::clamp(set, 0.0F, 99.0F)));
  const json& accessor = gltf_member(gltf_member(primitive, "attributes"), name.c_str());
  if (accessor.is_null()) {
    note(fmt::format("a texture is left out: its mesh has no coordinates {}", name));
    return {};
  }
  if (image.pixels.empty()) {
    return {};
  }
  const json& sampler_index = gltf_member(texture, "sampler");
  const json& sampler =
      sampler_index.is_null() ? sampler_index : document_->item("samplers", sampler_index);
  image.wrap_u = wrap_of(sampler, "wrapS");
  image.wrap_v = wrap_of(sampler, "wrapT");
  image.nearest = number_or(sampler, "magFilter", 9729) == 9728;
  const UvTransform moved(transform);
  const GltfValues uvs = document_->values(accessor, {2});
  for (std::size_t i = 0; i < uvs.count(); ++i) {
    const cv::Vec2f uv = moved(uvs.at(i, 0), uvs.at(i, 1));
    const bool finite = std::isfinite(uv[0]) && std::isfinite(uv[1]);
    image.uvs.push_back(finite ? cv::Vec2f(uv[0], 1 - uv[1]) : cv::Vec2f());
  }
  return image;
}

cv::Mat GltfMaterials::pixels_of(const json& index) {
  const json& image = document_->item("images", index);
  const auto i = index.get<std::size_t>();
  if (is_image_read_[i]) {
    return images_[i];
  }
  is_image_read_[i] = true;
  const json& view = gltf_member(image, "bufferView");
  const std::string uri = text_or(image, "uri", "");
  const std::string name = text_or(image, "name", fmt::format("image {}", i));
  std::string bytes;
  if (!view.is_null()) {
    images_[i] = textures_.decode(name, document_->view(view));
  } else if (GltfDocument::decode_data_uri(uri, &bytes)) {
    images_[i] = textures_.decode(name, bytes);
  } else {
    images_[i] = textures_.read(uri);
  }
  return images_[i];
}

}  // namespace parallax
