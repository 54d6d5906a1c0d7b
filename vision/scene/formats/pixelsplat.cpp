// Finding a scene among chunks, and reading it.
#include "vision/scene/formats/pixelsplat.h"

#include <fmt/format.h>

#include <algorithm>
#include <opencv2/core.hpp>

#include "core/base/error.h"
#include "core/base/json_text.h"
#include "core/image/image_header.h"
#include "core/io/torch_archive.h"
#include "vision/scene/formats/common/json_fields.h"
#include "vision/scene/formats/common/loader_support.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Kind = PickleValue::Kind;

constexpr int64_t kCameraNumbers = 18;
constexpr const char* kIndexName = "index.json";

bool is_chunk(const fs::path& path) {
  std::error_code ignored;
  return path.extension() == ".torch" && fs::is_regular_file(path, ignored);
}

// The chunks in the folder, or the path itself if it is one; in the order of their names.
std::vector<fs::path> find_chunks(const fs::path& path) {
  if (is_chunk(path)) {
    return {path};
  }
  std::vector<fs::path> chunks;
  std::error_code error;
  for (auto entry = fs::directory_iterator(path, error);
       !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    if (is_chunk(entry->path())) {
      chunks.push_back(entry->path());
    }
  }
  std::sort(chunks.begin(), chunks.end());
  return chunks;
}

// Chunks and the key of one of their scenes, which may be empty.
struct SceneAddress {
  fs::path holder;  // empty: no chunks
  std::string key;
};

SceneAddress find_address(const fs::path& path) {
  std::error_code ignored;
  fs::path holder = path;
  while (!fs::exists(holder, ignored) && holder.has_relative_path()) {
    holder = holder.parent_path();  // a key may contain slashes: DL3DV's "1K/…"
  }
  if (find_chunks(holder).empty()) {
    return {};
  }
  return {holder, holder == path ? "" : path.lexically_relative(holder).generic_string()};
}

// index.json of the folder, an object; null if it has none.
json read_index(const fs::path& folder) {
  const fs::path file = folder / kIndexName;
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) {
    return nullptr;
  }
  json index = read_json_file(file);
  if (!index.is_object()) {
    throw Error(ErrorParts{.what = "the index of the chunks cannot be read",
                           .where = file.string(),
                           .expected = "{scene: name of a chunk, …}"});
  }
  return index;
}

// An opened chunk and its scenes.
class Chunk {
 public:
  explicit Chunk(const fs::path& path) : file_(path), archive_(open(file_)) {}

  std::vector<std::string> keys() const {
    std::vector<std::string> keys;
    for (const PickleValue* example : examples()) {
      const PickleValue* key = example->find("key");
      if (key != nullptr && key->kind == Kind::kString) {
        keys.push_back(key->text);
      }
    }
    return keys;
  }

  // Null if the chunk does not hold it.
  const PickleValue* find(const std::string& key) const {
    for (const PickleValue* example : examples()) {
      const PickleValue* text = example->find("key");
      if (text != nullptr && text->kind == Kind::kString && text->text == key) {
        return example;
      }
    }
    return nullptr;
  }

  TorchTensorReader& tensors() { return archive_.tensors(); }

 private:
  static const InputFile& open(const InputFile& file) {
    if (!looks_like_zip(file)) {
      throw Error(ErrorParts{.what = "the chunk is not a zip archive of torch.save",
                             .where = file.name(),
                             .remedy = "It is damaged, or was saved by PyTorch before 1.6; then "
                                       "load it with torch.load and save it again."});
    }
    return file;
  }

  std::vector<const PickleValue*> examples() const {
    const PickleValue& root = archive_.root();
    if (root.is_mapping()) {
      return {&root};
    }
    if (root.kind != Kind::kList && root.kind != Kind::kTuple) {
      throw Error(ErrorParts{.what = "the chunk holds no scenes",
                             .where = file_.name(),
                             .expected = "a list of dictionaries",
                             .got = describe(root)});
    }
    return {root.items.begin(), root.items.end()};
  }

  InputFile file_;
  TorchArchive archive_;
};

// The chunk that holds the scene: the one that the index names, or whichever has it.
fs::path find_chunk_of(const SceneAddress& address) {
  const std::vector<fs::path> chunks = find_chunks(address.holder);
  const json index = read_index(address.holder);
  fs::path missing;
  if (index.is_object() && index.contains(address.key) && index[address.key].is_string()) {
    const fs::path named = address.holder / index[address.key].get<std::string>();
    if (is_chunk(named) && Chunk(named).find(address.key) != nullptr) {
      return named;
    }
    missing = is_chunk(named) ? fs::path() : named;
  }
  for (const fs::path& chunk : chunks) {
    if (Chunk(chunk).find(address.key) != nullptr) {
      return chunk;
    }
  }
  throw Error(ErrorParts{
      .what = fmt::format("no scene '{}' is in these chunks", escape_invalid_utf8(address.key)),
      .where = address.holder.string(),
      .remedy = missing.empty() ? ""
                                : fmt::format("{} names {}, which is missing.",
                                              kIndexName,
                                              missing.filename().string())});
}

