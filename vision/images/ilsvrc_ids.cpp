// Reads lines of "n02119789 1 kit_fox", and MATLAB's level 5 files as far as meta.mat needs:
// "MAT-File Format", MathWorks, R2023b, chapter 1.
#include "vision/images/ilsvrc_ids.h"

#include <fmt/format.h>
#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>

#include "core/base/error.h"
#include "vision/images/class_labels.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMatHeaderBytes = 128;
constexpr size_t kLargestContent = size_t{1} << 28;
constexpr int kMostIds = 100000;

// Types of data elements and classes of arrays, in the format's numbers.
enum MatType : std::uint32_t {
  kInt8 = 1,
  kUint8 = 2,
  kInt16 = 3,
  kUint16 = 4,
  kInt32 = 5,
  kUint32 = 6,
  kSingle = 7,
  kDouble = 9,
  kMatrix = 14,
  kCompressed = 15,
  kUtf8 = 16
};
constexpr std::uint32_t kStructClass = 2;

[[noreturn]] void fail_mat(const std::string& reason) {
  throw Error(ErrorParts{.what = "the development kit's meta.mat cannot be read: " + reason});
}

struct MatElement {
  std::uint32_t type = 0;
  std::string_view data;
};

template <class T>
T value_at(std::string_view bytes, size_t offset) {
  if (offset + sizeof(T) > bytes.size()) {
    fail_mat("it is cut off");
  }
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// Takes the next element off the front of `bytes`.
MatElement take_element(std::string_view& bytes) {
  const auto tag = value_at<std::uint32_t>(bytes, 0);
  constexpr size_t kTagBytes = 8;
  if (tag >> 16 !=
      0) {  // a small one: its size shares the first word, its data follow in the second
    const size_t size = std::min<size_t>(tag >> 16, 4);
    const MatElement element{tag & 0xffff, bytes.substr(4, size)};
    bytes.remove_prefix(std::min(kTagBytes, bytes.size()));
    return element;
  }
  const size_t size = value_at<std::uint32_t>(bytes, 4);
  if (size > bytes.size() - kTagBytes) {
    fail_mat("it is cut off");
  }
  const MatElement element{tag, bytes.substr(kTagBytes, size)};
  const size_t padded = tag == kCompressed ? size : (size + 7) / 8 * 8;
  bytes.remove_prefix(std::min(kTagBytes + padded, bytes.size()));
  return element;
}

std::string inflated(std::string_view compressed) {
  z_stream stream{};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  if (inflateInit(&stream) != Z_OK) {
    fail_mat("there is not enough memory");
  }
  std::string content;
  int state = Z_OK;
  while (state == Z_OK && content.size() < kLargestContent) {
    char block[1 << 15];
    stream.next_out = reinterpret_cast<Bytef*>(block);
    stream.avail_out = sizeof block;
    state = inflate(&stream, Z_NO_FLUSH);
    content.append(block, sizeof block - stream.avail_out);
  }
  inflateEnd(&stream);
  if (state != Z_STREAM_END) {
    fail_mat("its compressed data are damaged");
  }
  return content;
}

// An array's flags, dimensions and name, and what follows them.
struct MatArray {
  std::uint32_t array_class = 0;
  size_t elements = 1;
  std::string_view rest;
};

MatArray open_array(std::string_view content) {
  MatArray array;
  array.array_class = value_at<std::uint32_t>(take_element(content).data, 0) & 0xff;
  const MatElement dimensions = take_element(content);
  for (size_t at = 0; at + 4 <= dimensions.data.size(); at += 4) {
    array.elements *= value_at<std::uint32_t>(dimensions.data, at);
  }
  take_element(content);  // the name
  array.rest = content;
  return array;
}

double number_in(std::string_view content) {
  std::string_view rest = open_array(content).rest;
  const MatElement element = take_element(rest);
  switch (element.type) {
    case kInt8:
    case kUint8:
      return value_at<std::uint8_t>(element.data, 0);
    case kInt16:
    case kUint16:
      return value_at<std::uint16_t>(element.data, 0);
    case kInt32:
    case kUint32:
      return value_at<std::uint32_t>(element.data, 0);
    case kSingle:
      return value_at<float>(element.data, 0);
    case kDouble:
      return value_at<double>(element.data, 0);
    default:
      fail_mat("an id is no number");
  }
}

std::string text_in(std::string_view content) {
  std::string_view rest = open_array(content).rest;
  const MatElement element = take_element(rest);
  const size_t width = element.type == kUint16 || element.type == kInt16 ? 2 : 1;
  std::string text;
  for (size_t at = 0; at < element.data.size(); at += width) {
    text += element.data[at];
  }
  return text;
}

// Adds the ids of one variable, if it is the array of structs that holds them.
void read_synsets(std::string_view content, std::map<int, std::string>& ids) {
  const MatArray array = open_array(content);
  if (array.array_class != kStructClass) {
    return;
  }
  std::string_view rest = array.rest;
  const size_t name_bytes = value_at<std::uint32_t>(take_element(rest).data, 0);
  const std::string_view names = take_element(rest).data;
  std::vector<std::string> fields;
  for (size_t at = 0; name_bytes > 0 && at + name_bytes <= names.size(); at += name_bytes) {
    const std::string_view name = names.substr(at, name_bytes);
    fields.emplace_back(name.substr(0, name.find('\0')));
  }
  for (size_t i = 0; i < array.elements && !rest.empty(); ++i) {
    int id = 0;
    std::string word;
    for (const std::string& field : fields) {
      const MatElement value = take_element(rest);
      if (field == "ILSVRC2012_ID") {
        id = static_cast<int>(number_in(value.data));
      } else if (field == "WNID") {
        word = text_in(value.data);
      }
    }
    if (id > 0 && is_wordnet_id(word)) {
      ids[id] = word;
    }
  }
}

std::map<int, std::string> read_meta_mat(const std::string& file) {
  std::map<int, std::string> ids;
  if (file.size() < kMatHeaderBytes || file.substr(126, 2) != "IM") {
    fail_mat("it is no little-endian MATLAB file of level 5");
  }
  std::string_view rest = std::string_view(file).substr(kMatHeaderBytes);
  while (!rest.empty()) {
    MatElement element = take_element(rest);
    std::string content;
    if (element.type == kCompressed) {
      content = inflated(element.data);
      std::string_view inner = content;
      element = take_element(inner);
    }
    if (element.type == kMatrix) {
      read_synsets(element.data, ids);
    }
  }
  return ids;
}

std::map<int, std::string> read_map_text(const std::string& file) {
  std::map<int, std::string> ids;
  std::istringstream lines(file);
  std::string word;
  int id = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    if (fields >> word >> id && is_wordnet_id(word) && id > 0) {
      ids[id] = word;
    }
  }
  return ids;
}

