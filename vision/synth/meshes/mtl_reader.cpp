// Reads MTL statement by statement. assimp 5.2 skips the options of textures (-s, -o, -clamp), and
// takes a fixed number of arguments for those whose last ones may be left out.
#include "vision/synth/meshes/mtl_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "core/base/error.h"
#include "core/base/lower_case.h"
#include "core/io/text_lines.h"
#include "vision/synth/meshes/obj_statements.h"
#include "vision/synth/meshes/texture_files.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

// Options of texture statements: how many arguments they have, at least and at most.
struct MtlOption {
  std::string_view name;
  int fewest, most;
};
constexpr MtlOption kMtlOptions[] = {{"-blendu", 1, 1},
                                     {"-blendv", 1, 1},
                                     {"-cc", 1, 1},
                                     {"-clamp", 1, 1},
                                     {"-imfchan", 1, 1},
                                     {"-type", 1, 1},
                                     {"-colorspace", 1, 1},
                                     {"-boost", 1, 1},
                                     {"-bm", 1, 1},
                                     {"-texres", 1, 1},
                                     {"-mm", 2, 2},
                                     {"-o", 1, 3},
                                     {"-s", 1, 3},
                                     {"-t", 1, 3}};

void apply_option(std::string_view option,
                  const std::vector<std::string_view>& arguments,
                  MtlTexture* texture) {
  if (option == "-o" || option == "-s") {
    cv::Vec2f& pair = option == "-o" ? texture->offset : texture->scale;
    for (std::size_t i = 0; i < std::min<std::size_t>(arguments.size(), 2); ++i) {
      pair[static_cast<int>(i)] = *as_number(arguments[i]);
    }
  } else if (option == "-clamp") {
    texture->is_clamped = lower_case(arguments[0]) == "on";
  } else if (option == "-t" || option == "-mm" ||
             (option == "-cc" && lower_case(arguments[0]) == "on")) {
    texture->ignored.emplace_back(option);
  }
}

MtlTexture parse_texture(std::string_view text) {
  MtlTexture texture;
  for (;;) {
    std::string_view rest = text;
    const std::string word = lower_case(take_word(&rest));
    const auto* const option = std::find_if(std::begin(kMtlOptions),
                                            std::end(kMtlOptions),
                                            [&](const MtlOption& o) { return o.name == word; });
    if (option == std::end(kMtlOptions)) {
      break;
    }
    const bool numbers = option->name != "-type" && option->fewest != option->most;
    std::vector<std::string_view> arguments;
    while (static_cast<int>(arguments.size()) < option->most) {
      std::string_view after = rest;
      const std::string_view argument = take_word(&after);
      if (argument.empty() || (numbers && !as_number(argument))) {
        break;
      }
      arguments.push_back(argument);
      rest = after;
    }
    if (static_cast<int>(arguments.size()) < option->fewest) {
      break;
    }
    apply_option(option->name, arguments, &texture);
    text = rest;
  }
  if (text.size() > 1 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  texture.name = text;
  return texture;
}

// A colour of one (grey) or three components; CIE XYZ and spectral curves are not read.
std::optional<cv::Vec3f> parse_color(std::string_view text) {
  cv::Vec3f color;
  for (int i = 0; i < 3; ++i) {
    const std::optional<float> value = as_number(take_word(&text));
    if (!value) {
      return i == 1 ? std::optional<cv::Vec3f>(cv::Vec3f::all(color[0])) : std::nullopt;
    }
    color[i] = std::clamp(*value, 0.0F, 1.0F);
  }
  return color;
}

void parse_opacity(std::string_view keyword, std::string_view rest, MtlMaterial* material) {
  const std::string_view first = take_word(&rest);
  const std::optional<float> value = as_number(first == "-halo" ? take_word(&rest) : first);
  if (!value) {
    return;
  }
  if (keyword == "d") {
    material->opacity = std::clamp(*value, 0.0F, 1.0F);
  } else if (*value < 1) {
    // Some writers' Tr is the opacity: a wholly transparent material was not meant.
    material->opacity = 1 - std::clamp(*value, 0.0F, 1.0F);
  }
}

void read_library(const fs::path& path, std::map<std::string, MtlMaterial>* materials) {
  // Blender (2.8 to 4.5) writes the linear values of its colours; other programs' are as displayed.
  TextLines lines(path);
  const bool by_blender = lines.next() && lines.text().starts_with("# Blender");
  MtlMaterial unnamed;
  MtlMaterial* material = &unnamed;
  bool has_dissolve = false;
  ObjStatements statements(path);
  while (statements.next()) {
    const std::string keyword = lower_case(statements.keyword());
    const std::string_view rest = statements.rest();
    if (keyword == "newmtl") {
      material = &(*materials)[std::string(rest)];
      *material = {};
      material->is_linear = by_blender;
      has_dissolve = false;
    } else if (keyword == "kd") {
      material->diffuse = parse_color(rest);
    } else if (keyword == "ke") {
      material->emission = parse_color(rest).value_or(cv::Vec3f());
    } else if (keyword == "d" || (keyword == "tr" && !has_dissolve)) {
      has_dissolve = has_dissolve || keyword == "d";
      parse_opacity(keyword, rest, material);
    } else if (keyword == "map_kd") {
      material->diffuse_map = parse_texture(rest);
    } else if (keyword == "map_ke") {
      material->emission_map = parse_texture(rest);
    } else if (keyword == "map_d") {
      material->opacity_map = parse_texture(rest);
    }
  }
}

// The libraries that a statement names: one file, whose name may hold spaces, or several.
std::vector<std::string> libraries_of(const fs::path& folder, std::string_view rest) {
  std::error_code ignored;
  if (fs::exists(folder / rest, ignored)) {
    return {std::string(rest)};
  }
  std::vector<std::string> names;
  std::string_view words = rest;
  while (!words.empty()) {
    names.emplace_back(take_word(&words));
  }
  const bool all_there = std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    return fs::exists(folder / name, ignored);
  });
  return all_there ? names : std::vector<std::string>{std::string(rest)};
}

}  // namespace

std::map<std::string, MtlMaterial> read_obj_materials(const fs::path& obj,
                                                      const std::vector<std::string>& libraries,
                                                      std::vector<std::string>* notes) {
  std::map<std::string, MtlMaterial> materials;
  std::set<std::string> named;
  for (const std::string& library : libraries) {
    if (!named.insert(library).second) {
      continue;
    }
    for (std::string name : libraries_of(obj.parent_path(), library)) {
      std::replace(name.begin(), name.end(), '\\', '/');
      fs::path path = obj.parent_path() / name;
      std::error_code ignored;
      for (const fs::path& other : {obj.parent_path() / percent_decoded(name),
                                    obj.parent_path() / fs::path(name).filename(),
                                    fs::path(obj).replace_extension(".mtl")}) {
        path = fs::is_regular_file(path, ignored) ? path : other;
      }
      try {
        read_library(path, &materials);
      } catch (const Error& error) {
        notes->push_back(fmt::format("its materials '{}' are left out: {}", name, error.what()));
      }
    }
  }
  return materials;
}

}  // namespace parallax