std::string only_key(const fs::path& holder) {
  const std::vector<std::string> keys = pixelsplat_scenes(holder);
  if (keys.size() == 1) {
    return keys.front();
  }
  constexpr size_t kMostNames = 3;
  std::string names;
  for (size_t i = 0; i < std::min(keys.size(), kMostNames); ++i) {
    names += (i == 0 ? "" : ", ") + escape_invalid_utf8(keys[i]);
  }
  names += keys.size() > kMostNames ? ", …" : "";
  throw Error(ErrorParts{
      .what = fmt::format("{} scenes are in these chunks, and one is needed", keys.size()),
      .where = holder.string(),
      .expected = fmt::format("the path {}/KEY with one of the keys {}", holder.string(), names)});
}

// One scene's dictionary.
struct ChunkExample {
  std::vector<PickleValue*> images;
  Tensor cameras;                  // [N, 18] float64
  std::vector<std::string> names;  // of the frames: their timestamps, else their numbers
};

const PickleValue& field(const PickleValue& example, const char* name, const std::string& where) {
  const PickleValue* value = example.find(name);
  if (value == nullptr) {
    throw Error(ErrorParts{.what = "the field is missing",
                           .where = fmt::format("{}, field '{}'", where, name)});
  }
  return *value;
}

Tensor read_field(const PickleValue& example,
                  const char* name,
                  TorchTensorReader& tensors,
                  const std::string& where) {
  return tensors.read(field(example, name, where), fmt::format("{}, field '{}'", where, name));
}

ChunkExample read_example(const PickleValue& example,
                          TorchTensorReader& tensors,
                          const std::string& where) {
  ChunkExample read{.images = field(example, "images", where).items};
  read.cameras = read_field(example, "cameras", tensors, where).to(torch::kFloat64);
  const auto frames = static_cast<int64_t>(read.images.size());
  if (read.cameras.dim() != 2 || read.cameras.size(0) != frames ||
      read.cameras.size(1) != kCameraNumbers) {
    throw Error(ErrorParts{.what = "the cameras do not fit the images",
                           .where = fmt::format("{}, field 'cameras'", where),
                           .expected = fmt::format("shape [{}, {}]", frames, kCameraNumbers),
                           .got = c10::str(read.cameras.sizes())});
  }
  Tensor timestamps;
  if (example.find("timestamps") != nullptr) {
    timestamps = read_field(example, "timestamps", tensors, where);
  }
  const bool named = timestamps.defined() && timestamps.dim() == 1 &&
                     timestamps.size(0) == frames && !timestamps.is_floating_point();
  // Not by item(), which throws for what an unsigned type holds beyond the signed one.
  const Tensor numbers = named ? timestamps.to(torch::kInt64) : torch::arange(frames);
  const auto* const names = numbers.data_ptr<int64_t>();
  for (int64_t i = 0; i < frames; ++i) {
    read.names.push_back(std::to_string(names[i]));
  }
  return read;
}

// The size of the view's image, whose file holds many.
cv::Size size_of_image(const View& view, const std::string& where) {
  try {
    return image_file_size(view.image_path, view.image_part);
  } catch (const Error& error) {
    throw Error(ErrorParts{.what = error.what(), .where = where});
  }
}

View view_of_example(const ChunkExample& example,
                     int64_t index,
                     const fs::path& chunk,
                     const TorchTensorReader& tensors,
                     const std::string& where) {
  View view;
  view.name = example.names[index];
  view.image_path = chunk;
  view.image_part = tensors.place_of_bytes(*example.images[index], where);
  const auto* numbers = example.cameras.data_ptr<double>() + index * kCameraNumbers;
  view.camera = camera_of_shares(numbers, size_of_image(view, where), where);
  return view;
}

}  // namespace

bool leads_into_chunks(const fs::path& path) { return !find_address(path).holder.empty(); }

std::vector<std::string> pixelsplat_scenes(const fs::path& path) {
  std::vector<std::string> keys;
  const std::vector<fs::path> chunks = find_chunks(path);
  const json index = chunks.empty() ? json() : read_index(path);
  if (index.is_object()) {
    for (const auto& item : index.items()) {
      keys.push_back(item.key());
    }
    return keys;
  }
  for (const fs::path& chunk : chunks) {
    for (const std::string& key : Chunk(chunk).keys()) {
      keys.push_back(key);
    }
  }
  return keys;
}

std::optional<Scene> load_pixelsplat(const fs::path& path, const SceneOptions& /*options*/) {
  SceneAddress address = find_address(path);
  if (address.holder.empty()) {
    return std::nullopt;
  }
  if (address.key.empty()) {
    address.key = only_key(address.holder);
  }
  const fs::path file = find_chunk_of(address);
  Chunk chunk(file);
  Scene scene;
  scene.file = file;
  scene.root = file.parent_path();
  scene.name = escape_invalid_utf8(fs::path(address.key).filename().string());
  const std::string where = fmt::format("{}, scene '{}'", file.string(), scene.name);
  const PickleValue* found = chunk.find(address.key);
  const ChunkExample example = read_example(*found, chunk.tensors(), where);
  ViewCollector views;
  for (size_t i = 0; i < example.images.size(); ++i) {
    views.add([&] {
      return view_of_example(example,
                             static_cast<int64_t>(i),
                             file,
                             chunk.tensors(),
                             fmt::format("{}, view {}", where, i));
    });
  }
  views.finish(scene);
  return scene;
}

}  // namespace parallax
