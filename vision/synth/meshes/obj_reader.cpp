// Reads OBJ statement by statement, then makes a part of each material's faces.
#include "vision/synth/meshes/obj_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <unordered_map>

#include "vision/synth/meshes/obj_statements.h"
#include "vision/synth/meshes/obj_surfaces.h"
#include "vision/synth/meshes/polygons.h"

namespace parallax {
namespace {

constexpr int kNone = -1;

// A face's corner: entries of the lists of positions, texture coordinates and normals, from 0.
struct ObjCorner {
  int position = kNone;
  int uv = kNone;
  int normal = kNone;
};

struct ObjFace {
  std::size_t first;  // in the list of corners
  int size;
  int material;  // in the list of names
  int line;
};

struct ObjTriangle {
  std::array<ObjCorner, 3> corners;
  int material;
};

// What the file says, index by index.
class ObjFile {
 public:
  explicit ObjFile(const std::filesystem::path& path) : path_(path) {
    ObjStatements statements(path);
    while (statements.next()) {
      line_ = statements.line();
      take(statements.keyword(), statements.rest());
    }
  }

  // Triangles whose corners are in the lists.
  std::vector<ObjTriangle> triangles() const {
    std::vector<ObjTriangle> result;
    std::vector<cv::Vec3f> outline;
    for (const ObjFace& face : faces_) {
      const ObjCorner* const corners = &corners_[face.first];
      outline.clear();
      for (int i = 0; i < face.size; ++i) {
        check(corners[i].position, positions.size(), "vertex", face.line);
        check(corners[i].uv, uvs.size(), "texture coordinate", face.line);
        check(corners[i].normal, normals.size(), "normal", face.line);
        outline.push_back(positions[corners[i].position]);
      }
      for (const auto& [a, b, c] : triangulate(outline)) {
        result.push_back({{corners[a], corners[b], corners[c]}, face.material});
      }
    }
    return result;
  }

  std::vector<cv::Vec3f> positions;
  std::vector<cv::Vec3f> colors;  // empty, or one per position up to the last that has one
  std::vector<cv::Vec2f> uvs;
  std::vector<cv::Vec3f> normals;
  std::vector<std::string> materials = {""};  // the first is that of faces before any usemtl
  std::vector<std::string> libraries;

 private:
  [[noreturn]] void fail(int line, const std::string& got) const {
    throw broken_mesh(path_.string() + ", line " + std::to_string(line), got);
  }

  void check(int index, std::size_t size, const char* what, int line) const {
    if (index != kNone && static_cast<std::size_t>(index) >= size) {
      fail(line, fmt::format("a face that names a {} beyond the last", what));
    }
  }

  void take(std::string_view keyword, std::string_view rest) {
    if (keyword == "v") {
      take_position(rest);
    } else if (keyword == "vt") {
      const std::vector<float> values = numbers(rest);
      uvs.emplace_back(values.empty() ? 0 : values[0], values.size() < 2 ? 0 : values[1]);
    } else if (keyword == "vn") {
      std::vector<float> values = numbers(rest);
      values.resize(3);
      normals.emplace_back(values[0], values[1], values[2]);
    } else if (keyword == "f" || keyword == "fo") {  // fo: of the format's first version
      take_face(rest);
    } else if (keyword == "usemtl") {
      const auto known =
          material_index_.try_emplace(std::string(rest), static_cast<int>(materials.size()));
      if (known.second) {
        materials.emplace_back(rest);
      }
      material_ = rest.empty() ? 0 : known.first->second;
    } else if (keyword == "mtllib") {
      libraries.emplace_back(rest);
    }
  }

  // x y z, x y z w, x y z r g b or more. w weighs points of curves.
  void take_position(std::string_view rest) {
    const std::vector<float> values = numbers(rest);
    if (values.size() < 3) {
      fail(line_, "a vertex of fewer than three numbers");
    }
    if (!std::isfinite(values[0]) || !std::isfinite(values[1]) || !std::isfinite(values[2])) {
      fail(line_, "a vertex whose position is not a finite number");
    }
    if (values.size() >= 6) {
      const auto shown = [](float value) {
        return std::isfinite(value) ? std::clamp(value, 0.0F, 1.0F) : 0.0F;
      };
      colors.resize(positions.size(), cv::Vec3f::all(1));
      colors.emplace_back(shown(values[3]), shown(values[4]), shown(values[5]));
    }
    positions.emplace_back(values[0], values[1], values[2]);
  }

  // The numbers up to a comment; what is none is NaN.
  static std::vector<float> numbers(std::string_view rest) {
    std::vector<float> values;
    while (!rest.empty() && values.size() < 8) {
      const std::string_view word = take_word(&rest);
      if (word.front() == '#') {
        break;
      }
      values.push_back(as_number(word).value_or(std::numeric_limits<float>::quiet_NaN()));
    }
    return values;
  }

  // Corners v, v/vt, v//vn or v/vt/vn.
  void take_face(std::string_view rest) {
    ObjFace face = {corners_.size(), 0, material_, line_};
    while (!rest.empty()) {
      std::string_view word = take_word(&rest);
      if (word.front() == '#') {
        break;
      }
      ObjCorner corner;
      corner.position = take_index(&word, positions.size());
      corner.uv = take_index(&word, uvs.size());
      corner.normal = take_index(&word, normals.size());
      if (corner.position == kNone || !word.empty()) {
        fail(line_, "a face whose corners are not written as v, v/vt, v//vn or v/vt/vn");
      }
      corners_.push_back(corner);
      ++face.size;
    }
    if (face.size >= 3) {
      faces_.push_back(face);
    } else {
      corners_.resize(face.first);
    }
  }

