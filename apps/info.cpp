// `parallax info`: what a checkpoint, a scene or a folder contains, and whether it is valid.
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "apps/common/cli.h"
#include "apps/report/results.h"
#include "apps/report/system_info.h"
#include "core/base/device.h"
#include "core/base/paths.h"
#include "core/image/image.h"
#include "core/io/checkpoint.h"
#include "vision/models/lact_nvs/model_store.h"
#include "vision/models/model_files.h"
#include "vision/models/variant_text.h"
#include "vision/models/vit3/model_store.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/scene/image_size.h"
#include "vision/scene/view_loader.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr size_t kListedTensors = 12;

struct InfoOptions {
  std::vector<std::string> paths;
  std::string json;
  bool tensors = false;
  bool check_images = false;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("json", self.json, "write the findings here; - is stdout");
    visitor("tensors", self.tensors, "list every tensor of a checkpoint");
    visitor("check_images", self.check_images, "read every image of a scene or folder");
  }
};

struct Finding {
  std::string text;  // for people to read
  nlohmann::json json;
  bool sound = true;
};

bool has_extension(const fs::path& path, const std::set<std::string>& extensions) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) {
    return std::tolower(c);
  });
  return extensions.count(extension) != 0;
}

bool is_checkpoint(const fs::path& path) {
  return has_extension(path, {".safetensors", ".pt", ".pth"});
}

