// The solids that procedural scenes are made of: closed triangle meshes with optional rough
// surfaces and cut-away parts.
#pragma once

#include <array>
#include <cstdint>
#include <opencv2/core/matx.hpp>
#include <vector>

#include "vision/synth/mesh.h"

namespace parallax {

// The shapes of solids.
enum class PrimitiveKind { kEllipsoid, kBox, kCylinder, kCone, kTorus, kCapsule, kPlate };
inline constexpr int kNumPrimitiveKinds = 7;
inline constexpr std::array<const char*, kNumPrimitiveKinds> kPrimitiveNames =
    {"ellipsoid", "box", "cylinder", "cone", "torus", "capsule", "plate"};

// Material to remove: everything beyond a plane, or a bite in the shape of a sphere. Cuts are for
// solids that are star-shaped about the origin (all but the torus), and must leave the origin
// inside.
struct Cut {
  // Whether the cut is a plane or a sphere.
  enum class Kind { kPlane, kSphere };
  Kind kind = Kind::kPlane;
  cv::Vec3f vector;  // plane: unit normal, pointing towards the removed part; sphere: centre
  float scalar = 1;  // plane: distance from the origin; sphere: radius
};

// A solid about the origin of its own coordinates; lengths in the units of the scene.
struct Primitive {
  PrimitiveKind kind = PrimitiveKind::kBox;
  cv::Vec3f half_size = cv::Vec3f::all(0.5F);  // along its axes; round kinds are symmetric about z
  float roundness = 0;               // box, plate, cylinder: edge radius / smallest half size
  float taper = 0;                   // cone: radius at the top / radius at the bottom
  float tube = 0.3F;                 // torus: tube radius / outer radius
  int sides = 0;                     // cylinder, cone: 0 = round, else a prism or pyramid
  float displacement = 0;            // height of the roughness
  float displacement_frequency = 1;  // its cycles per unit
  std::uint32_t displacement_seed = 0;
  std::vector<Cut> cuts;
};

// A closed mesh with normals. Throws Error if a size is not positive.
TriangleMesh build_primitive(const Primitive& primitive);

// Moves each vertex along its normal by noise of the given height and frequency.
void displace(TriangleMesh* mesh, float height, float frequency, std::uint32_t seed);

// Removes everything beyond the cut: edges that cross it are split, then vertices beyond it slide
// towards the origin until they meet it, so that the rim is sharp and the mesh stays closed.
void apply_cut(TriangleMesh* mesh, const Cut& cut);

}  // namespace parallax
