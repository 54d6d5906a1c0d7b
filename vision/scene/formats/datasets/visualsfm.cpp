// Reading .nvm files.
#include "vision/scene/formats/datasets/visualsfm.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/io/text_lines.h"
#include "vision/scene/formats/common/image_finder.h"
#include "vision/scene/formats/common/loader_support.h"
#include "vision/scene/formats/common/number_files.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNvmMark = "NVM_V3";  // not NVM_V3_R9T, which has matrices
constexpr const char* kNvmExtension = ".nvm";
constexpr bool kNoComments = false;  // among cameras and points: names may begin with #

// One model of a file: its cameras' lines, unread, as only the largest model's are needed.
struct NvmModel {
  struct Line {
    std::string text;
    int number = 0;
  };
  std::vector<Line> cameras;
  bool has_points = false;  // photographs that were not placed are listed as a model without
};

struct NvmFile {
  std::vector<double> fixed;     // of FixedK: fx, cx, fy, cy; empty: the middle of each photograph
  std::vector<NvmModel> models;  // none without cameras
};

std::string place_of(const fs::path& file, int line) {
  return fmt::format("{}, line {}", file.string(), line);
}

// The count that begins a list; 0 at the end of the file, whose last line may be left out.
std::int64_t next_count(TextLines& lines, const fs::path& file, const char* what) {
  if (!next_filled_line(lines, kNoComments)) {
    return 0;
  }
  const std::string where = place_of(file, lines.number());
  const std::vector<std::string> words = words_of_line(lines.text());
  const double count = number_of_word(words.empty() ? "" : words.front(), where);
  if (!(count >= 0) || count > 4294967295.0 || count != std::floor(count)) {
    throw Error(ErrorParts{.what = fmt::format("the number of {} cannot be read", what),
                           .where = where,
                           .got = fmt::format("{:g}", count)});
  }
  return static_cast<std::int64_t>(count);
}

// As many cameras and points as the file says, and has.
NvmModel read_nvm_model(TextLines& lines, const fs::path& file, std::int64_t cameras) {
  NvmModel model;
  for (std::int64_t i = 0; i < cameras; ++i) {
    if (!next_filled_line(lines, kNoComments)) {
      throw Error(ErrorParts{.what = "the file ends within the list of cameras",
                             .where = file.string(),
                             .expected = fmt::format("{} cameras", cameras),
                             .got = std::to_string(i)});
    }
    model.cameras.push_back({std::string(lines.text()), lines.number()});
  }
  const std::int64_t points = next_count(lines, file, "points");
  model.has_points = points > 0;
  for (std::int64_t i = 0; i < points && next_filled_line(lines, kNoComments); ++i) {
  }
  return model;
}

NvmFile read_nvm(const fs::path& file) {
  TextLines lines(file);
  next_filled_line(lines, kNoComments);
  const std::vector<std::string> header = words_of_line(lines.text());
  NvmFile nvm;
  if (header.size() >= 6 && header[1] == "FixedK") {
    for (size_t i = 2; i < 6; ++i) {
      nvm.fixed.push_back(number_of_word(header[i], place_of(file, lines.number()) + ", FixedK"));
    }
  }
  while (const std::int64_t cameras = next_count(lines, file, "cameras")) {
    nvm.models.push_back(read_nvm_model(lines, file, cameras));
  }
  return nvm;
}

// A name, which may have blanks, and the ten numbers that end its line: focal length, rotation,
// centre, distortion and a zero.
struct NvmCamera {
  std::string name;
  std::vector<double> numbers;
};

NvmCamera parse_nvm_camera(const std::string& line, const std::string& where) {
  constexpr size_t kNumbers = 10;
  const std::vector<std::string> words = words_of_line(line);
  if (words.size() <= kNumbers) {
    throw Error(ErrorParts{.what = "the camera cannot be read",
                           .where = where,
                           .expected = fmt::format("a name and {} numbers", kNumbers),
                           .got = fmt::format("{} words", words.size())});
  }
  const auto first = words.end() - kNumbers;
  NvmCamera camera{fmt::format("{}", fmt::join(words.begin(), first, " ")), {}};
  for (auto word = first; word != words.end(); ++word) {
    camera.numbers.push_back(number_of_word(*word, where));
    if (!std::isfinite(camera.numbers.back())) {
      throw Error(ErrorParts{.what = "a number is not finite", .where = where, .got = *word});
    }
  }
  std::replace(camera.name.begin(), camera.name.end(), '"', ' ');
  return camera;
}

