// Makes meshes of PLY's elements `vertex` and `face`.
#include "vision/synth/meshes/ply_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "vision/synth/meshes/ply_file.h"
#include "vision/synth/meshes/texture_files.h"

namespace parallax {
namespace {

constexpr float kPlyUnpainted = 0.8F;

// Where an entry's colour is, by component; −1 where there is none.
class ColorColumns {
 public:
  explicit ColorColumns(const PlyElement& element) {
    // Besides the usual names those of Artec's and of older scanners' files.
    for (const char* beginning : {"", "diffuse_"}) {
      const std::string b = beginning;
      columns_ = {element.find({b + "red"}),
                  element.find({b + "green"}),
                  element.find({b + "blue"}),
                  element.find({b + "alpha"})};
      if (present()) {
        break;
      }
    }
    if (!present()) {
      columns_ = {
          element.find({"r"}), element.find({"g"}), element.find({"b"}), element.find({"a"})};
    }
    for (int c = 0; c < 4; ++c) {
      if (columns_[c] >= 0) {
        scale_[c] = element.properties[columns_[c]].type.full_scale;
      }
    }
  }

  bool present() const { return columns_[0] >= 0 && columns_[1] >= 0 && columns_[2] >= 0; }

  // RGBA, of which floating-point numbers may be anything: see settle_colors().
  cv::Vec4f color(const PlyEntry& entry) const {
    cv::Vec4f color = cv::Vec4f::all(1);
    for (int c = 0; c < 4; ++c) {
      if (columns_[c] >= 0 && !entry[columns_[c]].empty()) {
        color[c] = static_cast<float>(entry[columns_[c]][0] / scale_[c]);
      }
    }
    return color;
  }

 private:
  std::array<int, 4> columns_{};
  std::array<double, 4> scale_{};
};

// Colours between 0 and 1. Some writers of floating-point colours count to 255 all the same.
void settle_colors(const std::vector<cv::Vec4f*>& colors) {
  constexpr float kBrightestOfOne = 2;  // and a little overshoot
  constexpr float kFull = 255;
  cv::Vec2f largest;  // of colour, of alpha
  for (const cv::Vec4f* color : colors) {
    for (int c = 0; c < 4; ++c) {
      largest[c / 3] = std::max(largest[c / 3], (*color)[c]);
    }
  }
  for (cv::Vec4f* color : colors) {
    for (int c = 0; c < 4; ++c) {
      const float value = (*color)[c] / (largest[c / 3] > kBrightestOfOne ? kFull : 1);
      (*color)[c] = value >= 0 ? std::min(value, 1.0F) : 0;  // NaN, too
    }
  }
}

// One triangle with what belongs to it rather than to its vertices.
struct PlyTriangle {
  cv::Vec3i vertices;
  std::array<cv::Vec2f, 3> uvs;
  int image = 0;
  cv::Vec4f color;
};

class PlyReader {
 public:
  explicit PlyReader(const std::filesystem::path& path)
      : path_(path), file_(path), textures_(path, &result_.notes) {
    for (const std::string& comment : file_.comments()) {
      constexpr std::string_view kKeyword = "TextureFile";
      if (comment.compare(0, kKeyword.size(), kKeyword) == 0) {
        const std::size_t begin = comment.find_first_not_of(" \t", kKeyword.size());
        image_names_.push_back(begin == std::string::npos ? "" : comment.substr(begin));
      }
    }
  }

  MeshParts read() {
    for (const PlyElement& element : file_.elements()) {
      if (element.name == "vertex") {
        read_vertices(element);
      } else if (element.name == "face") {
        read_faces(element);
      } else if (element.name == "tristrips") {
        read_strips(element);
      } else {
        file_.read_entries(element, [](const PlyEntry&) {});
      }
    }
    check();
    std::vector<cv::Vec4f*> colors;
    for (cv::Vec4f& color : vertex_colors_) {
      colors.push_back(&color);
    }
    settle_colors(colors);
    colors.clear();
    for (PlyTriangle& triangle : triangles_) {
      colors.push_back(&triangle.color);
    }
    settle_colors(colors);
    add_parts();
    return std::move(result_);
  }

