// Builds PyTorch zip checkpoints from single opcodes, so that tests can build broken ones.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace parallax::testing {

struct ZipItem {
  std::string name;
  std::string data;
  std::uint16_t method = 0;  // stored
};

std::string build_zip(const std::vector<ZipItem>& items);

// Pickle fragments of protocol 2; each leaves one value on the stack.
std::string pickled_text(const std::string& text);
std::string pickled_int(std::int64_t value);
std::string pickled_tuple(const std::vector<std::string>& items);
std::string pickled_global(const std::string& module, const std::string& name);
std::string pickled_dict(const std::vector<std::pair<std::string, std::string>>& items);

// A tensor over storage `key`; the defaults are a float32 storage of six elements, seen whole.
struct PickledTensor {
  std::string storage_type = "FloatStorage";
  std::string key = "0";
  std::int64_t storage_elements = 6;
  std::int64_t offset = 0;
  std::vector<std::int64_t> shape = {2, 3};
  std::vector<std::int64_t> strides = {3, 1};
  bool is_negative_view = false;
};
std::string pickled_tensor(const PickledTensor& tensor);

// A checkpoint whose pickle is `root` and whose storage "0" holds the floats 0 to 5.
std::string build_torch_file(const std::string& root, const std::vector<ZipItem>& more = {});

}  // namespace parallax::testing
