// Converts assimp's structures to ours.
#include "vision/synth/meshes/assimp_reader.h"

#include <assimp/config.h>
#include <assimp/postprocess.h>
#include <assimp/scene.h>
#include <fmt/format.h>

#include <algorithm>
#include <assimp/Importer.hpp>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <set>

#include "vision/synth/meshes/mtl_reader.h"
#include "vision/synth/meshes/texture_files.h"

namespace parallax {
namespace {

constexpr float kUnpainted = 0.8F;  // grey of meshes without colours

// assimp's own name for faces before the first usemtl.
constexpr const char* kNoMaterial = "DefaultMaterial";

class AssimpReader {
 public:
  explicit AssimpReader(const std::filesystem::path& path)
      : path_(path),
        is_stl_(path.extension() == ".stl" || path.extension() == ".STL"),
        textures_(path, &result_.notes) {}

  MeshParts read() {
    load();
    if (!is_stl_) {
      materials_ = read_obj_materials(path_, &result_.notes);
    }
    for (unsigned i = 0; i < source_->mNumMeshes; ++i) {
      add_part(*source_->mMeshes[i]);
    }
    if (result_.parts.empty()) {
      throw broken_mesh(path_, "a file without triangles");
    }
    return std::move(result_);
  }

 private:
  void load() {
    unsigned flags = aiProcess_Triangulate | aiProcess_JoinIdenticalVertices |
                     aiProcess_PreTransformVertices | aiProcess_SortByPType |
                     aiProcess_ValidateDataStructure;
    importer_.SetPropertyInteger(AI_CONFIG_PP_SBP_REMOVE,
                                 aiPrimitiveType_POINT | aiPrimitiveType_LINE);
    if (is_stl_) {
      // STL's normals belong to single faces and would prevent vertices from being shared.
      flags |= aiProcess_RemoveComponent;
      importer_.SetPropertyInteger(AI_CONFIG_PP_RVC_FLAGS, aiComponent_NORMALS);
    }
    try {
      source_ = importer_.ReadFile(path_.string(), flags);
    } catch (const std::exception&) {
      source_ = nullptr;
    }
    // What assimp says quotes the file's bytes and its own sources.
    if (source_ == nullptr || (source_->mFlags & AI_SCENE_FLAGS_INCOMPLETE) != 0) {
      throw broken_mesh(path_, "a file that is damaged or incomplete");
    }
  }

  void add_part(const aiMesh& source) {
    RenderPart part;
    TriangleMesh& mesh = part.mesh;
    for (unsigned i = 0; i < source.mNumVertices; ++i) {
      const aiVector3D& v = source.mVertices[i];
      if (!std::isfinite(v.x) || !std::isfinite(v.y) || !std::isfinite(v.z)) {
        throw broken_mesh(path_, "a vertex whose position is not a finite number");
      }
      mesh.vertices.emplace_back(v.x, v.y, v.z);
    }
    for (unsigned i = 0; i < source.mNumFaces; ++i) {
      const aiFace& face = source.mFaces[i];
      if (face.mNumIndices != 3) {
        continue;
      }
      for (int k = 0; k < 3; ++k) {
        if (face.mIndices[k] >= source.mNumVertices) {
          throw broken_mesh(path_, "a face that names a vertex beyond the last");
        }
      }
      mesh.faces.emplace_back(face.mIndices[0], face.mIndices[1], face.mIndices[2]);
    }
    if (mesh.faces.empty()) {
      return;
    }
    read_normals(source, &mesh);
    if (source.HasVertexColors(0)) {
      for (unsigned i = 0; i < source.mNumVertices; ++i) {
        const aiColor4D& c = source.mColors[0][i];
        mesh.vertex_colors.emplace_back(std::clamp(c.r, 0.0F, 1.0F),
                                        std::clamp(c.g, 0.0F, 1.0F),
                                        std::clamp(c.b, 0.0F, 1.0F),
                                        1.0F);
      }
    }
    part.texture.colors[0] = cv::Vec3f::all(mesh.vertex_colors.empty() ? kUnpainted : 1);
    if (!is_stl_) {
      apply_material(source, &part);
    }
    result_.parts.push_back(std::move(part));
  }

