// `parallax scenes`: procedural multi-view scenes, or views of the user's meshes, as folders.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <thread>

#include "apps/common/nvs_options.h"
#include "apps/report/run_settings.h"
#include "core/base/json_text.h"
#include "core/base/paths.h"
#include "core/base/progress.h"
#include "core/files/append_file.h"
#include "core/io/atomic_file.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/scene/image_size.h"
#include "vision/synth/meshes/mesh_import.h"
#include "vision/synth/random.h"
#include "vision/synth/scene_writer.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

struct ScenesOptions {
  std::string output;
  int count = 1;
  int64_t seed = 1;
  std::string difficulty = "simple";
  int views = 32;
  std::string size = "256x256";
  int samples = 4;
  std::string background = "transparent";
  std::vector<std::string> mesh;
  std::string up = "auto";
  bool resume = false;
  CommonOptions common;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("count", self.count, "number of scenes", OptionRange{1, 1e7});
    visitor("seed", self.seed, "the same seed gives the same pixels", OptionRange{0, 9e15});
    visitor("difficulty",
            self.difficulty,
            "simple, mixed, or a number from 0 to 1: parts, patterns, cuts, camera range");
    visitor("views", self.views, "views per scene", OptionRange{1, 100000});
    visitor("size", self.size, "image size WxH");
    visitor("samples", self.samples, "rays along each side of a pixel", OptionRange{1, 16});
    visitor("background", self.background, "transparent, white, black, grey or #rrggbb");
    visitor("mesh",
            self.mesh,
            "render these meshes (glTF, OBJ, PLY, STL) instead of procedural scenes");
    visitor("up", self.up, "the meshes' upward axis: auto, y or z");
    visitor("resume",
            self.resume,
            "make only the scenes that an earlier run of this command into the folder did not");
  }
};

UpAxis parse_up(const std::string& text) {
  if (text == "auto") {
    return UpAxis::kAuto;
  }
  if (text == "y" || text == "z") {
    return text == "y" ? UpAxis::kY : UpAxis::kZ;
  }
  throw UsageError(ErrorParts{.what = "there is no such axis",
                              .where = "--up",
                              .expected = "auto, y or z",
                              .got = "'" + text + "'"});
}

SceneWriteOptions write_options(const ScenesOptions& options) {
  SceneWriteOptions write{.family = family_by_name(options.difficulty),
                          .num_views = options.views,
                          .samples = options.samples};
  const ImageSize size = parse_image_size(options.size, "--size");
  write.height = size.height;
  write.width = size.width;
  if (options.background != "transparent") {
    const cv::Vec3b colour = parse_colour(options.background);
    write.background = cv::Vec3f(colour[0], colour[1], colour[2]) / 255.0F;
  }
  return write;
}

// A mesh's name without its extension; where several have that, with a number.
std::string scene_name(const std::vector<std::string>& meshes, int index) {
  const std::string stem = fs::path(meshes[index]).stem().string();
  const auto same = std::count_if(meshes.begin(), meshes.begin() + index, [&](const auto& other) {
    return fs::path(other).stem() == stem;
  });
  return same == 0 ? stem : fmt::format("{}_{}", stem, same + 1);
}

fs::path folder_of_scene(const ScenesOptions& options, int index) {
  return fs::path(options.output) / (options.mesh.empty() ? fmt::format("scene_{:05d}", index)
                                                          : scene_name(options.mesh, index));
}

// Writes one scene of the job: generated from its seed, or from the mesh of its index.
void write_one(const ScenesOptions& options,
               SceneWriteOptions write,
               int index,
               std::vector<std::string>& notes) {
  const std::uint64_t seed = Random(static_cast<std::uint64_t>(options.seed))
                                 .fork(static_cast<std::uint64_t>(index))
                                 .next();
  write.seed = seed;
  if (options.mesh.empty()) {
    write_scene(describe_scene(write.family, seed), write, folder_of_scene(options, index));
    return;
  }
  const fs::path path = options.mesh[index];
  ImportedMesh mesh = import_mesh(path, {.up = parse_up(options.up)});
  notes.insert(notes.end(), mesh.notes.begin(), mesh.notes.end());
  write_scene(mesh.scene, write, folder_of_scene(options, index));
}

