// Facets out of either kind of STL, then one mesh of them.
#include "vision/synth/meshes/stl_reader.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "core/base/lower_case.h"
#include "core/io/input_file.h"
#include "vision/synth/meshes/obj_statements.h"
#include "vision/synth/meshes/polygons.h"

namespace parallax {
namespace {

constexpr std::size_t kHeaderBytes = 80;
constexpr std::size_t kStartBytes = kHeaderBytes + 4;  // with the number of facets
constexpr std::size_t kFacetBytes = 50;
constexpr float kStlUnpainted = 0.8F;

// Corners three by three, and one colour per facet or none.
struct StlFacets {
  std::vector<cv::Vec3f> corners;
  std::vector<cv::Vec4f> colors;
  std::vector<std::string> notes;
};

template <class T>
T stl_value(std::string_view bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// The colour of whatever has none of its own, as Materialise Magics writes it into the header.
std::optional<cv::Vec4f> magics_color(std::string_view header) {
  constexpr std::string_view kMark = "COLOR=";
  const std::size_t at = header.find(kMark);
  if (at == std::string_view::npos || at + kMark.size() + 4 > header.size()) {
    return std::nullopt;
  }
  cv::Vec4f color(0, 0, 0, 1);
  for (std::size_t c = 0; c < 3; ++c) {
    color[static_cast<int>(c)] =
        static_cast<float>(static_cast<unsigned char>(header[at + kMark.size() + c])) / 255;
  }
  return color;
}

// A facet's 15 bits of colour. Magics has red in the lowest bits and bit 15 where the facet has
// none of its own, which MeshLab (vcglib) sets besides colours; others have blue in the lowest and
// bit 15 where the colour counts.
std::optional<cv::Vec4f> facet_color(unsigned attribute, bool is_magics) {
  const unsigned bits = attribute & 0x7fffU;
  const bool counts = is_magics ? bits != 0 && attribute != 0xffffU : (attribute & 0x8000U) != 0;
  if (!counts) {
    return std::nullopt;
  }
  const auto level = [bits](unsigned shift) {
    return static_cast<float>(bits >> shift & 31U) / 31;
  };
  return is_magics ? cv::Vec4f(level(0), level(5), level(10), 1)
                   : cv::Vec4f(level(10), level(5), level(0), 1);
}

StlFacets binary_facets(std::string_view file, std::size_t count) {
  StlFacets facets;
  const std::optional<cv::Vec4f> common = magics_color(file.substr(0, kHeaderBytes));
  const cv::Vec4f plain(kStlUnpainted, kStlUnpainted, kStlUnpainted, 1);
  bool is_painted = common.has_value();
  facets.corners.reserve(count * 3);
  facets.colors.reserve(count);
  for (std::size_t f = 0; f < count; ++f) {
    const std::size_t at = kStartBytes + f * kFacetBytes;
    for (std::size_t k = 1; k < 4; ++k) {  // the first three numbers are the normal
      const std::size_t from = at + 12 * k;
      facets.corners.emplace_back(stl_value<float>(file, from),
                                  stl_value<float>(file, from + 4),
                                  stl_value<float>(file, from + 8));
    }
    const auto color = facet_color(stl_value<std::uint16_t>(file, at + 48), common.has_value());
    is_painted = is_painted || color;
    facets.colors.push_back(color.value_or(common.value_or(plain)));
  }
  if (!is_painted) {
    facets.colors.clear();
  }
  return facets;
}

StlFacets text_facets(const std::filesystem::path& path) {
  StlFacets facets;
  TextLines lines(path);
  std::size_t open = 0;  // corners before the facet that is not at its end yet
  bool is_inside = false;
  bool has_end = false;
  const auto fail = [&](const char* got) {
    throw broken_mesh(path.string() + ", line " + std::to_string(lines.number()), got);
  };
  while (lines.next()) {
    std::string_view rest = lines.text();
    const std::string word = lower_case(std::string(take_word(&rest)));
    if (word == "facet") {
      if (is_inside) {
        fail("a facet inside a facet");
      }
      is_inside = true;
      open = facets.corners.size();
    } else if (word == "vertex") {
      cv::Vec3f corner;
      for (int i = 0; i < 3; ++i) {
        const std::optional<float> value = as_number(take_word(&rest));
        if (!value) {
          fail("a vertex that is not three finite numbers");
        }
        corner[i] = *value;
      }
      facets.corners.push_back(corner);
    } else if (word == "endfacet") {
      if (!is_inside || facets.corners.size() != open + 3) {
        fail("a facet that has not three vertices");
      }
      is_inside = false;
    } else if (word == "endsolid") {
      has_end = true;
    }
  }
  if (is_inside || facets.corners.size() % 3 != 0) {
    throw broken_mesh(path, "a file that ends inside a facet");
  }
  if (!has_end) {
    facets.notes.emplace_back("it has no 'endsolid': the end may be missing");
  }
  return facets;
}

StlFacets read_facets(const std::filesystem::path& path) {
  const InputFile file(path);
  const std::string start =
      file.read(0, static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), kStartBytes)));
  const std::size_t begin = std::min(start.find_first_not_of(" \t\r\n"), start.size());
  const bool says_text = lower_case(start.substr(begin, 5)) == "solid";
  const std::uint64_t count =
      start.size() < kStartBytes ? 0 : stl_value<std::uint32_t>(start, kHeaderBytes);
  const std::uint64_t whole = kStartBytes + count * kFacetBytes;
  // Binary files may begin with "solid" too: SolidWorks's do.
  if (says_text && (start.size() < kStartBytes || whole != file.size())) {
    return text_facets(path);
  }
  if (start.size() < kStartBytes || whole > file.size()) {
    throw broken_mesh(path,
                      start.size() < kStartBytes
                          ? "a file that is too short"
                          : "a file that ends before its " + std::to_string(count) + " facets");
  }
  return binary_facets(file.read(0, static_cast<std::size_t>(whole)),
                       static_cast<std::size_t>(count));
}

}  // namespace

