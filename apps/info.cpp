// `parallax info`: what a checkpoint, a scene or a folder contains, and whether it is valid.
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>

#include "apps/checkpoint_info.h"
#include "apps/common/cli.h"
#include "apps/report/results.h"
#include "apps/report/system_info.h"
#include "core/base/paths.h"
#include "core/image/image.h"
#include "core/image/image_extension.h"
#include "core/io/shards.h"
#include "vision/models/lact_nvs/model_store.h"
#include "vision/models/model_files.h"
#include "vision/models/published_models.h"
#include "vision/models/variant_text.h"
#include "vision/models/vit3/model_store.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/scene/formats/pixelsplat.h"
#include "vision/scene/image_size.h"
#include "vision/scene/view_loader.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

struct InfoOptions {
  std::vector<std::string> paths;
  std::string json;
  bool tensors = false;
  bool check_images = false;
  std::string checkpoint_key;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("json", self.json, "write the findings here; - is stdout");
    visitor("tensors", self.tensors, "list every tensor of a checkpoint");
    visitor("check_images", self.check_images, "read every image of a scene or folder");
    visitor("checkpoint_key", self.checkpoint_key, kCheckpointKeyHelp);
  }
};

bool is_checkpoint(const fs::path& path) {
  const bool is_one = has_checkpoint_extension(path) || path.string().ends_with(".index.json");
  return is_one && !is_file_of_scene(path);
}

Finding describe_scene_folder(const fs::path& path, const InfoOptions& options) {
  const Scene scene = load_scene(path);
  const Camera& first = scene.views.front().camera;
  bool distorted = false;
  for (const View& view : scene.views) {
    distorted = distorted || !view.lens.is_pinhole();
  }
  Finding finding{.text = fmt::format("{}: {} scene '{}', {} views, first {}x{}, fx {:.1f}{}\n",
                                      path.string(),
                                      scene_format_name(scene.format),
                                      scene.name,
                                      scene.views.size(),
                                      first.width,
                                      first.height,
                                      first.fx,
                                      distorted ? ", with lens distortion" : "")};
  for (const std::string& note : scene.notes) {
    finding.text += "  " + note + "\n";
  }
  std::vector<std::string> broken;
  for (size_t i = 0; options.check_images && i < scene.views.size(); ++i) {
    try {
      load_view(scene.views[i], {});
    } catch (const Error& error) {
      broken.push_back(fmt::format("view {}: {}", i, error.what()));
    }
  }
  for (const std::string& line : broken) {
    finding.text += "  not sound: " + line + "\n";
  }
  finding.sound = broken.empty();
  finding.json = {{"file", path.string()},
                  {"kind", "scene"},
                  {"format", scene_format_name(scene.format)},
                  {"name", scene.name},
                  {"views", scene.views.size()},
                  {"broken", broken},
                  {"sound", finding.sound}};
  return finding;
}

Finding describe_image(const fs::path& path) {
  const cv::Mat image = read_image(path);
  return {.text = fmt::format("{}: image, {}x{}, {} channels\n",
                              path.string(),
                              image.cols,
                              image.rows,
                              image.channels()),
          .json = {{"file", path.string()},
                   {"kind", "image"},
                   {"height", image.rows},
                   {"width", image.cols},
                   {"channels", image.channels()},
                   {"sound", true}}};
}

// Describes a folder of images, checkpoints or scenes, one level deep.
Finding describe_folder(const fs::path& path, const InfoOptions& options) {
  if (looks_like_scene(path)) {
    return describe_scene_folder(path, options);
  }
  if (const auto index = find_shard_index(path)) {
    return describe_checkpoint(*index,
                               {.all_tensors = options.tensors, .key = options.checkpoint_key});
  }
  size_t images = 0;
  std::vector<std::string> broken;
  std::vector<fs::path> inside;
  for (const std::string& key : pixelsplat_scenes(path)) {
    inside.push_back(path / key);
  }
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.is_directory() ? looks_like_scene(entry.path()) : is_checkpoint(entry.path())) {
      inside.push_back(entry.path());
    }
  }
  for (const auto& entry :
       fs::recursive_directory_iterator(path, fs::directory_options::skip_permission_denied)) {
    if (!entry.is_regular_file() || !has_image_extension(entry.path())) {
      continue;
    }
    ++images;
    try {
      if (options.check_images) {
        read_image(entry.path());
      }
    } catch (const Error& error) {
      broken.emplace_back(error.what());
    }
  }
  std::sort(inside.begin(), inside.end());
  Finding finding{.text = fmt::format("{}: folder, {} images, {} scenes and checkpoints\n",
                                      path.string(),
                                      images,
                                      inside.size())};
  for (const fs::path& child : inside) {
    finding.text += "  " + child.filename().string() + "\n";
  }
  for (const std::string& line : broken) {
    finding.text += "  not sound: " + line + "\n";
  }
  finding.sound = broken.empty();
  finding.json = {{"file", path.string()},
                  {"kind", "folder"},
                  {"images", images},
                  {"broken", broken},
                  {"sound", finding.sound}};
  return finding;
}

