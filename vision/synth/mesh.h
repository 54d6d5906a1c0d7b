// Triangle meshes as plain arrays, and their properties: normals with creases, closedness, volume,
// bounds.
#pragma once

#include <opencv2/core/matx.hpp>
#include <vector>

namespace parallax {

// An indexed triangle mesh.
struct TriangleMesh {
  std::vector<cv::Vec3f> vertices;        // [N]
  std::vector<cv::Vec3i> faces;           // [F] vertex indices, counter-clockwise from outside
  std::vector<cv::Vec3f> corner_normals;  // [3·F] unit, one per corner of each face
  std::vector<cv::Vec4f> vertex_colors;   // empty, or [N] RGBA in [0, 1]
};

// Fills `corner_normals`: each corner averages the faces around its vertex (weighted by area) whose
// normals are within the crease angle of its own face's, so that the edges of a box stay sharp
// although its vertices are shared.
void compute_corner_normals(TriangleMesh* mesh, double crease_degrees = 38);

// One averaged normal per vertex.
std::vector<cv::Vec3f> vertex_normals(const TriangleMesh& mesh);  // [N]

// Whether every edge belongs to exactly two faces that run along it in opposite directions.
bool is_closed(const TriangleMesh& mesh);

// Enclosed volume; positive where faces are counter-clockwise from outside.
double signed_volume(const TriangleMesh& mesh);

// An axis-aligned bounding box.
struct Bounds {
  cv::Vec3f low = cv::Vec3f::all(1e30F);
  cv::Vec3f high = cv::Vec3f::all(-1e30F);

  void include(const cv::Vec3f& point);
  cv::Vec3f center() const { return (low + high) * 0.5F; }
};

Bounds bounds_of(const std::vector<cv::Vec3f>& points);

}  // namespace parallax
