// Polygons cut into triangles, and vertices in the same place.
#pragma once

#include <array>
#include <opencv2/core/matx.hpp>
#include <vector>

namespace parallax {

// The triangles of a polygon with these corners in order: n − 2 of them, as positions in `corners`,
// turning as the polygon does. Ears are cut off where it is concave; what has none, such as a
// polygon that crosses itself, and more than 1,024 corners make a fan. Fewer than three corners
// give none.
std::vector<std::array<int, 3>> triangulate(const std::vector<cv::Vec3f>& corners);

// For each position the first one that equals it: those of writers that repeat a vertex for each of
// its faces.
std::vector<int> first_equal(const std::vector<cv::Vec3f>& positions);

}  // namespace parallax
