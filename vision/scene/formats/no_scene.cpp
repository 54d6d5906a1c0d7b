// Looks at what is there instead of a scene.
#include "vision/scene/formats/no_scene.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "core/base/lower_case.h"
#include "core/image/image_extension.h"
#include "vision/scene/formats/load_scene.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr std::array kArchives = {".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz"};
constexpr std::array kVideos = {".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".insv"};
constexpr std::array kMeshes = {".glb", ".gltf", ".obj", ".stl", ".ply"};
constexpr std::array kSplats = {".splat", ".ksplat", ".spz", ".sog"};
constexpr std::array kWeights = {".safetensors", ".pt", ".pth", ".ckpt"};
constexpr std::array kOtherWeights = {".onnx", ".gguf", ".h5", ".keras", ".msgpack", ".tflite"};
constexpr int kLevelsBelow = 2;
constexpr size_t kMostEntries = 20000;

template <typename List>
bool has_extension_of(const fs::path& file, const List& list) {
  const std::string extension = lower_case(file.extension().string());
  return std::find(list.begin(), list.end(), extension) != list.end();
}

// What is in a folder and below it.
struct FolderContents {
  std::vector<std::string> scenes;  // as paths from the folder
  size_t photographs = 0;
  fs::path transforms;  // the first of each
  fs::path archive;
  fs::path video;
  size_t seen = 0;
};

void look_into(const fs::path& root, const fs::path& folder, int levels, FolderContents& found) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (auto entry = fs::directory_iterator(folder, error);
       !error && entry != fs::directory_iterator() && found.seen < kMostEntries;
       entry.increment(error), ++found.seen) {
    const fs::path path = entry->path();
    std::error_code ignored;
    if (path.filename().string().starts_with('.')) {
      continue;
    }
    if (entry->is_directory(ignored)) {
      folders.push_back(path);
    } else if (has_image_extension(path)) {
      ++found.photographs;
    } else if (path.extension() == ".json" && path.stem().string().starts_with("transforms")) {
      found.transforms = found.transforms.empty() ? path : found.transforms;
    } else if (has_extension_of(path, kArchives)) {
      found.archive = found.archive.empty() ? path : found.archive;
    } else if (has_extension_of(path, kVideos)) {
      found.video = found.video.empty() ? path : found.video;
    }
  }
  std::sort(folders.begin(), folders.end());
  for (const fs::path& child : folders) {
    if (looks_like_scene(child)) {
      found.scenes.push_back(child.lexically_relative(root).string());
    } else if (levels > 1) {
      look_into(root, child, levels - 1, found);
    }
  }
}

Error archive_error(const fs::path& file, const std::string& where) {
  return Error(ErrorParts{.what = "no scene was found here",
                          .where = where,
                          .got = fmt::format("a packed archive, {}", file.filename().string()),
                          .remedy = "Unpack it and name the folder that comes of it."});
}

Error video_error(const fs::path& file, const std::string& where) {
  return Error(ErrorParts{
      .what = "no scene was found here",
      .where = where,
      .got = fmt::format("a video, {}", file.filename().string()),
      .remedy = "Cut frames out of it (ffmpeg -i VIDEO -vf fps=2 frames/%04d.jpg) and let COLMAP "
                "find their cameras: parallax scenes from-photos frames SCENE --sequence."});
}

Error folder_error(const fs::path& path, const std::vector<std::string>& formats) {
  FolderContents found;
  look_into(path, path, kLevelsBelow, found);
  const std::string where = path.string();
  constexpr const char* kNothing = "no scene was found here";
  if (!found.scenes.empty()) {
    constexpr size_t kMostNames = 5;
    const size_t shown = std::min(found.scenes.size(), kMostNames);
    return Error(ErrorParts{
        .what = kNothing,
        .where = where,
        .remedy = fmt::format(
            "There {} below it: name {} ({}{}).",
            found.scenes.size() == 1 ? "is one" : fmt::format("are {}", found.scenes.size()),
            found.scenes.size() == 1 ? "that folder" : "one of those folders",
            fmt::join(
                found.scenes.begin(), found.scenes.begin() + static_cast<ptrdiff_t>(shown), ", "),
            shown < found.scenes.size() ? ", …" : "")});
  }
  if (!found.transforms.empty()) {
    return Error(ErrorParts{
        .what = kNothing,
        .where = where,
        .got = fmt::format("cameras under another name, {}", found.transforms.filename().string()),
        .remedy = fmt::format("Name the file: {}.", found.transforms.string())});
  }
  if (found.photographs > 0) {
    return Error(ErrorParts{
        .what = kNothing,
        .where = where,
        .got = fmt::format(
            "{} photograph{} and no cameras", found.photographs, found.photographs == 1 ? "" : "s"),
        .remedy = fmt::format("COLMAP can find them: parallax scenes from-photos PHOTOGRAPHS "
                              "SCENE. Read are {}.",
                              fmt::join(formats, ", "))});
  }
  if (!found.archive.empty()) {
    return archive_error(found.archive, where);
  }
  if (!found.video.empty()) {
    return video_error(found.video, where);
  }
  return Error(ErrorParts{
      .what = kNothing, .where = where, .expected = fmt::format("{}", fmt::join(formats, ", "))});
}

}  // namespace

Error no_scene_error(const fs::path& path, const std::vector<std::string>& formats) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    return folder_error(path, formats);
  }
  if (has_extension_of(path, kArchives)) {
    return archive_error(path, path.string());
  }
  if (has_extension_of(path, kVideos)) {
    return video_error(path, path.string());
  }
  ErrorParts parts{.what = "no scene was found here", .where = path.string()};
  if (has_extension_of(path, kMeshes)) {
    parts.got = "a mesh or points";
    parts.remedy = "Views of a mesh are a scene: parallax scenes SCENES --mesh FILE.";
  } else if (has_extension_of(path, kSplats)) {
    parts.got = "Gaussian splats, which are no photographs";
  } else if (has_extension_of(path, kWeights)) {
    parts.got = "what may be a model's weights";
    parts.remedy = "Name a scene here, and the model with --model.";
  } else if (has_extension_of(path, kOtherWeights)) {
    parts.got = fmt::format("weights of another program, {}", path.extension().string());
    parts.remedy = "Models are read from .safetensors, .pt, .pth, .ckpt and .bin files.";
  } else if (has_image_extension(path)) {
    parts.got = "an image, which alone has no camera";
  } else {
    parts.expected = fmt::format("{}", fmt::join(formats, ", "));
  }
  return Error(parts);
}

}  // namespace parallax