 private:
  void read_vertices(const PlyElement& element) {
    const std::array<int, 3> position = {
        element.find({"x"}), element.find({"y"}), element.find({"z"})};
    const ColorColumns colors(element);
    is_of_gaussians_ = element.find({"f_dc_0"}) >= 0;
    const int u = element.find({"s", "u", "texture_u", "texture_s"});
    const int v = element.find({"t", "v", "texture_v", "texture_t"});
    file_.read_entries(element, [&](const PlyEntry& entry) {
      cv::Vec3f p;
      for (int i = 0; i < 3; ++i) {
        if (position[i] >= 0 && !entry[position[i]].empty()) {
          p[i] = static_cast<float>(entry[position[i]][0]);
        }
      }
      vertices_.push_back(p);
      if (colors.present()) {
        vertex_colors_.push_back(colors.color(entry));
      }
      if (u >= 0 && v >= 0 && !entry[u].empty() && !entry[v].empty()) {
        vertex_uvs_.emplace_back(static_cast<float>(entry[u][0]), static_cast<float>(entry[v][0]));
      }
    });
  }

  void read_faces(const PlyElement& element) {
    const int indices = element.find({"vertex_indices", "vertex_index"});
    const int uvs = element.find({"texcoord"});
    const int image = element.find({"texnumber"});
    const ColorColumns colors(element);
    has_face_colors_ = colors.present();
    if (indices < 0) {
      file_.read_entries(element, [](const PlyEntry&) {});
      return;
    }
    file_.read_entries(element, [&](const PlyEntry& entry) {
      PlyTriangle triangle;
      triangle.color = colors.color(entry);
      if (image >= 0 && !entry[image].empty()) {
        triangle.image = static_cast<int>(std::clamp(entry[image][0], -1.0, 1e6));
      }
      const std::vector<double>& corners = entry[indices];
      for (const double corner : corners) {
        if (!(corner >= 0 && corner < 2147483647.0)) {
          file_.fail("a face that names an impossible vertex");
        }
      }
      const bool has_uvs = uvs >= 0 && entry[uvs].size() == 2 * corners.size();
      has_corner_uvs_ = has_corner_uvs_ || has_uvs;
      for (std::size_t i = 2; i < corners.size(); ++i) {
        const std::array<std::size_t, 3> fan = {0, i - 1, i};
        for (int k = 0; k < 3; ++k) {
          triangle.vertices[k] = static_cast<int>(corners[fan[k]]);
          if (has_uvs) {
            triangle.uvs[k] = {static_cast<float>(entry[uvs][2 * fan[k]]),
                               static_cast<float>(entry[uvs][2 * fan[k] + 1])};
          }
        }
        triangles_.push_back(triangle);
      }
    });
  }

  // Triangles of which each shares two vertices with the one before, as Stanford's scans have them;
  // −1 ends a strip.
  void read_strips(const PlyElement& element) {
    const int indices = element.find({"vertex_indices", "vertex_index"});
    file_.read_entries(element, [&](const PlyEntry& entry) {
      std::vector<int> strip;
      for (const double corner : indices < 0 ? std::vector<double>() : entry[indices]) {
        if (corner == -1) {
          strip.clear();
          continue;
        }
        if (!(corner >= 0 && corner < 2147483647.0)) {
          file_.fail("a strip that names an impossible vertex");
        }
        strip.push_back(static_cast<int>(corner));
        if (const std::size_t n = strip.size(); n >= 3) {
          const bool is_turned = n % 2 == 0;
          PlyTriangle triangle{.color = cv::Vec4f::all(1)};
          triangle.vertices = {
              strip[n - (is_turned ? 2 : 3)], strip[n - (is_turned ? 3 : 2)], strip[n - 1]};
          triangles_.push_back(triangle);
        }
      }
    });
  }

  void check() const {
    if (triangles_.empty()) {
      const bool points = !vertices_.empty();
      throw broken_mesh(path_,
                        is_of_gaussians_ ? "the Gaussians of 3D Gaussian splatting, without faces"
                        : points         ? "points without faces"
                                         : "a file without faces",
                        points ? "Make a mesh of the points first." : "Export it again.");
    }
    const int num_vertices = static_cast<int>(vertices_.size());
    for (const PlyTriangle& triangle : triangles_) {
      if (*std::max_element(triangle.vertices.val, triangle.vertices.val + 3) >= num_vertices) {
        file_.fail("a face that names a vertex beyond the last");
      }
    }
    for (const cv::Vec3f& p : vertices_) {
      if (!std::isfinite(p[0]) || !std::isfinite(p[1]) || !std::isfinite(p[2])) {
        file_.fail("a vertex whose position is not a finite number");
      }
    }
  }

