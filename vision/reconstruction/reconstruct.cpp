// The stages, one after the other, and what is kept between them.
#include "vision/reconstruction/reconstruct.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <regex>
#include <set>
#include <sstream>

#include "core/base/error.h"
#include "core/base/paths.h"
#include "core/files/append_file.h"
#include "core/image/exif.h"
#include "core/image/image.h"
#include "core/image/image_header.h"
#include "core/io/atomic_file.h"
#include "vision/reconstruction/colmap_program.h"
#include "vision/reconstruction/photo_set.h"
#include "vision/scene/formats/colmap/colmap_model.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWorkFolder = ".reconstruction";

// Pairs of photographs beyond which matching all of them takes hours.
constexpr std::size_t kManyPhotos = 300;

// Progress as COLMAP's commands print it: "[3/12]", of blocks "[1/2, 3/4]"; the mapper counts
// photographs up ("Registering image #7 (5)").
class ColmapProgress {
 public:
  ColmapProgress(const ReconstructionOptions& options, std::string stage, int total)
      : options_(options), stage_(std::move(stage)), total_(total) {
    report(0, total_);
  }

  void read(const std::string& line) {
    static const std::regex kBlocks(R"(\[(\d+)/(\d+), (\d+)/(\d+)\])");
    static const std::regex kItems(R"(\[(\d+)/(\d+)\])");
    std::smatch match;
    const auto number = [&](int group) { return std::atoi(match[group].str().c_str()); };
    if (std::regex_search(line, match, kBlocks)) {
      report((number(1) - 1) * number(4) + number(3), number(2) * number(4));
    } else if (std::regex_search(line, match, kItems)) {
      report(number(1), number(2));
    } else if (line.find("Registering image") != std::string::npos) {
      report(std::min(++registered_, total_), total_);
    }
  }

 private:
  void report(int done, int total) {
    if (options_.on_progress) {
      options_.on_progress(stage_, done, total);
    }
  }

  const ReconstructionOptions& options_;
  std::string stage_;
  int total_;
  int registered_ = 0;
};

class Reconstructor {
 public:
  explicit Reconstructor(const ReconstructionOptions& options)
      : options_(options), work_(options.output / kWorkFolder) {}

  PhotoReconstruction run() {
    check_output();
    // Before photographs are read, which takes time.
    const ColmapProgram colmap(options_.colmap, work_ / "log.txt");
    result_.colmap = colmap.version();
    set_ = find_photos(options_.photos,
                       {.excluded = options_.output,
                        .keeps_blurred = options_.keeps_blurred,
                        .on_photo = [this](int done, int all) { report("photographs", done, all); },
                        .should_stop = options_.should_stop});
    result_.photos = static_cast<int>(set_.names.size() + set_.blurred.size());
    result_.notes = set_.notes;
    result_.stopped = (options_.should_stop && options_.should_stop()) || !run_stages(colmap);
    if (!result_.stopped) {
      finish();
    }
    return result_;
  }

 private:
  using Arguments = std::vector<std::pair<std::string, std::string>>;

  void report(const std::string& stage, int done, int total) const {
    if (options_.on_progress) {
      options_.on_progress(stage, done, total);
    }
  }

  // The output folder is new, empty or an interrupted run's.
  void check_output() const {
    if (fs::exists(options_.output) && !fs::is_directory(options_.output)) {
      throw Error(ErrorParts{.what = "the scene's folder is a file",
                             .where = options_.output.string(),
                             .remedy = "Choose another name."});
    }
    if (fs::exists(options_.output) && !fs::is_empty(options_.output) && !fs::exists(work_)) {
      throw Error(ErrorParts{.what = "the scene's folder is not empty",
                             .where = options_.output.string(),
                             .expected = "a new or an empty folder",
                             .remedy = "Choose another name."});
    }
  }

