// Puts photographs into their new place and writes their cameras.
#include "vision/scene/writers/convert_scene.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <opencv2/core.hpp>
#include <set>

#include "core/base/error.h"
#include "core/base/json_text.h"
#include "core/base/paths.h"
#include "core/image/image.h"
#include "core/image/image_format.h"
#include "core/image/image_header.h"
#include "core/io/atomic_file.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/scene/formats/opencv_json.h"
#include "vision/scene/undistort.h"
#include "vision/scene/view_image.h"
#include "vision/scene/writers/colmap_writer.h"
#include "vision/scene/writers/transforms_writer.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

// The longest folder that all photographs have in common.
fs::path common_folder(const Scene& scene) {
  fs::path common = scene.views.front().image_path.parent_path();
  for (const View& view : scene.views) {
    const fs::path folder = view.image_path.parent_path();
    fs::path both;
    auto a = common.begin();
    auto b = folder.begin();
    for (; a != common.end() && b != folder.end() && *a == *b; ++a, ++b) {
      both /= *a;
    }
    common = both;
  }
  return common;
}

// What a photograph's new file is to be called, below the folder `images`.
class FileNames {
 public:
  FileNames(const Scene& scene, SceneFormat format)
      : common_(common_folder(scene)), is_text_(format != SceneFormat::kColmap) {}

  // With the extension instead of its own, unless that is empty.
  std::string name(const View& view, const std::string& extension) {
    fs::path path =
        view.image_part ? fs::path(view.name) : view.image_path.lexically_relative(common_);
    if (!extension.empty()) {
      path.replace_extension(extension);
    }
    std::string wanted = path.generic_string();
    if (is_text_ && escape_invalid_utf8(wanted) != wanted) {
      std::replace_if(
          wanted.begin(), wanted.end(), [](unsigned char c) { return c >= 0x80; }, '_');
    }
    std::string unique = wanted;
    for (int i = 2; !taken_.insert(unique).second; ++i) {
      const fs::path stem = fs::path(wanted).replace_extension();
      unique = fmt::format("{}_{}{}", stem.generic_string(), i, path.extension().string());
    }
    return unique;
  }

 private:
  fs::path common_;
  bool is_text_;
  std::set<std::string> taken_;
};

// What the format has no place for, so that the photograph must change.
struct Losses {
  bool lens = false;
  bool mask = false;
  bool turning = false;
};

Losses losses_of(const View& view, SceneFormat format, bool mixed_lenses) {
  Losses losses{.mask = format != SceneFormat::kTransforms && !view.mask_path.empty()};
  if (format == SceneFormat::kOpencvJson) {
    losses.lens = !view.lens.is_pinhole();
  } else if (format == SceneFormat::kTransforms) {
    losses.lens =
        !transforms_can_hold(view.lens) || (mixed_lenses && view.lens.model == LensModel::kFisheye);
  } else {
    losses.lens = !colmap_can_hold(view.lens);
  }
  return losses;
}

// The extension of an image inside another file, by what it is; empty for a file of its own.
std::string extension_of_part(const View& view) {
  if (!view.image_part) {
    return "";
  }
  const std::optional<ImageFormat> format =
      image_format(read_image_bytes(view.image_path, view.image_part));
  return format == ImageFormat::kPng ? ".png" : format == ImageFormat::kWebp ? ".webp" : ".jpg";
}

// An Error in writing, after which every further photograph would fail, too.
class WriteError : public Error {
 public:
  using Error::Error;
};

// Calls `write`, which throws Error.
template <class Write>
void write_or_end(const Write& write) {
  try {
    write();
  } catch (const Error& error) {
    throw WriteError(error.what());
  }
}

void copy_image(const View& view, const fs::path& target) {
  const std::string bytes = read_image_bytes(view.image_path, view.image_part);
  write_or_end([&] {
    create_folder(target.parent_path());
    write_file_atomically(target, bytes);
  });
}

// Writes the photograph as PNG, a mask as its alpha, without a lens that the format cannot hold.
void write_changed_image(const View& view,
                         const Losses& losses,
                         const fs::path& target,
                         WrittenView& written) {
  ViewImage image = read_view_image(view);
  if (losses.lens) {
    UndistortedImage straight = undistort(image.pixels, image.camera, view.lens, view_place(view));
    image.pixels = std::move(straight.image);
    written.camera = straight.camera;
    written.lens = {};
  }
  write_or_end([&] {
    create_folder(target.parent_path());
    write_image(target, image.pixels);
  });
}

// Where a scene is written to, and how.
struct Conversion {
  fs::path folder;
  SceneFormat format;
  bool mixed_lenses = false;
  FileNames names;
};

