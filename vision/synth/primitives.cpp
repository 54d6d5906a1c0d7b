// Two constructions give all kinds: a box with rounded edges (a sphere in the extreme case) and a
// profile revolved about z.
#include "vision/synth/primitives.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace parallax {

namespace {

constexpr float kPi = 3.14159265358979323846F;

using Profile = std::vector<cv::Vec2f>;  // (distance from the axis, z), from bottom to top

// Coordinates of grid lines along one axis of a rounded box. In the rounded zones they are spaced
// by equal angles, seen from the centre of the rounding.
std::vector<float> grid_lines(float half, float radius, int round_segments, int flat_segments) {
  std::vector<float> lines;
  if (radius > 0) {
    for (int i = 0; i < round_segments; ++i) {
      const float part = 1 - static_cast<float>(i) / static_cast<float>(round_segments);
      lines.push_back(-half + radius - radius * std::tan(part * kPi / 4));
    }
  }
  const float flat = half - radius;
  if (flat > 1e-6F * half) {
    for (int i = 0; i <= flat_segments; ++i) {
      lines.push_back(flat * (2 * static_cast<float>(i) / static_cast<float>(flat_segments) - 1));
    }
  } else {
    lines.push_back(0);
  }
  if (radius > 0) {
    for (int i = round_segments - 1; i >= 0; --i) {
      lines.push_back(-lines[i]);
    }
  }
  return lines;
}

// The vertices of a grid on a box's six sides, each created once.
class BoxGrid {
 public:
  BoxGrid(const cv::Vec3f& half, float radius, int round_segments, int flat_segments)
      : half_(half), radius_(radius) {
    for (int axis = 0; axis < 3; ++axis) {
      lines_[axis] = grid_lines(half[axis], radius, round_segments, flat_segments);
    }
    index_.assign(lines_[0].size() * lines_[1].size() * lines_[2].size(), -1);
    for (int axis = 0; axis < 3; ++axis) {
      add_side(axis, false);
      add_side(axis, true);
    }
  }

  TriangleMesh take() { return std::move(mesh_); }

 private:
  int vertex(const cv::Vec3i& cell) {
    const std::size_t slot = (cell[0] * lines_[1].size() + cell[1]) * lines_[2].size() + cell[2];
    if (index_[slot] < 0) {
      cv::Vec3f p;
      cv::Vec3f inner;
      for (int i = 0; i < 3; ++i) {
        p[i] = lines_[i][cell[i]];
        inner[i] = std::clamp(p[i], radius_ - half_[i], half_[i] - radius_);
      }
      if (radius_ > 0) {
        const cv::Vec3f d = p - inner;
        p = inner + d * (radius_ / std::sqrt(d.dot(d)));
      }
      index_[slot] = static_cast<int>(mesh_.vertices.size());
      mesh_.vertices.push_back(p);
    }
    return index_[slot];
  }

  void add_side(int axis, bool upper) {
    const int b = (axis + 1) % 3;
    const int c = (axis + 2) % 3;
    cv::Vec3i cell;
    cell[axis] = upper ? static_cast<int>(lines_[axis].size()) - 1 : 0;
    for (int i = 0; i + 1 < static_cast<int>(lines_[b].size()); ++i) {
      for (int j = 0; j + 1 < static_cast<int>(lines_[c].size()); ++j) {
        std::array<int, 4> quad{};
        for (int k = 0; k < 4; ++k) {
          cell[b] = i + (k == 1 || k == 2 ? 1 : 0);
          cell[c] = j + (k >= 2 ? 1 : 0);
          quad[upper ? k : 3 - k] = vertex(cell);
        }
        mesh_.faces.emplace_back(quad[0], quad[1], quad[2]);
        mesh_.faces.emplace_back(quad[0], quad[2], quad[3]);
      }
    }
  }