  // Makes the folder for the work ready, and keeps other processes out. Other photographs than an
  // interrupted run's begin anew: COLMAP would go on using those that are no longer there.
  void prepare() {
    create_folder(options_.output);
    lock_.emplace(options_.output);
    std::ostringstream list;
    for (const std::string& name : set_.names) {
      list << name << '\n';
    }
    const fs::path list_file = work_ / "photographs.txt";
    std::ostringstream before;
    before << fs::absolute(options_.photos).string() << '\n' << list.str();
    const fs::path source_file = work_ / "source.txt";
    std::ifstream source(source_file);
    std::ostringstream found;
    found << source.rdbuf();
    if (found.str() != before.str()) {
      fs::remove_all(work_);
    }
    create_folder(work_);
    write_file_atomically(list_file, list.str());
    write_file_atomically(source_file, before.str());
  }

  // The folder that COLMAP reads: the user's, or one of links to its photographs and of copies of
  // those that were resized, whose EXIF data would have it take a wrong focal length for known.
  std::string photos_for_colmap() const {
    const fs::path photos = fs::absolute(options_.photos);
    if (set_.resized.empty()) {
      return photos.string();
    }
    const fs::path corrected = work_ / "photographs";
    for (const std::string& name : set_.names) {
      create_folder((corrected / name).parent_path());
      fs::remove(corrected / name);
      if (std::binary_search(set_.resized.begin(), set_.resized.end(), name)) {
        const std::string bytes = read_image_bytes(photos / name);
        const cv::Size size = image_file_size(photos / name);
        write_file_atomically(corrected / name, with_focal_plane_of(bytes, size).value_or(bytes));
      } else {
        fs::create_symlink(photos / name, corrected / name);
      }
    }
    return fs::absolute(corrected).string();
  }

  // False if the run was stopped.
  bool run_stages(const ColmapProgram& colmap) {
    prepare();
    const std::string photos = photos_for_colmap();
    const std::string database = (work_ / "database.db").string();
    const std::string gpu = colmap.has_gpu() ? "1" : "0";
    const std::string threads = std::to_string(options_.threads > 0 ? options_.threads : -1);
    const int count = static_cast<int>(set_.names.size());
    return run_stage(colmap,
                     "feature_extractor",
                     "features",
                     count,
                     {{"database_path", database},
                      {"image_path", photos},
                      {"image_list_path", (work_ / "photographs.txt").string()},
                      {"ImageReader.single_camera", set_.has_one_size ? "1" : "0"},
                      {"FeatureExtraction.use_gpu|SiftExtraction.use_gpu", gpu},
                      {"FeatureExtraction.num_threads|SiftExtraction.num_threads", threads}}) &&
           run_matching(colmap, database, gpu, threads) && map(colmap, database, photos, threads) &&
           undistort(colmap, photos);
  }

  bool run_stage(const ColmapProgram& colmap,
                 const std::string& command,
                 const std::string& stage,
                 int total,
                 const Arguments& arguments) const {
    ColmapProgress progress(options_, stage, total);
    return colmap.run(command,
                      arguments,
                      {.on_line = [&](const std::string& line) { progress.read(line); },
                       .should_stop = options_.should_stop});
  }

  bool run_matching(const ColmapProgram& colmap,
                    const std::string& database,
                    const std::string& gpu,
                    const std::string& threads) {
    const std::size_t count = set_.names.size();
    if (!options_.is_sequence && count > kManyPhotos) {
      result_.notes.push_back(fmt::format(
          "{} photographs are {} pairs to be matched; if they are a sequence, such as a "
          "video's frames, --sequence matches neighbours alone",
          count,
          count * (count - 1) / 2));
    }
    return run_stage(colmap,
                     options_.is_sequence ? "sequential_matcher" : "exhaustive_matcher",
                     "matching",
                     static_cast<int>(count),
                     {{"database_path", database},
                      {"FeatureMatching.use_gpu|SiftMatching.use_gpu", gpu},
                      {"FeatureMatching.num_threads|SiftMatching.num_threads", threads}});
  }