MeshParts read_stl(const std::filesystem::path& path) {
  StlFacets facets = read_facets(path);
  if (facets.corners.empty()) {
    throw broken_mesh(path, "a file without triangles");
  }
  for (const cv::Vec3f& p : facets.corners) {
    if (!std::isfinite(p[0]) || !std::isfinite(p[1]) || !std::isfinite(p[2])) {
      throw broken_mesh(path, "a vertex whose position is not a finite number");
    }
  }
  // STL's normals belong to single facets, and many writers leave them at 0.
  const std::vector<int> same = first_equal(facets.corners);
  TriangleMesh joined;
  std::vector<int> kept(facets.corners.size(), -1);
  for (std::size_t i = 0; i < same.size(); ++i) {
    int& vertex = kept[same[i]];
    if (vertex < 0) {
      vertex = static_cast<int>(joined.vertices.size());
      joined.vertices.push_back(facets.corners[i]);
    }
    if (i % 3 == 0) {
      joined.faces.emplace_back();
    }
    joined.faces.back()[static_cast<int>(i % 3)] = vertex;
  }
  compute_corner_normals(&joined);
  RenderPart part;
  part.mesh = std::move(joined);
  if (!facets.colors.empty()) {  // facets differ where they meet: each has vertices of its own
    part.mesh.vertices = std::move(facets.corners);
    for (std::size_t f = 0; f < part.mesh.faces.size(); ++f) {
      const int first = static_cast<int>(3 * f);
      part.mesh.faces[f] = {first, first + 1, first + 2};
      part.mesh.vertex_colors.insert(part.mesh.vertex_colors.end(), 3, facets.colors[f]);
    }
  }
  part.texture.colors[0] = cv::Vec3f::all(facets.colors.empty() ? kStlUnpainted : 1);
  MeshParts result;
  result.parts.push_back(std::move(part));
  result.notes = std::move(facets.notes);
  return result;
}

}  // namespace parallax