  cv::Vec3f half_;
  float radius_;
  std::array<std::vector<float>, 3> lines_;
  std::vector<int> index_;
  TriangleMesh mesh_;
};

void append_arc(Profile* profile, cv::Vec2f center, cv::Vec2f radius, float from, float to, int n) {
  for (int i = 0; i <= n; ++i) {
    const float angle = from + (to - from) * static_cast<float>(i) / static_cast<float>(n);
    profile->emplace_back(center[0] + radius[0] * std::cos(angle),
                          center[1] + radius[1] * std::sin(angle));
  }
}

// Splits long pieces, so that displacement and bites find vertices to move.
Profile subdivided(const Profile& profile, float max_length) {
  Profile result;
  for (std::size_t i = 0; i + 1 < profile.size(); ++i) {
    const cv::Vec2f step = profile[i + 1] - profile[i];
    const int n = std::max(1, static_cast<int>(std::ceil(std::sqrt(step.dot(step)) / max_length)));
    for (int k = 0; k < n; ++k) {
      result.push_back(profile[i] + step * (static_cast<float>(k) / static_cast<float>(n)));
    }
  }
  result.push_back(profile.back());
  return result;
}

// The outline that a profile is revolved along: a circle, or a regular polygon inscribed in it
// whose edges may be subdivided.
struct Outline {
  int segments = 40;
  int corners = 0;  // 0: circle

  cv::Vec2f at(int i) const {
    const float angle = 2 * kPi * static_cast<float>(i) / static_cast<float>(segments);
    float radius = 1;
    if (corners > 0) {
      const float half = kPi / static_cast<float>(corners);
      radius = std::cos(half) / std::cos(std::fmod(angle + 1e-5F, 2 * half) - half);
    }
    return {radius * std::cos(angle), radius * std::sin(angle)};
  }
};

// Revolves a profile about z. An open one starts and ends on the axis; a loop does not touch it and
// repeats no point. The outside is to the right of the direction of travel.
TriangleMesh revolve(const Profile& profile, const Outline& outline, bool loop) {
  TriangleMesh mesh;
  const int sides = outline.segments;
  const int n = static_cast<int>(profile.size());
  std::vector<int> first(n);  // first vertex of each ring; a pole has only one
  const auto is_pole = [&](int j) { return !loop && (j == 0 || j == n - 1); };
  for (int j = 0; j < n; ++j) {
    first[j] = static_cast<int>(mesh.vertices.size());
    if (is_pole(j)) {
      mesh.vertices.emplace_back(0, 0, profile[j][1]);
      continue;
    }
    for (int i = 0; i < sides; ++i) {
      const cv::Vec2f p = outline.at(i) * profile[j][0];
      mesh.vertices.emplace_back(p[0], p[1], profile[j][1]);
    }
  }
  const auto at = [&](int j, int i) { return is_pole(j) ? first[j] : first[j] + i % sides; };
  for (int j = 0; j < (loop ? n : n - 1); ++j) {
    const int above = (j + 1) % n;
    for (int i = 0; i < sides; ++i) {
      if (!is_pole(j)) {
        mesh.faces.emplace_back(at(j, i), at(j, i + 1), at(above, i));
      }
      if (!is_pole(above)) {
        mesh.faces.emplace_back(at(j, i + 1), at(above, i + 1), at(above, i));
      }
    }
  }
  return mesh;
}

Profile cylinder_profile(float h, float round_rho, float round_z) {
  if (round_z <= 0) {
    return {{0, -h}, {1, -h}, {1, h}, {0, h}};
  }
  Profile profile = {{0, -h}};
  const cv::Vec2f radius = {round_rho, round_z};
  append_arc(&profile, {1 - round_rho, -h + round_z}, radius, -kPi / 2, 0, 5);
  append_arc(&profile, {1 - round_rho, h - round_z}, radius, 0, kPi / 2, 5);
  profile.emplace_back(0, h);
  return profile;
}

Profile capsule_profile(float h, float radius) {
  const float straight = std::max(h - radius, 0.0F);
  const float cap = std::min(radius, h);
  Profile profile;
  append_arc(&profile, {0, -straight}, {1, cap}, -kPi / 2, 0, 8);
  if (straight <= 0) {
    profile.pop_back();
  }
  append_arc(&profile, {0, straight}, {1, cap}, 0, kPi / 2, 8);
  return profile;
}

// Builds the kinds that are revolved about z, with radius 1 in the plane and true heights.
TriangleMesh build_turned(const Primitive& primitive, bool fine) {
  const float h = primitive.half_size[2];
  const float radius = 0.5F * (primitive.half_size[0] + primitive.half_size[1]);
  Outline outline = {fine ? 72 : 40, 0};
  if (primitive.sides >= 3) {
    outline = {primitive.sides * (fine ? (71 / primitive.sides + 1) : 1), primitive.sides};
  }
  if (primitive.kind == PrimitiveKind::kTorus) {
    Profile loop;
    append_arc(&loop, {1 - primitive.tube, 0}, {primitive.tube, h}, -kPi, kPi, fine ? 32 : 20);
    loop.pop_back();
    return revolve(loop, {fine ? 72 : 40, 0}, true);
  }
  Profile profile;
  if (primitive.kind == PrimitiveKind::kCapsule) {
    profile = capsule_profile(h, radius);
  } else if (primitive.kind == PrimitiveKind::kCylinder) {
    const float round = primitive.roundness * std::min(h, radius);
    profile = cylinder_profile(h, round / radius, round);
  } else if (primitive.taper < 0.02F) {
    profile = {{0, -h}, {1, -h}, {0, h}};
  } else {
    profile = {{0, -h}, {1, -h}, {primitive.taper, h}, {0, h}};
  }
  return revolve(fine ? subdivided(profile, 0.08F) : profile, outline, false);
}

TriangleMesh build_boxy(const Primitive& primitive, bool fine) {
  if (primitive.kind == PrimitiveKind::kEllipsoid) {
    TriangleMesh mesh = BoxGrid(cv::Vec3f::all(1), 1, fine ? 12 : 6, 1).take();
    for (cv::Vec3f& p : mesh.vertices) {
      p = p.mul(primitive.half_size);
    }
    return mesh;
  }
  const cv::Vec3f& half = primitive.half_size;
  const float smallest = std::min({half[0], half[1], half[2]});
  return BoxGrid(half, primitive.roundness * smallest, fine ? 5 : 4, fine ? 20 : 1).take();
}

}  // namespace

