// Properties of triangle meshes.
#include "vision/synth/mesh.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <unordered_map>

namespace parallax {

namespace {

constexpr double kDegrees = 3.14159265358979323846 / 180;

// Twice the face's area times its unit normal.
cv::Vec3f area_normal(const TriangleMesh& mesh, const cv::Vec3i& face) {
  const cv::Vec3f& a = mesh.vertices[face[0]];
  return (mesh.vertices[face[1]] - a).cross(mesh.vertices[face[2]] - a);
}

cv::Vec3f unit_or(const cv::Vec3f& v, const cv::Vec3f& otherwise) {
  const float length = std::sqrt(v.dot(v));
  return length > 1e-20F ? v * (1 / length) : otherwise;
}

std::vector<cv::Vec3f> area_normals(const TriangleMesh& mesh) {
  std::vector<cv::Vec3f> normals(mesh.faces.size());
  std::transform(mesh.faces.begin(), mesh.faces.end(), normals.begin(), [&](const cv::Vec3i& face) {
    return area_normal(mesh, face);
  });
  return normals;
}

// Faces around each vertex: those of vertex v are faces[first[v]] … faces[first[v + 1] − 1].
struct VertexFaces {
  std::vector<int> first;
  std::vector<int> faces;
};

VertexFaces faces_around_vertices(const TriangleMesh& mesh) {
  VertexFaces around;
  around.first.assign(mesh.vertices.size() + 1, 0);
  for (const cv::Vec3i& face : mesh.faces) {
    for (int k = 0; k < 3; ++k) {
      ++around.first[face[k] + 1];
    }
  }
  for (std::size_t v = 0; v < mesh.vertices.size(); ++v) {
    around.first[v + 1] += around.first[v];
  }
  std::vector<int> next(around.first.begin(), around.first.end() - 1);
  around.faces.resize(mesh.faces.size() * 3);
  for (std::size_t f = 0; f < mesh.faces.size(); ++f) {
    for (int k = 0; k < 3; ++k) {
      around.faces[next[mesh.faces[f][k]]++] = static_cast<int>(f);
    }
  }
  return around;
}

}  // namespace

void compute_corner_normals(TriangleMesh* mesh, double crease_degrees) {
  const float min_cosine = static_cast<float>(std::cos(crease_degrees * kDegrees));
  const std::vector<cv::Vec3f> weighted = area_normals(*mesh);
  std::vector<cv::Vec3f> unit(weighted.size());
  std::transform(weighted.begin(), weighted.end(), unit.begin(), [](const cv::Vec3f& n) {
    return unit_or(n, {});
  });
  const VertexFaces around = faces_around_vertices(*mesh);
  mesh->corner_normals.resize(mesh->faces.size() * 3);
  for (std::size_t f = 0; f < mesh->faces.size(); ++f) {
    for (int k = 0; k < 3; ++k) {
      const int vertex = mesh->faces[f][k];
      cv::Vec3f sum;
      for (int i = around.first[vertex]; i < around.first[vertex + 1]; ++i) {
        const int other = around.faces[i];
        if (unit[f].dot(unit[other]) > min_cosine) {
          sum += weighted[other];
        }
      }
      mesh->corner_normals[3 * f + k] = unit_or(sum, unit[f]);
    }
  }
}

std::vector<cv::Vec3f> vertex_normals(const TriangleMesh& mesh) {
  std::vector<cv::Vec3f> normals(mesh.vertices.size());
  for (const cv::Vec3i& face : mesh.faces) {
    const cv::Vec3f n = area_normal(mesh, face);
    for (int k = 0; k < 3; ++k) {
      normals[face[k]] += n;
    }
  }
  for (cv::Vec3f& n : normals) {
    n = unit_or(n, {0, 0, 1});
  }
  return normals;
}

bool is_closed(const TriangleMesh& mesh) {
  // A directed edge may occur only once, and its reverse must occur too.
  std::unordered_map<std::uint64_t, int> directed;
  const auto key = [](int a, int b) {
    return static_cast<std::uint64_t>(a) << 32 | static_cast<std::uint32_t>(b);
  };
  for (const cv::Vec3i& face : mesh.faces) {
    for (int k = 0; k < 3; ++k) {
      if (++directed[key(face[k], face[(k + 1) % 3])] > 1) {
        return false;
      }
    }
  }
  for (const cv::Vec3i& face : mesh.faces) {
    for (int k = 0; k < 3; ++k) {
      if (directed.count(key(face[(k + 1) % 3], face[k])) == 0) {
        return false;
      }
    }
  }
  return !mesh.faces.empty();
}

double signed_volume(const TriangleMesh& mesh) {
  double volume = 0;
  for (const cv::Vec3i& face : mesh.faces) {
    const cv::Vec3d a = mesh.vertices[face[0]];
    const cv::Vec3d b = mesh.vertices[face[1]];
    const cv::Vec3d c = mesh.vertices[face[2]];
    volume += a.dot(b.cross(c)) / 6;
  }
  return volume;
}

void Bounds::include(const cv::Vec3f& point) {
  for (int i = 0; i < 3; ++i) {
    low[i] = std::min(low[i], point[i]);
    high[i] = std::max(high[i], point[i]);
  }
}

Bounds bounds_of(const std::vector<cv::Vec3f>& points) {
  Bounds bounds;
  for (const cv::Vec3f& point : points) {
    bounds.include(point);
  }
  return bounds;
}

}  // namespace parallax
