// Converts assimp's structures to ours.
#include "vision/synth/mesh_import.h"

#include <assimp/config.h>
#include <assimp/postprocess.h>
#include <assimp/scene.h>

#include <algorithm>
#include <array>
#include <assimp/Importer.hpp>
#include <cmath>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "core/base/error.h"
#include "core/image/image.h"
#include "vision/synth/ply_reader.h"

namespace parallax {

namespace {

// Larger textures are shrunk: images of scenes are small, and a coarse texture aliases less.
constexpr int kMaxTextureSide = 1024;

// assimp would try forty more formats, and some of their loaders crash on damaged files.
constexpr std::array<const char*, 5> kExtensions = {".gltf", ".glb", ".obj", ".ply", ".stl"};

Error broken(const std::filesystem::path& path, const std::string& got) {
  return Error(ErrorParts{.what = "the mesh cannot be read",
                          .where = path.string(),
                          .expected = "a sound glTF, OBJ, PLY or STL file",
                          .got = got,
                          .remedy = "Export it again."});
}

std::string extension_of(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return extension;
}

// Imports one file.
class MeshReader {
 public:
  MeshReader(const std::filesystem::path& path, const MeshImportOptions& options)
      : path_(path),
        extension_(extension_of(path)),
        gltf_(extension_ == ".gltf" || extension_ == ".glb") {
    y_up_ = options.up == UpAxis::kY || (options.up == UpAxis::kAuto && gltf_);
  }