// A file or folder of that name, else the bundled, published or user's model of that name.
fs::path find_named(const fs::path& name) {
  std::error_code ignored;
  if (fs::exists(name, ignored) || leads_into_chunks(name)) {
    return name;
  }
  for (const fs::path& file : model_files()) {
    if (file.stem() == name) {
      return file;
    }
  }
  if (const PublishedModel* published = find_published_model(name.string())) {
    return require_fetched(*published);
  }
  throw Error(ErrorParts{.what = "there is no such file, folder or bundled model",
                         .where = name.string(),
                         .remedy = "`parallax info` lists the bundled ones."});
}

Finding describe(const fs::path& name, const InfoOptions& options) {
  const fs::path path = find_named(name);
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    return describe_folder(path, options);
  }
  if (is_checkpoint(path)) {
    return describe_checkpoint(path,
                               {.all_tensors = options.tensors, .key = options.checkpoint_key});
  }
  return has_image_extension(path) ? describe_image(path) : describe_scene_folder(path, options);
}

// A known model as a line of `parallax info`.
struct ListedModel {
  fs::path path;
  std::string text;
  nlohmann::json json;
};

std::vector<ListedModel> listed_models() {
  std::vector<ListedModel> models;
  const auto add = [&](const auto& listing,
                       const std::string& kind,
                       const std::string& architecture,
                       const std::string& variant,
                       const std::string& summary,
                       ImageSize size) {
    models.push_back({listing.path,
                      fmt::format("{}: {}, variant {} ({}), {}",
                                  listing.name,
                                  architecture,
                                  variant,
                                  summary,
                                  size_text(size.width, size.height)),
                      {{"name", listing.name},
                       {"file", listing.path.string()},
                       {"kind", kind},
                       {"variant", variant},
                       {"width", size.width},
                       {"height", size.height},
                       {"bundled", !is_users_model(listing.path)}}});
  };
  for (const ModelListing& listing : list_nvs_models()) {
    const std::string& variant = listing.card.options.variant;
    add(listing,
        "lact_nvs",
        "LaCT-NVS",
        variant,
        full_summary(find_variant(variant)),
        {listing.card.height, listing.card.width});
  }
  for (const ClassifierListing& listing : list_classifiers()) {
    const Vit3Options& options = listing.card.options;
    add(listing,
        "vit3",
        fmt::format("{}, {} classes", describe_architecture(options), options.num_classes),
        options.variant,
        std::string(find_vit3_variant(options.variant).summary),
        {options.image_size, options.image_size});
  }
  return models;
}

// What there is without naming a file.
int describe_known(const InfoOptions& options) {
  const std::vector<ListedModel> models = listed_models();
  std::string bundled = fmt::format("bundled in {}:\n", assets_folder().string());
  std::string own;
  nlohmann::json list = nlohmann::json::array();
  for (const ListedModel& model : models) {
    (is_users_model(model.path) ? own : bundled) += "  " + model.text + "\n";
    list.push_back(model.json);
  }
  if (options.json != "-") {
    fmt::print("{}yours, in {}:\n{}variants: {} (`parallax variants` explains them)\n",
               bundled,
               user_models_folder().string(),
               own.empty() ? "  none\n" : own,
               variant_names());
  }
  if (!options.json.empty()) {
    write_json(options.json,
               {{"assets", assets_folder().string()},
                {"user_models", user_models_folder().string()},
                {"models", list},
                {"provenance", provenance_json()}});
  }
  return kExitDone;
}

int run_info(const InfoOptions& options) {
  if (options.paths.empty()) {
    return describe_known(options);
  }
  nlohmann::json all = nlohmann::json::array();
  size_t failed = 0;
  for (const std::string& path : options.paths) {
    Finding finding;
    try {
      finding = describe(path, options);
    } catch (const Error& error) {
      fmt::print(stderr, "parallax: {}\n", error.what());
      finding.json = {{"file", path}, {"sound", false}, {"error", error.what()}};
      finding.sound = false;
    }
    failed += finding.sound ? 0 : 1;
    if (options.json != "-") {
      fmt::print("{}", finding.text);
    }
    all.push_back(std::move(finding.json));
  }
  if (!options.json.empty()) {
    write_json(options.json, all);
  }
  if (failed == 0) {
    return kExitDone;
  }
  return failed == options.paths.size() ? kExitFailed : kExitSomeFailed;
}

}  // namespace

void print_info(const std::vector<std::string>& paths) {
  if (!paths.empty()) {
    run_info({.paths = paths});
  }
}

Command add_info_command(CLI::App& program) {
  auto options = std::make_shared<InfoOptions>();
  CLI::App* app =
      add_subcommand(program,
                     "info",
                     "Describe and check checkpoints, scenes and folders",
                     "Example:\n  parallax info nvs vittt_t.pth assets/scenes/procedural_a");
  add_positional(
      *app,
      "FILE",
      options->paths,
      "checkpoints, scenes, images, folders or bundled models' names; none: what is bundled",
      Presence::kOptional);
  add_options(*app, *options);
  return {app, [options] { return run_info(*options); }};
}

}  // namespace parallax
