// Changes to solids: rough surfaces and cuts.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <unordered_map>

#include "vision/synth/noise.h"
#include "vision/synth/primitives.h"

namespace parallax {

namespace {

constexpr float kUnlimited = std::numeric_limits<float>::max();

// How far from the origin the solid may reach in a unit direction.
float reach(const Cut& cut, const cv::Vec3f& direction) {
  const float along = cut.vector.dot(direction);
  if (along <= 0) {
    return kUnlimited;
  }
  if (cut.kind == Cut::Kind::kPlane) {
    return cut.scalar / along;
  }
  const float discriminant = along * along - (cut.vector.dot(cut.vector) - cut.scalar * cut.scalar);
  return discriminant < 0 ? kUnlimited : along - std::sqrt(discriminant);
}

bool is_beyond(const Cut& cut, const cv::Vec3f& point) {
  const float length = std::sqrt(point.dot(point));
  return length > 0 && length > reach(cut, point * (1 / length));
}

// Splits faces along the border of the removed part.
class Splitter {
 public:
  Splitter(TriangleMesh* mesh, const Cut& cut) : mesh_(mesh), cut_(cut) {
    for (const cv::Vec3f& p : mesh->vertices) {
      beyond_.push_back(is_beyond(cut, p));
    }
  }

  // Splits the faces and returns which vertices must slide.
  std::vector<bool> run() {
    std::vector<cv::Vec3i> faces;
    faces.reserve(mesh_->faces.size() * 5 / 4);
    for (const cv::Vec3i& face : mesh_->faces) {
      int lone = -1;
      for (int k = 0; k < 3; ++k) {
        const bool self = beyond_[face[k]];
        if (self != beyond_[face[(k + 1) % 3]] && self != beyond_[face[(k + 2) % 3]]) {
          lone = k;
        }
      }
      if (lone < 0) {
        faces.push_back(face);
        continue;
      }
      const int a = face[lone];
      const int b = face[(lone + 1) % 3];
      const int c = face[(lone + 2) % 3];
      const int ab = crossing(a, b);
      const int ac = crossing(a, c);
      faces.emplace_back(a, ab, ac);
      faces.emplace_back(ab, b, c);
      faces.emplace_back(ab, c, ac);
    }
    mesh_->faces = std::move(faces);
    return std::move(beyond_);
  }

 private:
  // The vertex where an edge crosses the border, created once for both of its faces.
  int crossing(int a, int b) {
    if (a > b) {
      std::swap(a, b);
    }
    const std::uint64_t key = static_cast<std::uint64_t>(a) << 32 | static_cast<std::uint32_t>(b);
    const auto [entry, is_new] = made_.emplace(key, static_cast<int>(mesh_->vertices.size()));
    if (is_new) {
      cv::Vec3f kept = mesh_->vertices[beyond_[a] ? b : a];
      cv::Vec3f removed = mesh_->vertices[beyond_[a] ? a : b];
      for (int i = 0; i < 16; ++i) {
        const cv::Vec3f middle = (kept + removed) * 0.5F;
        (is_beyond(cut_, middle) ? removed : kept) = middle;
      }
      mesh_->vertices.push_back(kept);
      beyond_.push_back(false);
    }
    return entry->second;
  }

  TriangleMesh* mesh_;
  const Cut& cut_;
  std::vector<bool> beyond_;
  std::unordered_map<std::uint64_t, int> made_;
};

}  // namespace

void displace(TriangleMesh* mesh, float height, float frequency, std::uint32_t seed) {
  const std::vector<cv::Vec3f> normals = vertex_normals(*mesh);
  for (std::size_t i = 0; i < mesh->vertices.size(); ++i) {
    cv::Vec3f& p = mesh->vertices[i];
    p += normals[i] * (height * fractal_noise(p * frequency, 2, seed));
  }
}

void apply_cut(TriangleMesh* mesh, const Cut& cut) {
  const std::vector<bool> slides = Splitter(mesh, cut).run();
  for (std::size_t i = 0; i < slides.size(); ++i) {
    if (slides[i]) {
      cv::Vec3f& p = mesh->vertices[i];
      const float length = std::sqrt(p.dot(p));
      p *= reach(cut, p * (1 / length)) / length;
    }
  }
}

}  // namespace parallax
