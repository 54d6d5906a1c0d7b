// Zip records and pickle opcodes as torch.save writes them (without ZIP64).
#include "tests/support/torch_file_builder.h"

#include <cstring>
#include <numeric>

namespace parallax::testing {
namespace {

using std::string_literals::operator""s;

template <typename Integer>
std::string raw(Integer value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::string counts(const std::vector<std::int64_t>& values) {
  std::vector<std::string> items;
  for (const std::int64_t value : values) {
    items.push_back(pickled_int(value));
  }
  return pickled_tuple(items);
}

}  // namespace

std::string build_zip(const std::vector<ZipItem>& items) {
  std::string file;
  std::string directory;
  for (const ZipItem& item : items) {
    const auto size = static_cast<std::uint32_t>(item.data.size());
    const auto name = static_cast<std::uint16_t>(item.name.size());
    const auto offset = static_cast<std::uint32_t>(file.size());
    // version, flags, method, time, date, checksum, sizes, name and extra lengths
    const std::string common = raw<std::uint16_t>(0) + raw<std::uint16_t>(0) + raw(item.method) +
                               raw<std::uint32_t>(0) + raw<std::uint32_t>(0) + raw(size) +
                               raw(size) + raw(name) + raw<std::uint16_t>(0);
    file += "PK\x03\x04" + common + item.name + item.data;
    directory += "PK\x01\x02" + raw<std::uint16_t>(0) + common + raw<std::uint16_t>(0) +
                 raw<std::uint32_t>(0) + raw<std::uint32_t>(0) + raw(offset) + item.name;
  }
  const auto count = static_cast<std::uint16_t>(items.size());
  return file + directory + "PK\x05\x06" + raw<std::uint32_t>(0) + raw(count) + raw(count) +
         raw(static_cast<std::uint32_t>(directory.size())) +
         raw(static_cast<std::uint32_t>(file.size())) + raw<std::uint16_t>(0);
}

std::string pickled_text(const std::string& text) {
  return "X"s + raw(static_cast<std::uint32_t>(text.size())) + text;
}

std::string pickled_int(std::int64_t value) { return "\x8a\x08"s + raw(value); }

std::string pickled_tuple(const std::vector<std::string>& items) {
  // Not a literal + string: GCC 12 sees overflows there that do not exist.
  return std::accumulate(items.begin(), items.end(), std::string(1, '(')) + "t";
}

std::string pickled_global(const std::string& module, const std::string& name) {
  return "c"s + module + "\n" + name + "\n";
}

std::string pickled_dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string result = "}(";
  for (const auto& [key, value] : items) {
    result += pickled_text(key) + value;
  }
  return result + "u";
}

std::string pickled_tensor(const PickledTensor& tensor) {
  const std::string storage = pickled_tuple({pickled_text("storage"),
                                             pickled_global("torch", tensor.storage_type),
                                             pickled_text(tensor.key),
                                             pickled_text("cpu"),
                                             pickled_int(tensor.storage_elements)}) +
                              "Q";
  const std::string hooks = pickled_global("collections", "OrderedDict") + ")R";
  std::vector<std::string> arguments = {storage,
                                        pickled_int(tensor.offset),
                                        counts(tensor.shape),
                                        counts(tensor.strides),
                                        "\x89",
                                        hooks};
  if (tensor.is_negative_view) {
    arguments.push_back(pickled_dict({{"neg", "\x88"}}));
  }
  return pickled_global("torch._utils", "_rebuild_tensor_v2") + pickled_tuple(arguments) + "R";
}

std::string build_torch_file(const std::string& root, const std::vector<ZipItem>& more) {
  std::string floats;
  for (int i = 0; i < 6; ++i) {
    floats += raw(static_cast<float>(i));
  }
  std::vector<ZipItem> items = {{"archive/data.pkl", "\x80\x02" + root + "."},
                                {"archive/data/0", floats}};
  items.insert(items.end(), more.begin(), more.end());
  return build_zip(items);
}

}  // namespace parallax::testing