WrittenView write_view(const View& view, Conversion& conversion, ConvertedScene& result) {
  Losses losses = losses_of(view, conversion.format, conversion.mixed_lenses);
  const UsedSize used = used_image_size(view);
  losses.turning = used.is_turned;
  const bool is_changed = losses.lens || losses.mask || losses.turning;
  WrittenView written{.lens = view.lens, .is_held_out = view.is_held_out};
  written.camera = fit_camera(view.camera, used.size, view_place(view));
  const std::string name =
      conversion.names.name(view, is_changed ? ".png" : extension_of_part(view));
  written.image = "images/" + name;
  const fs::path target = conversion.folder / written.image;
  if (is_changed) {
    write_changed_image(view, losses, target, written);
    return written;
  }
  copy_image(view, target);
  if (!view.mask_path.empty()) {
    written.mask = "masks/" + name + view.mask_path.extension().string();
    copy_image({.image_path = view.mask_path}, conversion.folder / written.mask);
  }
  ++result.copied;
  return written;
}

void write_cameras(const std::vector<WrittenView>& views, const Conversion& conversion) {
  if (conversion.format == SceneFormat::kTransforms) {
    write_transforms(views, conversion.folder);
  } else if (conversion.format == SceneFormat::kColmap) {
    write_colmap_model(views, conversion.folder);
  } else {
    Scene scene;
    for (const WrittenView& view : views) {
      scene.views.push_back({.name = view.image,
                             .image_path = conversion.folder / view.image,
                             .camera = view.camera,
                             .lens = view.lens});
    }
    save_opencv_json(scene, conversion.folder / "opencv_cameras.json");
  }
}

void check_request(const Scene& scene, const fs::path& folder, SceneFormat format) {
  if (format != SceneFormat::kOpencvJson && format != SceneFormat::kTransforms &&
      format != SceneFormat::kColmap) {
    throw Error(ErrorParts{.what = "scenes cannot be written in this format",
                           .expected = "opencv, transforms or colmap",
                           .got = scene_format_name(format)});
  }
  if (looks_like_scene(folder)) {
    throw Error(ErrorParts{.what = "the folder holds a scene already",
                           .where = folder.string(),
                           .remedy = "Name another, or delete it."});
  }
  std::error_code ignored;
  const fs::path real = fs::weakly_canonical(folder, ignored);
  for (const View& view : scene.views) {
    const fs::path inside = fs::weakly_canonical(view.image_path, ignored).lexically_relative(real);
    if (!inside.empty() && *inside.begin() != "..") {  // it could be overwritten
      throw Error(ErrorParts{.what = "the scene's own photographs are in this folder",
                             .where = folder.string(),
                             .remedy = "Name another."});
    }
  }
}

// What the new scene lacks that the old one has.
void note_losses(const std::vector<WrittenView>& views,
                 SceneFormat format,
                 ConvertedScene& result) {
  const size_t changed = views.size() - result.copied;
  if (changed > 0) {
    result.notes.push_back(fmt::format(
        "{} of {} photographs were written anew as PNG, undistorted, turned upright or with their "
        "masks as alpha, as the format has no place for those.",
        changed,
        views.size()));
  }
  const auto held_out = std::count_if(
      views.begin(), views.end(), [](const WrittenView& view) { return view.is_held_out; });
  if (held_out > 0 && format != SceneFormat::kTransforms) {
    result.notes.push_back(fmt::format(
        "That {} views are held out is lost: only transforms.json can say so.", held_out));
  }
  const bool sorted =
      std::is_sorted(views.begin(), views.end(), [](const WrittenView& a, const WrittenView& b) {
        return a.image < b.image;
      });
  if (format == SceneFormat::kColmap && !sorted) {
    result.notes.emplace_back(
        "COLMAP's images are read in the order of their names, so that views change their "
        "numbers.");
  }
}

}  // namespace

ConvertedScene convert_scene(const Scene& scene,
                             const fs::path& path,
                             SceneFormat format,
                             const std::function<void()>& on_view) {
  const fs::path folder = fs::absolute(path).lexically_normal();
  check_request(scene, folder, format);
  const auto is_fisheye = [](const View& view) { return view.lens.model == LensModel::kFisheye; };
  Conversion conversion{
      .folder = folder,
      .format = format,
      .mixed_lenses = std::any_of(scene.views.begin(), scene.views.end(), is_fisheye) &&
                      !std::all_of(scene.views.begin(), scene.views.end(), is_fisheye),
      .names = FileNames(scene, format)};
  ConvertedScene result;
  std::vector<WrittenView> views;
  std::vector<std::string> reasons;
  for (const View& view : scene.views) {
    try {
      views.push_back(write_view(view, conversion, result));
    } catch (const WriteError&) {
      throw;
    } catch (const Error& error) {
      reasons.emplace_back(error.what());
    }
    if (on_view) {
      on_view();
    }
  }
  if (views.empty()) {
    throw Error(reasons.front());
  }
  write_cameras(views, conversion);
  result.views = views.size();
  note_losses(views, format, result);
  if (!reasons.empty()) {
    result.notes.push_back(left_out_note(scene.views.size(), reasons));
  }
  return result;
}

}  // namespace parallax