  bool map(const ColmapProgram& colmap,
           const std::string& database,
           const std::string& photos,
           const std::string& threads) {
    const fs::path models = work_ / "sparse";
    if (fs::exists(work_ / "mapped")) {
      return true;
    }
    fs::remove_all(models);
    create_folder(models);
    try {
      if (!run_stage(colmap,
                     "mapper",
                     "cameras",
                     static_cast<int>(set_.names.size()),
                     {{"database_path", database},
                      {"image_path", photos},
                      {"output_path", models.string()},
                      {"Mapper.num_threads", threads}})) {
        return false;
      }
    } catch (const Error&) {
      // Some versions fail where others succeed without a model. Any model is a result.
      if (!fs::is_empty(models)) {
        throw;
      }
    }
    if (fs::is_empty(models)) {
      throw Error(ErrorParts{
          .what = "COLMAP finds no scene in these photographs",
          .where = options_.photos.string(),
          .expected = "photographs of one unmoving scene that overlap by two thirds, taken from "
                      "different places, of surfaces with detail",
          .remedy = fmt::format("All that it said is in {}.", (work_ / "log.txt").string())});
    }
    write_file_atomically(work_ / "mapped", "");
    return true;
  }

  // The model of most images.
  fs::path choose_best_model() {
    fs::path best;
    std::size_t most = 0;
    std::string others;
    std::vector<std::pair<fs::path, std::size_t>> models;
    for (const auto& entry : fs::directory_iterator(work_ / "sparse")) {
      if (entry.is_directory() && !colmap_file(entry.path(), "images").empty()) {
        models.emplace_back(entry.path(), count_colmap_images(entry.path()));
      }
    }
    std::sort(models.begin(), models.end());
    for (const auto& [folder, images] : models) {
      if (images > most) {
        most = images;
        best = folder;
      }
    }
    for (const auto& [folder, images] : models) {
      if (folder != best) {
        others += fmt::format("{}{}", others.empty() ? "" : ", ", images);
      }
    }
    if (models.size() > 1) {
      result_.notes.push_back(fmt::format(
          "COLMAP could not connect all photographs: of its {} scenes the largest, of {} "
          "photographs, is kept (the others: {})",
          models.size(),
          most,
          others));
    }
    if (best.empty()) {
      throw Error(ErrorParts{.what = "COLMAP's model cannot be read",
                             .where = (work_ / "sparse").string()});
    }
    return best;
  }

  void note_missing(const fs::path& model) {
    std::set<std::string> placed;
    for (const ColmapImage& image : read_colmap_images(model)) {
      placed.insert(image.name);
    }
    std::vector<std::string> missing;
    for (const std::string& name : set_.names) {
      if (placed.count(name) == 0) {
        missing.push_back(name);
      }
    }
    result_.views = static_cast<int>(placed.size());
    if (!missing.empty()) {
      result_.notes.push_back(
          fmt::format("{} of {} photographs are left out because COLMAP could not place them: {}",
                      missing.size(),
                      set_.names.size(),
                      first_names(missing)));
    }
  }

  bool undistort(const ColmapProgram& colmap, const std::string& photos) {
    const fs::path model = choose_best_model();
    note_missing(model);
    fs::remove_all(work_ / "dense");
    return run_stage(colmap,
                     "image_undistorter",
                     "undistortion",
                     result_.views,
                     {{"image_path", photos},
                      {"input_path", model.string()},
                      {"output_path", (work_ / "dense").string()},
                      {"output_type", "COLMAP"}});
  }

  // Moves the scene to its place, the model last: without it the folder is no scene.
  void finish() const {
    const fs::path dense = work_ / "dense";
    fs::remove_all(options_.output / "images");
    fs::remove_all(options_.output / "sparse");
    fs::rename(dense / "images", options_.output / "images");
    create_folder(options_.output / "sparse");
    const fs::path model =
        fs::exists(dense / "sparse" / "0") ? dense / "sparse" / "0" : dense / "sparse";
    fs::rename(model, options_.output / "sparse" / "0");
    fs::remove_all(work_);
  }

  const ReconstructionOptions& options_;
  fs::path work_;
  std::optional<FolderLock> lock_;
  PhotoSet set_;
  PhotoReconstruction result_;
};

}  // namespace

PhotoReconstruction reconstruct(const ReconstructionOptions& options) {
  try {
    return Reconstructor(options).run();
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorParts{.what = "a file of the reconstruction cannot be written",
                           .where = options.output.string(),
                           .got = error.what()});
  }
}

}  // namespace parallax