std::optional<fs::path> find_list(const fs::path& file) {
  const fs::path folder = fs::absolute(file).parent_path();
  for (const fs::path& base : {folder, folder.parent_path()}) {
    for (const char* kit : {"", "data", "devkit/data", "ILSVRC2012_devkit_t12/data"}) {
      for (const char* name : {"meta.mat", "map_clsloc.txt"}) {
        std::error_code ignored;
        const fs::path path = base / kit / name;
        if (fs::is_regular_file(path, ignored)) {
          return path;
        }
      }
    }
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> read_ilsvrc_ids(const fs::path& file) {
  const auto list = find_list(file);
  if (!list) {
    throw Error(ErrorParts{
        .what = "the numbers in this file are ILSVRC's own ids, which are not in the order of "
                "models' classes",
        .where = file.string(),
        .remedy = "Put the development kit's data/meta.mat or data/map_clsloc.txt beside it."});
  }
  std::ifstream stream(*list, std::ios::binary);
  const std::string content((std::istreambuf_iterator<char>(stream)),
                            std::istreambuf_iterator<char>());
  const std::map<int, std::string> ids =
      list->extension() == ".mat" ? read_meta_mat(content) : read_map_text(content);
  if (ids.empty() || ids.rbegin()->first > kMostIds) {
    throw Error(ErrorParts{.what = "this list translates no ILSVRC ids", .where = list->string()});
  }
  std::vector<std::string> words(static_cast<size_t>(ids.rbegin()->first) + 1);
  for (const auto& [id, word] : ids) {
    words[static_cast<size_t>(id)] = word;
  }
  return words;
}

}  // namespace parallax