  static void read_normals(const aiMesh& source, TriangleMesh* mesh) {
    compute_corner_normals(mesh);
    if (!source.HasNormals()) {
      return;
    }
    for (std::size_t f = 0; f < mesh->faces.size(); ++f) {
      for (int k = 0; k < 3; ++k) {
        const aiVector3D& normal = source.mNormals[mesh->faces[f][k]];
        const cv::Vec3f n = {normal.x, normal.y, normal.z};
        const float length = std::sqrt(n.dot(n));
        if (length > 0.1F && std::isfinite(length)) {
          mesh->corner_normals[3 * f + k] = n * (1 / length);
        }
      }
    }
  }

  void apply_material(const aiMesh& source, RenderPart* part) {
    aiString text;
    source_->mMaterials[source.mMaterialIndex]->Get(AI_MATKEY_NAME, text);
    const std::string name = text.C_Str();
    const auto found = materials_.find(name);
    if (found == materials_.end()) {
      if (name != kNoMaterial && !name.empty()) {
        note(fmt::format("its material '{}' is in no library that it names: it is grey", name));
      }
      return;
    }
    const MtlMaterial& material = found->second;
    Surface& surface = part->surface;
    surface.is_linear = material.is_linear;
    surface.alpha = material.opacity;
    surface.emission = material.emission;
    part->image = image_of(material.diffuse_map, source, name);
    surface.emission_image = image_of(material.emission_map, source, name);
    if (!material.emission_map.name.empty() && surface.emission == cv::Vec3f()) {
      surface.emission = cv::Vec3f::all(surface.emission_image.pixels.empty() ? 0 : 1);
    }
    add_opacity_map(material, source, name, part);
    if (surface.alpha < 1 || !material.opacity_map.name.empty()) {
      surface.alpha_mode = AlphaMode::kBlend;
    }
    // MTL does not say how its colours combine; what accompanies an image or vertex colours is
    // mostly an exporter's arbitrary grey or a second copy.
    if (!part->image.pixels.empty()) {
      part->texture.colors[0] = cv::Vec3f::all(1);
      if (!part->mesh.vertex_colors.empty()) {
        part->mesh.vertex_colors.clear();
        note(fmt::format("where the material '{}' has a texture, vertex colours are not used",
                         name));
      }
    } else if (!part->mesh.vertex_colors.empty()) {
      surface.is_linear = false;  // vertex colours are as displayed, in Blender's files too
    } else if (material.diffuse) {
      part->texture.colors[0] = *material.diffuse;
    } else if (surface.is_linear) {
      part->texture.colors[0] = cv::Vec3f::all(0.6F);  // about kUnpainted
    }
  }

  // The texture with the mesh's coordinates; empty if there is none or it cannot be read.
  SurfaceImage image_of(const MtlTexture& texture,
                        const aiMesh& source,
                        const std::string& material) {
    SurfaceImage image;
    if (texture.name.empty()) {
      return image;
    }
    if (!source.HasTextureCoords(0)) {
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
    for (unsigned i = 0; i < source.mNumVertices; ++i) {
      const aiVector3D& uv = source.mTextureCoords[0][i];
      const cv::Vec2f moved = cv::Vec2f(uv.x, uv.y).mul(texture.scale) + texture.offset;
      const bool finite = std::isfinite(moved[0]) && std::isfinite(moved[1]);
      image.uvs.push_back(finite ? moved : cv::Vec2f());
    }
    return image;
  }

  // Puts the opacity map into the image's alpha: the map's own alpha, or its brightness.
  void add_opacity_map(const MtlMaterial& material,
                       const aiMesh& source,
                       const std::string& name,
                       RenderPart* part) {
    if (material.opacity_map.name.empty()) {
      if (part->image.pixels.channels() == 4) {
        cv::Mat alpha;
        cv::extractChannel(part->image.pixels, alpha, 3);
        if (cv::countNonZero(alpha != 255) > 0) {
          note(fmt::format(
              "the alpha of the texture '{}' is not used: the material '{}' has no map_d",
              material.diffuse_map.name,
              name));
        }
      }
      return;
    }
    const SurfaceImage map = image_of(material.opacity_map, source, name);
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

  // A note, once.
  void note(const std::string& text) {
    if (noted_.insert(text).second) {
      result_.notes.push_back(text);
    }
  }

  std::filesystem::path path_;
  bool is_stl_;
  Assimp::Importer importer_;
  const aiScene* source_ = nullptr;
  MeshParts result_;
  TextureFiles textures_;
  std::map<std::string, MtlMaterial> materials_;
  std::set<std::string> noted_;
};

}  // namespace

MeshParts read_with_assimp(const std::filesystem::path& path) { return AssimpReader(path).read(); }

}  // namespace parallax
