// Triangle meshes as plain arrays, and what can be said about them: normals with creases,
// closedness, volume, bounds.
#pragma once

#include <opencv2/core/matx.hpp>
#include <vector>

namespace parallax {

struct TriangleMesh {
  std::vector<cv::Vec3f> vertices;        // [N]
  std::vector<cv::Vec3i> faces;           // [F] vertex indices, counter-clockwise from outside
  std::vector<cv::Vec3f> corner_normals;  // [3·F] unit, one for each corner of each face
  // Optional, empty or as long as `vertices`:
  std::vector<cv::Vec3f> vertex_colors;  // [N] RGB in [0, 1]
  std::vector<cv::Vec2f> uvs;            // [N] origin at the image's lower left
};

// Fills `corner_normals`: each corner averages the faces around its vertex (weighted by area) that
// are within the crease angle of its own face, so that edges of a box stay sharp although its
// vertices are shared.
void compute_corner_normals(TriangleMesh* mesh, double crease_degrees = 38);

// One averaged normal for each vertex.
std::vector<cv::Vec3f> vertex_normals(const TriangleMesh& mesh);  // [N]

// Whether every edge belongs to exactly two faces that run along it in opposite directions.
bool is_closed(const TriangleMesh& mesh);

// Enclosed volume; positive where faces are counter-clockwise from outside.
double signed_volume(const TriangleMesh& mesh);

struct Bounds {
  cv::Vec3f low = cv::Vec3f::all(1e30F);
  cv::Vec3f high = cv::Vec3f::all(-1e30F);

  void include(const cv::Vec3f& point);
  cv::Vec3f center() const { return (low + high) * 0.5F; }
};

Bounds bounds_of(const std::vector<cv::Vec3f>& points);

}  // namespace parallax