bool is_image(const fs::path& path) {
  return has_extension(path,
                       {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"});
}

// Describes data, recipe and results as recorded in the model card.
void describe_training(const nlohmann::json& card, Finding& finding) {
  for (const char* field : {"data", "began_with", "command", "commit"}) {
    if (card.contains(field) && card.at(field).is_string()) {
      finding.json["card"][field] = card.at(field);
      finding.text += fmt::format("  {}: {}\n", field, card.at(field).get<std::string>());
    }
  }
  const nlohmann::json training = card.value("training", nlohmann::json::object());
  if (training.contains("steps") && training.contains("seconds")) {
    finding.json["card"]["training"] = training;
    finding.text += fmt::format("  trained for {} steps in {:.0f} minutes\n",
                                training.at("steps").dump(),
                                training.at("seconds").get<double>() / 60);
  }
  for (const nlohmann::json& holder : {card, training}) {
    if (holder.contains("results")) {
      finding.json["results"] = holder.at("results");
      finding.text += fmt::format("  results: {}\n", holder.at("results").dump());
    }
  }
}

void describe_classifier(const fs::path& path, const Checkpoint& checkpoint, Finding& finding) {
  const ClassifierCard card = read_classifier_card(path, checkpoint);
  const Vit3Options& options = card.options;
  finding.json["model"] = options_to_json(options);
  finding.json["has_model_card"] = card.has_card;
  finding.text += fmt::format("  {} classifier, {} classes such as {}, {} parameters\n",
                              describe_architecture(options),
                              options.num_classes,
                              card.labels.short_name(0),
                              count_parameters(options));
  if (card.has_card) {
    finding.text += fmt::format("  variant {} ({}), trained at {}x{}\n",
                                options.variant,
                                find_vit3_variant(options.variant).summary,
                                options.image_size,
                                options.image_size);
  } else {
    finding.text +=
        "  no model card: configuration inferred from the tensors; the variant is assumed to be 0 "
        "unless "
        "--variant says another\n";
  }
  describe_training(card.json, finding);
  load_classifier(path.string());  // checks every tensor's name and shape
  finding.json["loads"] = true;
}

void describe_model(const fs::path& path, const Checkpoint& checkpoint, Finding& finding) {
  if (is_classifier_checkpoint(checkpoint)) {
    describe_classifier(path, checkpoint, finding);
    return;
  }
  if (checkpoint.tensors.count("input_linear.weight") == 0) {
    return;
  }
  const NvsModelCard card = read_model_card(path, checkpoint);
  const LactNvsOptions& options = card.options;
  finding.json["model"] = options_to_json(options);
  finding.json["has_model_card"] = card.has_card;
  finding.text += fmt::format(
      "  LaCT-NVS model, variant {} ({}), {} layers x {}, patch {}, TTT heads of {} (inner width "
      "x{})\n",
      options.variant,
      full_summary(find_variant(options.variant)),
      options.layers,
      options.dim,
      options.patch_size,
      options.ttt_head_dim,
      options.inter_multi);
  finding.text += card.has_card
                      ? fmt::format("  trained at {}x{}\n", card.width, card.height)
                      : std::string(
                            "  no model card: configuration inferred from the tensors; base_lr and "
                            "Newton-Schulz steps as in the official ones\n");
  describe_training(card.json, finding);
  finding.json["loads"] = true;
  load_nvs_model(path.string());  // checks every tensor's name and shape
}

Finding describe_checkpoint(const fs::path& path, const InfoOptions& options) {
  const Checkpoint checkpoint = load_checkpoint(path);
  int64_t parameters = 0;
  int64_t bytes = 0;
  std::set<std::string> dtypes;
  std::string not_finite;
  nlohmann::json listed = nlohmann::json::object();
  std::string lines;
  size_t count = 0;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    parameters += tensor.numel();
    bytes += static_cast<int64_t>(tensor.nbytes());
    dtypes.insert(std::string(torch::toString(tensor.scalar_type())));
    if (tensor.is_floating_point() && !tensor.isfinite().all().item<bool>()) {
      not_finite += (not_finite.empty() ? "" : ", ") + name;
    }
    if (options.tensors || count++ < kListedTensors) {
      lines += fmt::format("  {} [{}] {}\n",
                           name,
                           fmt::join(tensor.sizes(), ", "),
                           torch::toString(tensor.scalar_type()));
    }
    listed[name] = tensor.sizes().vec();
  }
  if (!options.tensors && checkpoint.tensors.size() > kListedTensors) {
    lines += fmt::format("  and {} more (--tensors lists all)\n",
                         checkpoint.tensors.size() - kListedTensors);
  }
  Finding finding{.text = fmt::format("{}: checkpoint, {} tensors, {} elements, {}, {}\n",
                                      path.string(),
                                      checkpoint.tensors.size(),
                                      parameters,
                                      format_bytes(bytes),
                                      fmt::join(dtypes, " "))};
  finding.json = {{"file", path.string()},
                  {"kind", "checkpoint"},
                  {"tensors", listed},
                  {"numbers", parameters},
                  {"metadata", checkpoint.metadata}};
  describe_model(path, checkpoint, finding);
  finding.text += lines;
  if (!not_finite.empty()) {
    finding.sound = false;
    finding.text += fmt::format("  not sound: NaN or infinity in {}\n", not_finite);
  }
  finding.json["sound"] = finding.sound;
  return finding;
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
  size_t images = 0;
  std::vector<std::string> broken;
  std::vector<fs::path> inside;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.is_directory() ? looks_like_scene(entry.path()) : is_checkpoint(entry.path())) {
      inside.push_back(entry.path());
    }
  }
  for (const auto& entry :
       fs::recursive_directory_iterator(path, fs::directory_options::skip_permission_denied)) {
    if (!entry.is_regular_file() || !is_image(entry.path())) {
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

// A file or folder of that name, else the bundled or user's model of that name.
fs::path find_named(const fs::path& name) {
  std::error_code ignored;
  if (fs::exists(name, ignored)) {
    return name;
  }
  const auto file_in = [&](const auto& listings) {
    const auto found = std::find_if(listings.begin(), listings.end(), [&](const auto& listing) {
      return listing.name == name.string();
    });
    return found != listings.end() ? found->path : fs::path();
  };
  for (const fs::path& file : {file_in(list_nvs_models()), file_in(list_classifiers())}) {
    if (!file.empty()) {
      return file;
    }
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
    return describe_checkpoint(path, options);
  }
  return is_image(path) ? describe_image(path) : describe_scene_folder(path, options);
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