TriangleMesh build_primitive(const Primitive& primitive) {
  for (int i = 0; i < 3; ++i) {
    if (!(primitive.half_size[i] > 0)) {
      throw Error(ErrorParts{.what = "a primitive has no extent",
                             .where = kPrimitiveNames[static_cast<int>(primitive.kind)],
                             .expected = "positive half sizes",
                             .got = std::to_string(primitive.half_size[i])});
    }
  }
  const bool fine = primitive.displacement > 0 || !primitive.cuts.empty();
  const bool boxy = primitive.kind == PrimitiveKind::kEllipsoid ||
                    primitive.kind == PrimitiveKind::kBox ||
                    primitive.kind == PrimitiveKind::kPlate;
  TriangleMesh mesh = boxy ? build_boxy(primitive, fine) : build_turned(primitive, fine);
  if (!boxy) {
    for (cv::Vec3f& p : mesh.vertices) {
      p[0] *= primitive.half_size[0];
      p[1] *= primitive.half_size[1];
    }
  }
  if (primitive.displacement > 0) {
    displace(&mesh,
             primitive.displacement,
             primitive.displacement_frequency,
             primitive.displacement_seed);
  }
  for (const Cut& cut : primitive.cuts) {
    apply_cut(&mesh, cut);
  }
  compute_corner_normals(&mesh);
  return mesh;
}

}  // namespace parallax
