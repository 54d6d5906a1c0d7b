// The table, and the way from a name to a file.
#include "vision/models/published_models.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/base/paths.h"
#include "core/io/stored_checkpoint.h"
#include "core/net/download.h"
#include "core/net/file_lock.h"
#include "core/net/hub.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLicence = "weights: not stated; code: MIT";

// The readme of lact_nvs names file, configuration, image size and, of scenes, the number of input
// views in training; that of objects is its inference script's default.
PublishedModel lact_nvs(const std::string& stem, int height, int width, int views, int inner) {
  const bool object = stem.starts_with("obj_");
  return {.name = "lact-nvs/" + stem,
          .purpose = object ? "views around an object (Objaverse)" : "views of a place (DL3DV)",
          .configuration = fmt::format("24 x 768, TTT x{}", inner),
          .parameters = inner == 2 ? "312M" : "397M",
          .repository = "airsplay/lact_nvs",
          .file = stem + ".pt",
          .readme = "https://github.com/a1600012888/LaCT/tree/HEAD/lact_nvs",
          .licence = kLicence,
          .height = height,
          .width = width,
          .input_views = views,
          .object_centric = object};
}

// The table "Pretrained Models" of the readme: parameters, top-1 accuracy on ImageNet, link.
PublishedModel vit3(const std::string& name,
                    const std::string& parameters,
                    const std::string& accuracy,
                    const std::string& link) {
  return {.name = name,
          .purpose = "classifier, ImageNet-1k, top-1 " + accuracy + " % (published)",
          .configuration = name.starts_with("h-") ? "H-ViT³, four stages" : "ViT³, 12 blocks",
          .parameters = parameters,
          .file = name + ".pth",
          .url = "https://cloud.tsinghua.edu.cn/f/" + link + "/?dl=1",
          .readme = "https://github.com/LeapLabTHU/ViTTT/tree/HEAD/vittt",
          .licence = kLicence,
          .height = 224,
          .width = 224};
}

// A name for the lock and the part of a file that is being fetched.
fs::path hidden_beside(const fs::path& target, const char* ending) {
  return target.parent_path() / ("." + target.filename().string() + ending);
}

fs::path fetch_link(const PublishedModel& model, bool quiet) {
  const fs::path target = user_models_folder() / model.file;
  if (hub_is_offline()) {
    throw Error(ErrorParts{.what = model.name + " is not here, and HF_HUB_OFFLINE forbids to "
                                                "fetch it",
                           .where = target.string()});
  }
  create_folder(target.parent_path());
  const FileLock lock(hidden_beside(target, ".lock"), [&] {
    if (!quiet) {
      fmt::print(stderr, "note: another process is fetching {}; waiting for it\n", model.name);
    }
  });
  std::error_code ignored;
  if (fs::exists(target, ignored)) {
    return target;
  }
  const fs::path partial = hidden_beside(target, ".incomplete");
  download({.url = model.url, .name = model.file, .partial = partial, .quiet = quiet});
  try {
    open_checkpoint(partial);  // the publisher states no hash; a page in its place is no checkpoint
  } catch (const Error& error) {
    fs::remove(partial, ignored);
    throw Error(ErrorParts{.what = std::string("what came is no checkpoint: ") + error.what(),
                           .where = model.url,
                           .remedy = "Open the link in a browser to see what the server says."});
  }
  put_in_place(partial, target);
  return target;
}

}  // namespace

const std::vector<PublishedModel>& published_models() {
  static const std::vector<PublishedModel> models = {
      lact_nvs("obj_res256", 256, 256, 20, 2),
      lact_nvs("obj_res512", 512, 512, 20, 2),
      lact_nvs("obj_res1024", 1024, 1024, 20, 2),
      lact_nvs("scene_res128x128", 128, 128, 32, 2),
      lact_nvs("scene_res256x256", 256, 256, 32, 2),
      lact_nvs("scene_res512x512", 512, 512, 32, 2),
      lact_nvs("scene_res72x128", 72, 128, 64, 4),
      lact_nvs("scene_res144x256", 144, 256, 64, 4),
      lact_nvs("scene_res288x512", 288, 512, 64, 4),
      lact_nvs("scene_res536x960", 536, 960, 64, 4),
      vit3("vit3-t", "6M", "76.5", "e12d1bd1c20c4e06a2da"),
      vit3("vit3-s", "24M", "81.6", "4ab59ca54b474dff9b70"),
      vit3("vit3-b", "90M", "82.6", "c9e9bb09f85d449ab8cf"),
      vit3("h-vit3-t", "29M", "84.0", "f0c7c73ceabe49b7b161"),
      vit3("h-vit3-s", "54M", "84.9", "3eeab8621a7f43929a87"),
      vit3("h-vit3-b", "94M", "85.5", "1d0d7fb840254275b29d"),
  };
  return models;
}

const PublishedModel* find_published_model(std::string_view name) {
  const auto& models = published_models();
  const auto found = std::find_if(models.begin(), models.end(), [&](const PublishedModel& model) {
    return model.name == name;
  });
  return found == models.end() ? nullptr : &*found;
}

const PublishedModel* published_model_of_file(const fs::path& path) {
  const std::string file = path.filename().string();
  const auto& models = published_models();
  const auto found = std::find_if(models.begin(), models.end(), [&](const PublishedModel& model) {
    return !model.repository.empty() && model.file == file;
  });
  return found == models.end() ? nullptr : &*found;
}

std::optional<fs::path> find_fetched(const PublishedModel& model) {
  if (!model.repository.empty()) {
    return find_in_hub_cache({model.repository, model.file});
  }
  std::error_code ignored;
  const fs::path path = user_models_folder() / model.file;
  return fs::is_regular_file(path, ignored) ? std::optional(path) : std::nullopt;
}

fs::path fetch_published(const PublishedModel& model, bool quiet) {
  if (const auto found = find_fetched(model)) {
    return *found;
  }
  return model.repository.empty() ? fetch_link(model, quiet)
                                  : fetch_from_hub({model.repository, model.file}, quiet);
}

}  // namespace parallax