  // One part per image that faces use.
  void add_parts() {
    TriangleMesh whole;
    whole.vertices = vertices_;
    for (const PlyTriangle& triangle : triangles_) {
      whole.faces.push_back(triangle.vertices);
    }
    compute_corner_normals(&whole);
    const bool has_uvs = has_corner_uvs_ || vertex_uvs_.size() == vertices_.size();
    if (has_uvs && image_names_.empty()) {
      result_.notes.emplace_back(
          "it has texture coordinates but names no image (comment TextureFile): no texture is "
          "shown");
    } else if (!has_uvs && !image_names_.empty()) {
      result_.notes.push_back(fmt::format(
          "the texture '{}' is left out: there are no texture coordinates", image_names_[0]));
    }
    std::map<int, std::vector<std::size_t>> by_image;
    for (std::size_t i = 0; i < triangles_.size(); ++i) {
      by_image[has_uvs && !image_names_.empty() ? triangles_[i].image : -1].push_back(i);
    }
    for (const auto& [image, members] : by_image) {
      add_part(whole, image, members);
    }
  }

  void add_part(const TriangleMesh& whole, int image, const std::vector<std::size_t>& members) {
    RenderPart part;
    cv::Mat pixels;
    if (image >= 0 && image < static_cast<int>(image_names_.size())) {
      pixels = textures_.read(image_names_[image]);
    }
    const bool textured = !pixels.empty();
    const bool colored = has_face_colors_ || !vertex_colors_.empty();
    if (textured && colored && !noted_colors_) {
      noted_colors_ = true;
      result_.notes.emplace_back("where it has a texture, its other colours are not used");
    }
    // Corners of one vertex may differ in colour and coordinates: then each has a vertex of its
    // own.
    const bool split = has_face_colors_ || has_corner_uvs_;
    std::vector<int> kept(whole.vertices.size(), -1);
    const auto vertex_of = [&](const PlyTriangle& triangle, int k) {
      const int source = triangle.vertices[k];
      if (!split && kept[source] >= 0) {
        return kept[source];
      }
      kept[source] = static_cast<int>(part.mesh.vertices.size());
      part.mesh.vertices.push_back(whole.vertices[source]);
      if (textured) {
        const cv::Vec2f uv = has_corner_uvs_ ? triangle.uvs[k] : vertex_uvs_[source];
        const bool finite = std::isfinite(uv[0]) && std::isfinite(uv[1]);
        part.image.uvs.push_back(finite ? uv : cv::Vec2f());
      } else if (colored) {
        part.mesh.vertex_colors.push_back(has_face_colors_ ? triangle.color
                                                           : vertex_colors_[source]);
      }
      return kept[source];
    };
    for (const std::size_t i : members) {
      cv::Vec3i face;
      for (int k = 0; k < 3; ++k) {
        face[k] = vertex_of(triangles_[i], k);
        part.mesh.corner_normals.push_back(whole.corner_normals[3 * i + k]);
      }
      part.mesh.faces.push_back(face);
    }
    part.image.pixels = pixels;
    part.texture.colors[0] = cv::Vec3f::all(textured || colored ? 1 : kPlyUnpainted);
    use_alpha(&part);
    result_.parts.push_back(std::move(part));
  }

  // Alpha counts where it varies or is partial: some writers leave it at 0 throughout.
  static void use_alpha(RenderPart* part) {
    const std::vector<cv::Vec4f>& colors = part->mesh.vertex_colors;
    const auto at_least = [&](float alpha) {
      return std::any_of(colors.begin(), colors.end(), [alpha](const cv::Vec4f& color) {
        return color[3] > alpha;
      });
    };
    const bool partial = std::any_of(
        colors.begin(), colors.end(), [](const cv::Vec4f& color) { return color[3] < 1; });
    if (partial && at_least(0)) {
      part->surface.alpha_mode = AlphaMode::kBlend;
    }
  }

  std::filesystem::path path_;
  PlyFile file_;
  MeshParts result_;
  TextureFiles textures_;
  std::vector<std::string> image_names_;
  std::vector<cv::Vec3f> vertices_;
  std::vector<cv::Vec4f> vertex_colors_;  // empty, or one per vertex
  std::vector<cv::Vec2f> vertex_uvs_;     // empty, or one per vertex
  std::vector<PlyTriangle> triangles_;
  bool is_of_gaussians_ = false;
  bool has_face_colors_ = false;
  bool has_corner_uvs_ = false;
  bool noted_colors_ = false;
};

}  // namespace

MeshParts read_ply(const std::filesystem::path& path) { return PlyReader(path).read(); }

}  // namespace parallax