  ImportedMesh read() {
    if (extension_ == ".ply") {
      add_ply();
      return std::move(result_);
    }
    load();
    for (unsigned i = 0; i < source_->mNumMeshes; ++i) {
      add_part(*source_->mMeshes[i]);
    }
    if (result_.scene.parts.empty()) {
      throw broken(path_, "a file without triangles");
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
    if (extension_ == ".stl") {
      // STL's normals belong to single faces and would prevent vertices from being shared.
      flags |= aiProcess_RemoveComponent;
      importer_.SetPropertyInteger(AI_CONFIG_PP_RVC_FLAGS, aiComponent_NORMALS);
    }
    try {
      source_ = importer_.ReadFile(path_.string(), flags);
    } catch (const std::exception& error) {
      throw broken(path_, error.what());
    }
    if (source_ == nullptr || (source_->mFlags & AI_SCENE_FLAGS_INCOMPLETE) != 0) {
      const std::string reason = importer_.GetErrorString();
      throw broken(path_, reason.empty() ? "an incomplete file" : reason);
    }
  }

  cv::Vec3f to_z_up(const aiVector3D& v) const {
    return y_up_ ? cv::Vec3f(v.x, -v.z, v.y) : cv::Vec3f(v.x, v.y, v.z);
  }

  // glTF's colours are linear light; ours are as displayed.
  cv::Vec3f displayed(const aiColor4D& color) const {
    cv::Vec3f rgb = {color.r, color.g, color.b};
    for (int i = 0; i < 3; ++i) {
      rgb[i] = std::clamp(rgb[i], 0.0F, 1.0F);
      if (gltf_) {
        rgb[i] =
            rgb[i] <= 0.0031308F ? 12.92F * rgb[i] : 1.055F * std::pow(rgb[i], 1 / 2.4F) - 0.055F;
      }
    }
    return rgb;
  }

  void add_ply() {
    RenderPart part;
    part.mesh = read_ply(path_);
    for (std::vector<cv::Vec3f>* vectors : {&part.mesh.vertices, &part.mesh.corner_normals}) {
      for (cv::Vec3f& v : *vectors) {
        v = to_z_up({v[0], v[1], v[2]});
      }
    }
    part.texture.colors[0] = cv::Vec3f::all(part.mesh.vertex_colors.empty() ? 0.8F : 1.0F);
    result_.scene.parts.push_back(std::move(part));
  }

  void add_part(const aiMesh& source) {
    RenderPart part;
    TriangleMesh& mesh = part.mesh;
    for (unsigned i = 0; i < source.mNumVertices; ++i) {
      mesh.vertices.push_back(to_z_up(source.mVertices[i]));
      const cv::Vec3f& p = mesh.vertices.back();
      if (!std::isfinite(p[0]) || !std::isfinite(p[1]) || !std::isfinite(p[2])) {
        throw broken(path_, "a vertex whose position is not a finite number");
      }
    }
    for (unsigned i = 0; i < source.mNumFaces; ++i) {
      const aiFace& face = source.mFaces[i];
      if (face.mNumIndices != 3) {
        continue;
      }
      for (int k = 0; k < 3; ++k) {
        if (face.mIndices[k] >= source.mNumVertices) {
          throw broken(path_, "a face that names a vertex beyond the last");
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
        mesh.vertex_colors.push_back(displayed(source.mColors[0][i]));
      }
    }
    read_material(source, &part);
    result_.scene.parts.push_back(std::move(part));
  }

  void read_normals(const aiMesh& source, TriangleMesh* mesh) const {
    compute_corner_normals(mesh);
    if (!source.HasNormals()) {
      return;
    }
    for (std::size_t f = 0; f < mesh->faces.size(); ++f) {
      for (int k = 0; k < 3; ++k) {
        const cv::Vec3f n = to_z_up(source.mNormals[mesh->faces[f][k]]);
        const float length = std::sqrt(n.dot(n));
        if (length > 0.1F && std::isfinite(length)) {
          mesh->corner_normals[3 * f + k] = n * (1 / length);
        }
      }
    }
  }

  void read_material(const aiMesh& source, RenderPart* part) {
    const aiMaterial& material = *source_->mMaterials[source.mMaterialIndex];
    aiColor4D color(0.8F, 0.8F, 0.8F, 1);
    if (material.Get(AI_MATKEY_BASE_COLOR, color) != aiReturn_SUCCESS) {
      material.Get(AI_MATKEY_COLOR_DIFFUSE, color);
    }
    aiString name;
    unsigned channel = 0;
    bool textured = false;
    for (const aiTextureType type : {aiTextureType_BASE_COLOR, aiTextureType_DIFFUSE}) {
      if (!textured && material.GetTexture(type, 0, &name, nullptr, &channel) == aiReturn_SUCCESS) {
        textured = true;
      }
    }
    if (textured && channel < AI_MAX_NUMBER_OF_TEXTURECOORDS && source.HasTextureCoords(channel)) {
      part->image = read_texture(name.C_Str());
    }
    if (!part->image.empty()) {
      for (unsigned i = 0; i < source.mNumVertices; ++i) {
        const aiVector3D& uv = source.mTextureCoords[channel][i];
        const bool finite = std::isfinite(uv.x) && std::isfinite(uv.y);
        part->mesh.uvs.emplace_back(finite ? uv.x : 0, finite ? uv.y : 0);
      }
    }
    // Only glTF defines that factors multiply; in other formats a material that accompanies vertex
    // colours or an image is mostly an exporter's arbitrary grey.
    const bool other_color = !part->image.empty() || !part->mesh.vertex_colors.empty();
    part->texture.colors[0] = other_color && !gltf_ ? cv::Vec3f::all(1) : displayed(color);
  }

  // An embedded image or one next to the mesh; if it cannot be read, empty, with a note.
  cv::Mat read_texture(const std::string& name) {
    cv::Mat image;
    std::string reason;
    try {
      if (const aiTexture* embedded = source_->GetEmbeddedTexture(name.c_str())) {
        image = decode(*embedded);
        reason = "the embedded image cannot be decoded";
      } else {
        std::string relative = name;
        std::replace(relative.begin(), relative.end(), '\\', '/');
        image = read_image(path_.parent_path() / relative);
      }
    } catch (const std::exception& error) {
      reason = error.what();
    }
    if (image.empty()) {
      result_.notes.push_back(path_.string() + ": its texture '" + name +
                              "' is left out: " + reason);
      return {};
    }
    if (image.channels() == 4) {
      cv::cvtColor(image, image, cv::COLOR_RGBA2RGB);
    }
    const int side = std::max(image.rows, image.cols);
    if (side > kMaxTextureSide) {
      const double scale = static_cast<double>(kMaxTextureSide) / side;
      cv::resize(image, image, {}, scale, scale, cv::INTER_AREA);
    }
    return image;
  }

  // RGB from a compressed or a plain embedded texture.
  static cv::Mat decode(const aiTexture& texture) {
    cv::Mat image;
    if (texture.mHeight == 0) {
      const cv::Mat bytes(1, static_cast<int>(texture.mWidth), CV_8UC1, texture.pcData);
      image = cv::imdecode(bytes, cv::IMREAD_COLOR);
      if (!image.empty()) {
        cv::cvtColor(image, image, cv::COLOR_BGR2RGB);
      }
      return image;
    }
    // aiTexel is stored in memory as B, G, R, A.
    const cv::Mat texels(static_cast<int>(texture.mHeight),
                         static_cast<int>(texture.mWidth),
                         CV_8UC4,
                         texture.pcData);
    cv::cvtColor(texels, image, cv::COLOR_BGRA2RGB);
    return image;
  }

  std::filesystem::path path_;
  std::string extension_;
  bool gltf_;
  bool y_up_ = false;
  Assimp::Importer importer_;
  const aiScene* source_ = nullptr;
  ImportedMesh result_;
};

Lighting studio_lighting() {
  Lighting lighting;
  lighting.sky = cv::Vec3f::all(0.68F);
  lighting.ground = cv::Vec3f::all(0.56F);
  Lamp key;
  const cv::Vec3f toward = {0.45F, -0.35F, 0.82F};
  key.direction = toward * (1 / std::sqrt(toward.dot(toward)));
  key.intensity = cv::Vec3f::all(0.42F);
  lighting.lamps.push_back(key);
  lighting.shadow_strength = 0.7F;
  return lighting;
}

}  // namespace

ImportedMesh import_mesh(const std::filesystem::path& path, const MeshImportOptions& options) {
  if (!std::filesystem::is_regular_file(path)) {
    throw broken(path,
                 std::filesystem::exists(path) ? "something that is not a file" : "no such file");
  }
  if (std::find(kExtensions.begin(), kExtensions.end(), extension_of(path)) == kExtensions.end()) {
    throw broken(path, "a file named '" + path.extension().string() + "'");
  }
  ImportedMesh imported = MeshReader(path, options).read();
  imported.scene.lighting = studio_lighting();
  try {
    fit_into_sphere(&imported.scene, options.radius);
  } catch (const Error&) {
    throw broken(path, "a mesh without extent");
  }
  return imported;
}

}  // namespace parallax
