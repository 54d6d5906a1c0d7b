// Ear clipping in the plane that a polygon is closest to.
#include "vision/synth/meshes/polygons.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string_view>
#include <unordered_map>

namespace parallax {
namespace {

constexpr std::size_t kMostCornersOfEars = 1024;  // the work is their square

using Corners2d = std::vector<cv::Vec2d>;

// The corners as seen along the polygon's normal (Newell's), on the plane of two axes; the polygon
// turns counter-clockwise in it.
Corners2d flattened(const std::vector<cv::Vec3f>& corners) {
  cv::Vec3d normal;
  for (std::size_t i = 0; i < corners.size(); ++i) {
    const cv::Vec3d a = corners[i] - corners[0];
    const cv::Vec3d b = corners[(i + 1) % corners.size()] - corners[0];
    normal += a.cross(b);
  }
  int axis = 0;
  for (int k = 1; k < 3; ++k) {
    axis = std::abs(normal[k]) > std::abs(normal[axis]) ? k : axis;
  }
  const int u = (axis + 1) % 3;
  const int v = (axis + 2) % 3;
  Corners2d flat;
  for (const cv::Vec3f& p : corners) {
    flat.emplace_back(normal[axis] < 0 ? p[v] : p[u], normal[axis] < 0 ? p[u] : p[v]);
  }
  return flat;
}

// Twice the area of a triangle, positive where it turns counter-clockwise.
double turn(const cv::Vec2d& a, const cv::Vec2d& b, const cv::Vec2d& c) {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

class EarClipper {
 public:
  explicit EarClipper(const std::vector<cv::Vec3f>& corners) : flat_(flattened(corners)) {
    for (std::size_t i = 0; i < corners.size(); ++i) {
      left_.push_back(static_cast<int>(i));
    }
  }

  std::vector<std::array<int, 3>> run() {
    std::vector<std::array<int, 3>> triangles;
    std::size_t at = 1;
    std::size_t tried = 0;
    while (left_.size() > 3 && tried < left_.size()) {
      at %= left_.size();
      const std::array<int, 3> ear = around(at);
      if (!is_ear(ear)) {
        ++at;
        ++tried;
        continue;
      }
      triangles.push_back(ear);
      left_.erase(left_.begin() + static_cast<std::ptrdiff_t>(at));
      tried = 0;
    }
    for (std::size_t i = 2; i < left_.size(); ++i) {
      triangles.push_back({left_[0], left_[i - 1], left_[i]});
    }
    return triangles;
  }

 private:
  std::array<int, 3> around(std::size_t at) const {
    const std::size_t n = left_.size();
    return {left_[(at + n - 1) % n], left_[at], left_[(at + 1) % n]};
  }

  // Whether the triangle lies inside and holds none of the other corners.
  bool is_ear(const std::array<int, 3>& ear) const {
    const cv::Vec2d& a = flat_[ear[0]];
    const cv::Vec2d& b = flat_[ear[1]];
    const cv::Vec2d& c = flat_[ear[2]];
    if (!(turn(a, b, c) > 0)) {
      return false;
    }
    for (const int other : left_) {
      const cv::Vec2d& p = flat_[other];
      if (p != a && p != b && p != c && turn(a, b, p) >= 0 && turn(b, c, p) >= 0 &&
          turn(c, a, p) >= 0) {
        return false;
      }
    }
    return true;
  }

  Corners2d flat_;
  std::vector<int> left_;
};

bool is_convex(const Corners2d& flat) {
  for (std::size_t i = 0; i < flat.size(); ++i) {
    if (turn(flat[i], flat[(i + 1) % flat.size()], flat[(i + 2) % flat.size()]) < 0) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::vector<std::array<int, 3>> triangulate(const std::vector<cv::Vec3f>& corners) {
  if (corners.size() > 3 && corners.size() <= kMostCornersOfEars &&
      !is_convex(flattened(corners))) {
    return EarClipper(corners).run();
  }
  std::vector<std::array<int, 3>> fan;
  for (std::size_t i = 2; i < corners.size(); ++i) {
    fan.push_back({0, static_cast<int>(i) - 1, static_cast<int>(i)});
  }
  return fan;
}

std::vector<int> first_equal(const std::vector<cv::Vec3f>& positions) {
  const auto hash = [](const cv::Vec3f& p) {
    const cv::Vec3f plain = p + cv::Vec3f();  // −0 equals 0
    return std::hash<std::string_view>()(
        {reinterpret_cast<const char*>(plain.val), sizeof plain.val});
  };
  std::unordered_map<cv::Vec3f, int, decltype(hash)> first(positions.size(), hash);
  std::vector<int> result;
  result.reserve(positions.size());
  for (const cv::Vec3f& p : positions) {
    result.push_back(first.emplace(p, static_cast<int>(result.size())).first->second);
  }
  return result;
}

}  // namespace parallax