View view_of_nvm(const NvmModel::Line& line,
                 const NvmFile& nvm,
                 ImageFinder& photographs,
                 const std::string& where) {
  const NvmCamera read = parse_nvm_camera(line.text, where);
  View view;
  view.name = read.name;
  view.image_path = photographs.find(view.name, where);
  const cv::Size size = ImageFinder::full_size(view.name, view.image_path);
  const double focal = read.numbers[0];
  const std::vector<double> middle = {1, 0.5 * size.width, 1, 0.5 * size.height};
  const std::vector<double>& fixed = nvm.fixed.empty() ? middle : nvm.fixed;
  view.camera = {.height = size.height,
                 .width = size.width,
                 .fx = focal,
                 .fy = focal * fixed[2] / fixed[0],
                 .cx = fixed[1],
                 .cy = fixed[3]};
  const cv::Vec4d q(read.numbers.data() + 1);
  if (cv::norm(q) == 0) {
    throw Error(ErrorParts{.what = "the rotation is no quaternion", .where = where, .got = "0"});
  }
  view.camera.c2w = make_pose(rotation_from_quaternion(q[0], q[1], q[2], q[3]).t(),
                              cv::Vec3d(read.numbers.data() + 5));
  if (const double bent = read.numbers[8]; bent != 0) {
    view.lens = {LensModel::kRadialUndistortion, {bent}};
  }
  validate_camera(view.camera, where);
  return view;
}

fs::path nvm_file(const fs::path& path, std::vector<std::string>& notes) {
  std::error_code ignored;
  std::vector<fs::path> files = {path};
  if (fs::is_directory(path, ignored)) {
    files = files_by_number(path, kNvmExtension);
  }
  std::erase_if(files, [](const fs::path& file) { return !begins_as_visualsfm(file); });
  for (size_t i = 1; i < files.size(); ++i) {
    notes.push_back(fmt::format("{} is not part of this scene; name the file to load it.",
                                files[i].filename().string()));
  }
  return files.empty() ? fs::path() : files.front();
}

// The model with most photographs, of those that have points, if any has.
const NvmModel& choose_nvm_model(const NvmFile& nvm, Scene& scene) {
  const auto is_less = [](const NvmModel& a, const NvmModel& b) {
    return std::pair(a.has_points, a.cameras.size()) < std::pair(b.has_points, b.cameras.size());
  };
  const auto best = std::max_element(nvm.models.begin(), nvm.models.end(), is_less);
  if (best == nvm.models.end()) {
    throw Error(ErrorParts{.what = "no photograph was placed", .where = scene.file.string()});
  }
  for (auto model = nvm.models.begin(); model != nvm.models.end(); ++model) {
    if (model != best) {
      scene.notes.push_back(fmt::format("{} photographs of the file {}.",
                                        model->cameras.size(),
                                        model->has_points
                                            ? "make another model, which is no part of this scene"
                                            : "were not placed"));
    }
  }
  return *best;
}

}  // namespace

bool begins_as_visualsfm(const fs::path& file) {
  if (file.extension() != kNvmExtension) {
    return false;
  }
  const std::string begin = first_bytes(file, kNvmMark.size() + 1);
  return begin.starts_with(kNvmMark) && std::isspace(static_cast<unsigned char>(begin.back())) != 0;
}

std::optional<Scene> load_visualsfm(const fs::path& path, const SceneOptions& options) {
  Scene scene;
  scene.file = nvm_file(path, scene.notes);
  if (scene.file.empty()) {
    return std::nullopt;
  }
  scene.root = scene.file.parent_path();
  scene.name = scene.root.filename().string();
  const NvmFile nvm = read_nvm(scene.file);
  const NvmModel& model = choose_nvm_model(nvm, scene);
  std::vector<fs::path> folders = {scene.root};
  if (options.image_folder.empty()) {
    folders.push_back(scene.root / "images");
  }
  ImageFinder photographs(folders, options);
  photographs.ignore_beginnings();
  std::vector<std::string> names;
  for (const NvmModel::Line& line : model.cameras) {
    try {
      names.push_back(parse_nvm_camera(line.text, "").name);
    } catch (const Error&) {
      continue;  // said when the view is read
    }
  }
  photographs.expect(names);
  ViewCollector views;
  for (const NvmModel::Line& line : model.cameras) {
    views.add(
        [&] { return view_of_nvm(line, nvm, photographs, place_of(scene.file, line.number)); });
  }
  views.finish(scene);
  photographs.note_replaced_folder(scene);
  note_distortion(scene);
  return scene;
}

}  // namespace parallax