  // Takes an index and the slash after it; kNone if there is none. Negative ones count from the
  // end of what is listed so far.
  int take_index(std::string_view* word, std::size_t listed) const {
    const std::string_view text = word->substr(0, word->find('/'));
    word->remove_prefix(std::min(text.size() + 1, word->size()));
    if (text.empty()) {
      return kNone;
    }
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
      fail(line_, "a face with an index that is not a whole number");
    }
    value = value < 0 ? static_cast<std::int64_t>(listed) + value : value - 1;
    if (value < 0 || value >= std::numeric_limits<int>::max()) {
      fail(line_, "a face that names an impossible vertex");
    }
    return static_cast<int>(value);
  }

  std::filesystem::path path_;
  std::vector<ObjCorner> corners_;
  std::vector<ObjFace> faces_;
  std::map<std::string, int> material_index_;
  int material_ = 0;
  int line_ = 0;
};

// The normals of all corners: the file's where it has them, else of the faces around, also across
// materials and the seams of textures.
std::vector<cv::Vec3f> corner_normals_of(const ObjFile& file,
                                         const std::vector<ObjTriangle>& triangles) {
  TriangleMesh whole;
  whole.vertices = file.positions;
  const std::vector<int> same = first_equal(file.positions);
  for (const ObjTriangle& t : triangles) {
    whole.faces.emplace_back(
        same[t.corners[0].position], same[t.corners[1].position], same[t.corners[2].position]);
  }
  compute_corner_normals(&whole);
  for (std::size_t i = 0; i < whole.corner_normals.size(); ++i) {
    const int index = triangles[i / 3].corners[i % 3].normal;
    if (index != kNone) {
      const cv::Vec3f& n = file.normals[index];
      const float length = std::sqrt(n.dot(n));
      if (length > 0.1F && std::isfinite(length)) {
        whole.corner_normals[i] = n * (1 / length);
      }
    }
  }
  return std::move(whole.corner_normals);
}

// A part of some of the triangles; each pair of position and coordinates is a vertex. `uvs` is null
// unless all their corners have coordinates, which then go there, one per vertex.
RenderPart part_of(const ObjFile& file,
                   const std::vector<ObjTriangle>& triangles,
                   const std::vector<cv::Vec3f>& normals,
                   const std::vector<std::size_t>& members,
                   std::vector<cv::Vec2f>* uvs) {
  RenderPart part;
  const bool has_colors = !file.colors.empty();
  std::unordered_map<std::uint64_t, int> vertex_of;
  for (const std::size_t i : members) {
    cv::Vec3i face;
    for (int k = 0; k < 3; ++k) {
      const ObjCorner& corner = triangles[i].corners[k];
      const std::uint64_t key = static_cast<std::uint64_t>(corner.position) << 32 |
                                static_cast<std::uint32_t>(uvs != nullptr ? corner.uv : kNone);
      const auto [entry, is_new] =
          vertex_of.emplace(key, static_cast<int>(part.mesh.vertices.size()));
      face[k] = entry->second;
      if (is_new) {
        part.mesh.vertices.push_back(file.positions[corner.position]);
        if (uvs != nullptr) {
          uvs->push_back(file.uvs[corner.uv]);
        }
        if (has_colors) {
          const bool painted = corner.position < static_cast<int>(file.colors.size());
          const cv::Vec3f c = painted ? file.colors[corner.position] : cv::Vec3f::all(1);
          part.mesh.vertex_colors.emplace_back(c[0], c[1], c[2], 1.0F);
        }
      }
      part.mesh.corner_normals.push_back(normals[3 * i + k]);
    }
    part.mesh.faces.push_back(face);
  }
  return part;
}

}  // namespace

MeshParts read_obj(const std::filesystem::path& path) {
  MeshParts result;
  const ObjFile file(path);
  const std::vector<ObjTriangle> triangles = file.triangles();
  if (triangles.empty()) {
    throw broken_mesh(path, "a file without triangles");
  }
  const std::vector<cv::Vec3f> normals = corner_normals_of(file, triangles);
  ObjSurfaces surfaces(path, file.libraries, &result.notes);
  // By material, and those with texture coordinates apart from those without.
  std::map<std::pair<int, bool>, std::vector<std::size_t>> members;
  for (std::size_t i = 0; i < triangles.size(); ++i) {
    const auto& corners = triangles[i].corners;
    const bool has_uvs = std::all_of(
        corners.begin(), corners.end(), [](const ObjCorner& c) { return c.uv != kNone; });
    members[{triangles[i].material, has_uvs}].push_back(i);
  }
  for (const auto& [key, indices] : members) {
    std::vector<cv::Vec2f> uvs;
    RenderPart part = part_of(file, triangles, normals, indices, key.second ? &uvs : nullptr);
    surfaces.apply(file.materials[key.first], uvs, &part);
    result.parts.push_back(std::move(part));
  }
  return result;
}

}  // namespace parallax
