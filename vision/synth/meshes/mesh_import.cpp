// Chooses the reader, turns meshes upright and lights them.
#include "vision/synth/meshes/mesh_import.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/error.h"
#include "core/base/lower_case.h"
#include "vision/synth/meshes/gltf_reader.h"
#include "vision/synth/meshes/obj_reader.h"
#include "vision/synth/meshes/ply_reader.h"
#include "vision/synth/meshes/stl_reader.h"

namespace parallax {

namespace {

using MeshReader = MeshParts (*)(const std::filesystem::path&);

struct MeshFormat {
  const char* extension;
  MeshReader read;
  UpAxis up;
  bool is_up_guessed;
};

constexpr std::array<MeshFormat, 5> kMeshFormats = {{{".gltf", read_gltf, UpAxis::kY, false},
                                                     {".glb", read_gltf, UpAxis::kY, false},
                                                     {".obj", read_obj, UpAxis::kY, true},
                                                     {".ply", read_ply, UpAxis::kZ, false},
                                                     {".stl", read_stl, UpAxis::kZ, false}}};

std::string extension_of(const std::filesystem::path& path) {
  return lower_case(path.extension().string());
}

const MeshFormat& format_of(const std::filesystem::path& path) {
  for (const MeshFormat& format : kMeshFormats) {
    if (extension_of(path) == format.extension) {
      return format;
    }
  }
  throw broken_mesh(path,
                    "a file named '" + path.extension().string() + "'",
                    "Export it as glTF (.glb), for example from Blender.");
}

void turn_upright(MeshParts* mesh) {
  for (RenderPart& part : mesh->parts) {
    for (std::vector<cv::Vec3f>* vectors : {&part.mesh.vertices, &part.mesh.corner_normals}) {
      for (cv::Vec3f& v : *vectors) {
        v = {v[0], -v[2], v[1]};
      }
    }
  }
}

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
    throw broken_mesh(
        path, std::filesystem::exists(path) ? "something that is not a file" : "no such file");
  }
  const MeshFormat& format = format_of(path);
  MeshParts mesh = format.read(path);
  if (options.up == UpAxis::kAuto && format.is_up_guessed) {
    mesh.notes.emplace_back(
        "OBJ does not say which axis points up; y is taken, as most programs write it (if it lies "
        "on its side: --up z)");
  }
  if ((options.up == UpAxis::kAuto ? format.up : options.up) == UpAxis::kY) {
    turn_upright(&mesh);
  }
  ImportedMesh imported;
  for (const std::string& note : mesh.notes) {
    imported.notes.push_back(path.string() + ": " + note);
  }
  imported.scene.parts = std::move(mesh.parts);
  imported.scene.lighting = studio_lighting();
  try {
    fit_into_sphere(&imported.scene, options.radius);
  } catch (const Error&) {
    throw broken_mesh(path, "a mesh without extent");
  }
  return imported;
}

}  // namespace parallax