// Scenes of two runs in one folder would be taken for one set.
void require_no_scenes(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.is_directory(ignored) && looks_like_scene(entry.path())) {
      throw UsageError(ErrorParts{.what = "the folder holds scenes already",
                                  .where = folder.string(),
                                  .got = entry.path().filename().string(),
                                  .remedy = "Name another folder, move those scenes away, or "
                                            "continue their run with --resume."});
    }
  }
}

// Keeps the options beside the scenes, so that only the same command goes on; its `count` may grow.
void keep_options(const ScenesOptions& options) {
  const fs::path file = fs::path(options.output) / ".scenes.json";
  nlohmann::json settings = options_to_json(options);
  for (const char* beside : {"resume", "count"}) {
    settings.erase(beside);
  }
  std::error_code ignored;
  if (options.resume && fs::exists(file, ignored)) {
    check_settings(file, settings);
  } else {
    require_no_scenes(options.output);
  }
  write_file_atomically(file, dump_json(settings, 1) + "\n");
}

// The camera file is written last.
bool is_there(const ScenesOptions& options, int index) {
  std::error_code ignored;
  return options.resume &&
         fs::exists(folder_of_scene(options, index) / "opencv_cameras.json", ignored);
}

int run_scenes(const ScenesOptions& options) {
  if (options.output.empty()) {  // not required of the commands that are a part of it
    throw UsageError(ErrorParts{.what = "OUT is required"});
  }
  SceneWriteOptions write = write_options(options);
  parse_up(options.up);
  for (const std::string& mesh : options.mesh) {
    if (!fs::exists(mesh)) {
      throw UsageError(ErrorParts{.what = "there is no such file", .where = mesh});
    }
  }
  const int count = options.mesh.empty() ? options.count : static_cast<int>(options.mesh.size());
  create_folder(options.output);
  const FolderLock lock(options.output);
  keep_options(options);
  Progress progress("views", static_cast<int64_t>(count) * options.views, options.common.quiet);
  std::mutex mutex;  // guards progress, stderr and the count of failures
  int failed = 0;
  write.on_view = [&](int) {
    const std::lock_guard lock(mutex);
    progress.advance();
  };
  std::atomic<int> next = 0;
  const auto work = [&] {
    for (int i = next++; i < count; i = next++) {
      if (is_there(options, i)) {
        continue;
      }
      std::vector<std::string> notes;
      try {
        write_one(options, write, i, notes);
      } catch (const Error& error) {
        notes.push_back(error.what());
        const std::lock_guard lock(mutex);
        ++failed;
      }
      const std::lock_guard lock(mutex);
      for (const std::string& note : notes) {
        fmt::print(stderr, "parallax: {}\n", note);
      }
    }
  };
  const int wanted = options.common.threads > 0
                         ? options.common.threads
                         : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < std::min(wanted, count); ++i) {
      threads.emplace_back(work);
    }
  }
  progress.finish();
  if (!options.common.quiet) {
    fmt::print(stderr, "{} scenes written to {}\n", count - failed, options.output);
  }
  return failed == 0 ? kExitDone : failed < count ? kExitSomeFailed : kExitFailed;
}

}  // namespace

Command add_scenes_command(CLI::App& program) {
  auto options = std::make_shared<ScenesOptions>();
  CLI::App* app = add_subcommand(
      program,
      "scenes",
      "Generate procedural multi-view scenes, or views of meshes; convert scenes, or make them of "
      "photographs",
      "Examples:\n  parallax scenes output/scenes --count 10 --difficulty mixed\n"
      "  parallax scenes output/meshes --mesh chair.glb --views 64 --background white");
  add_positional(
      *app, "OUT", options->output, "folder for the scenes' folders", Presence::kOptional);
  add_options(*app, *options);
  add_options(*app, options->common);
  return {app, [options] { return run_scenes(*options); }};
}

}  // namespace parallax
