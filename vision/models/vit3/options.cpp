// The published sizes, and the checks on a configuration.
#include "vision/models/vit3/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <numeric>

#include "vision/models/vit3/variants.h"

namespace parallax {
namespace {

constexpr int kStemStride = 4;
constexpr int kHierarchicalStages = 4;
constexpr int kLargestWidth = 65536;
constexpr int kDeepest = 1024;

Vit3Options plain(int dim, int heads) { return {.dims = {dim}, .depths = {12}, .heads = {heads}}; }

Vit3Options hierarchical(std::vector<int> dims, std::vector<int> depths, std::vector<int> heads) {
  return {.hierarchical = true,
          .dims = std::move(dims),
          .depths = std::move(depths),
          .heads = std::move(heads),
          .patch_size = kStemStride};
}

bool same_sizes(const Vit3Options& a, const Vit3Options& b) {
  return a.hierarchical == b.hierarchical && a.dims == b.dims && a.depths == b.depths &&
         a.heads == b.heads && a.patch_size == b.patch_size && a.mlp_ratio == b.mlp_ratio;
}

[[noreturn]] void fail(const std::string& what,
                       const std::string& where,
                       const char* field,
                       const std::string& expected,
                       const std::string& got) {
  throw Error(ErrorParts{
      .what = what, .where = where + ", field '" + field + "'", .expected = expected, .got = got});
}

void check_list(const std::vector<int>& values,
                size_t stages,
                int largest,
                const char* field,
                const std::string& where) {
  const std::string got = fmt::format("[{}]", fmt::join(values, ", "));
  if (values.size() != stages) {
    fail("wrong number of stages", where, field, fmt::format("{} values", stages), got);
  }
  for (const int value : values) {
    if (value < 1 || value > largest) {
      fail("the value is out of range", where, field, fmt::format("1 to {}", largest), got);
    }
  }
}

}  // namespace

const std::vector<Vit3Preset>& vit3_presets() {
  static const std::vector<Vit3Preset> presets{
      {"vit3-t", plain(192, 6)},
      {"vit3-s", plain(384, 6)},
      {"vit3-b", plain(768, 12)},
      {"h-vit3-t", hierarchical({64, 128, 320, 512}, {1, 3, 9, 4}, {2, 4, 10, 16})},
      {"h-vit3-s", hierarchical({64, 128, 320, 512}, {2, 6, 18, 8}, {2, 4, 10, 16})},
      {"h-vit3-b", hierarchical({96, 192, 448, 640}, {2, 6, 18, 8}, {3, 6, 14, 20})},
  };
  return presets;
}

const Vit3Options& find_vit3_preset(std::string_view name) {
  std::string names;
  for (const Vit3Preset& preset : vit3_presets()) {
    if (preset.name == name) {
      return preset.options;
    }
    names += (names.empty() ? "" : ", ") + std::string(preset.name);
  }
  throw UsageError(ErrorParts{.what = "there is no classifier size '" + std::string(name) + "'",
                              .expected = "one of " + names});
}

std::string describe_architecture(const Vit3Options& options) {
  for (const Vit3Preset& preset : vit3_presets()) {
    if (same_sizes(options, preset.options)) {
      const char size = static_cast<char>(preset.name.back() - 'a' + 'A');
      return fmt::format("{}ViT³-{}", options.hierarchical ? "H-" : "", size);
    }
  }
  return options.hierarchical ? fmt::format("H-ViT³, blocks {}, widths {}",
                                            fmt::join(options.depths, "+"),
                                            fmt::join(options.dims, "/"))
                              : fmt::format("ViT³, {} blocks x {}, patch {}",
                                            options.depths.front(),
                                            options.dims.front(),
                                            options.patch_size);
}

void check_vit3_options(const Vit3Options& options, const std::string& where) {
  check_option_ranges(options, where);
  const size_t stages = options.hierarchical ? kHierarchicalStages : 1;
  check_list(options.dims, stages, kLargestWidth, "dims", where);
  check_list(options.depths, stages, kDeepest, "depths", where);
  check_list(options.heads, stages, kLargestWidth, "heads", where);
  for (size_t i = 0; i < stages; ++i) {
    if (options.dims[i] % options.heads[i] != 0) {
      fail("the heads do not divide the width",
           where,
           "heads",
           fmt::format("a divisor of {}", options.dims[i]),
           std::to_string(options.heads[i]));
    }
    if (options.hierarchical && options.dims[i] % 4 != 0) {  // pairs for rows and pairs for columns
      fail("the width does not fit rotary embeddings",
           where,
           "dims",
           "multiples of 4",
           std::to_string(options.dims[i]));
    }
    if (options.hierarchical && options.dims[i] / options.heads[i] % 2 != 0) {
      fail("the heads' width does not fit rotary embeddings",
           where,
           "heads",
           "an even width of each head",
           std::to_string(options.dims[i] / options.heads[i]));
    }
  }
  if (options.hierarchical && options.patch_size != kStemStride) {
    fail("the stem has a different stride",
         where,
         "patch_size",
         "4",
         fmt::to_string(options.patch_size));
  }
  try {
    find_vit3_variant(options.variant);
  } catch (const UsageError& error) {
    throw Error(ErrorParts{.what = error.what(), .where = where + ", field 'variant'"});
  }
}

int64_t size_multiple(const Vit3Options& options) {
  return options.hierarchical ? kStemStride << (kHierarchicalStages - 1) : options.patch_size;
}

int64_t count_parameters(const Vit3Options& options) {
  int64_t total = 0;
  for (size_t i = 0; i < options.dims.size(); ++i) {
    const int64_t dim = options.dims[i];
    const int64_t head = dim / options.heads[i];
    const auto hidden = static_cast<int64_t>(static_cast<double>(dim) * options.mlp_ratio);
    int64_t block = 10 * dim + 4 * dim;                              // cpe, two norms
    block += (dim + (options.qkv_bias ? 1 : 0)) * 3 * (dim + head);  // qkv
    block += 2 * dim * head + 9 * head;                              // w1, w2, w3
    block += (dim + head + 1) * dim;                                 // proj
    block += 2 * dim * hidden + hidden + dim + (options.hierarchical ? 10 * hidden : 0);  // mlp
    total += block * options.depths[i];
    if (i + 1 < options.dims.size()) {
      const int64_t out = options.dims[i + 1];
      const int64_t wide = 4 * out;
      total += (dim + 1) * wide + 10 * wide + (wide + 1) * out + 2 * out;
    }
  }
  const int64_t first = options.dims.front();
  const int64_t last = options.dims.back();
  if (options.hierarchical) {
    const int64_t half = first / 2;
    total += 27 * half + 18 * half * half + 9 * half * 4 * first + 4 * first * first;
    total += 2 * (3 * half + 4 * first + first);
  } else {
    total += (3LL * options.patch_size * options.patch_size + 1) * first;
  }
  return total + 2 * last + (last + 1) * options.num_classes;
}

}  // namespace parallax
