// Reading RealityCapture's .csv of cameras.
#include "vision/scene/formats/reality_capture.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <opencv2/core.hpp>
#include <string_view>

#include "core/base/error.h"
#include "core/io/text_lines.h"
#include "vision/scene/formats/common/image_finder.h"
#include "vision/scene/formats/common/loader_support.h"
#include "vision/scene/formats/common/number_files.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNameColumn = "#name";
constexpr size_t kByteOrderMark = 3;  // bytes that may go before it

// The cells of a line, without quotes and blanks around them.
std::vector<std::string> csv_cells(std::string_view line) {
  std::vector<std::string> cells;
  for (size_t begin = 0; begin <= line.size();) {
    const size_t end = std::min(line.find(',', begin), line.size());
    std::string_view cell = line.substr(begin, end - begin);
    constexpr std::string_view kAround = " \t\"";
    cell.remove_prefix(std::min(cell.find_first_not_of(kAround), cell.size()));
    cells.emplace_back(cell.substr(0, cell.find_last_not_of(kAround) + 1));
    begin = end + 1;
  }
  return cells;
}

// The path itself, or the first file of the folder, that is such a table.
fs::path camera_table(const fs::path& path, std::vector<std::string>& notes) {
  std::error_code ignored;
  std::vector<fs::path> files = {path};
  if (fs::is_directory(path, ignored)) {
    files = files_by_number(path, ".csv");
  }
  fs::path chosen;
  for (const fs::path& file : files) {
    if (!begins_as_reality_capture(file)) {
      continue;
    }
    if (chosen.empty()) {
      chosen = file;
    } else {
      notes.push_back(fmt::format("{} is not part of this scene; name the file to load it.",
                                  file.filename().string()));
    }
  }
  return chosen;
}

// One line of the table, by the names of its columns.
class CameraRow {
 public:
  CameraRow(const std::vector<std::string>& columns,
            const std::vector<std::string>& cells,
            std::string where)
      : where_(std::move(where)) {
    for (size_t i = 0; i < std::min(columns.size(), cells.size()); ++i) {
      cells_[columns[i]] = cells[i];
    }
  }

  const std::string& where() const { return where_; }
  const std::string& text(const std::string& column) const {
    const auto found = cells_.find(column);
    if (found == cells_.end() || found->second.empty()) {
      throw Error(
          ErrorParts{.what = fmt::format("the column '{}' is missing", column),
                     .where = where_,
                     .remedy = "Export the registration as Internal/External camera parameters."});
    }
    return found->second;
  }
  double number(const std::string& column) const {
    return number_of_word(text(column), fmt::format("{}, column '{}'", where_, column));
  }
  // 0 where there is no such column.
  double number_or_zero(const std::string& column) const {
    return cells_.contains(column) ? number(column) : 0;
  }

 private:
  std::string where_;
  std::map<std::string, std::string> cells_;
};

// Camera to world, in our axes.
cv::Matx44d pose_of_angles(const CameraRow& row) {
  const auto angle = [&](const char* column) { return row.number(column) * CV_PI / 180; };
  const double yaw = -angle("heading");
  const double pitch = angle("pitch");
  const double roll = angle("roll");
  const cv::Matx33d about_z(
      std::cos(yaw), -std::sin(yaw), 0, std::sin(yaw), std::cos(yaw), 0, 0, 0, 1);
  const cv::Matx33d about_x(
      1, 0, 0, 0, std::cos(pitch), -std::sin(pitch), 0, std::sin(pitch), std::cos(pitch));
  const cv::Matx33d about_y(
      std::cos(roll), 0, std::sin(roll), 0, 1, 0, -std::sin(roll), 0, std::cos(roll));
  return from_opengl_axes(make_pose(about_z * about_x * about_y,
                                    {row.number("x"), row.number("y"), row.number("alt")}));
}

View view_of_row(const CameraRow& row, ImageFinder& photographs) {
  constexpr double kFilmWidth = 36;
  View view;
  view.name = row.text(std::string(kNameColumn));
  view.image_path = photographs.find(view.name, row.where());
  const cv::Size size = ImageFinder::full_size(view.name, view.image_path);
  const double side = std::max(size.width, size.height);
  Camera& camera = view.camera;
  camera.width = size.width;
  camera.height = size.height;
  camera.fx = camera.fy = row.number("f") * side / kFilmWidth;
  camera.cx = 0.5 * size.width + row.number_or_zero("px") * side;
  camera.cy = 0.5 * size.height + row.number_or_zero("py") * side;
  const std::vector<double> bent = {row.number_or_zero("k1"),
                                    row.number_or_zero("k2"),
                                    row.number_or_zero("t1"),
                                    row.number_or_zero("t2"),
                                    row.number_or_zero("k3"),
                                    row.number_or_zero("k4")};
  if (bent.back() != 0) {
    view.lens = {LensModel::kBrown, bent};
  } else {
    view.lens.parameters = tidy_distortion({bent.begin(), bent.end() - 1});
  }
  for (const double value : bent) {
    if (!std::isfinite(value)) {
      throw Error(ErrorParts{.what = "a distortion parameter is not finite", .where = row.where()});
    }
  }
  camera.c2w = pose_of_angles(row);
  validate_camera(camera, row.where());
  return view;
}

}  // namespace

bool begins_as_reality_capture(const fs::path& file) {
  if (file.extension() != ".csv") {
    return false;
  }
  const std::string begin = first_bytes(file, 1000);
  const std::string line = begin.substr(0, begin.find('\n'));
  const size_t name = line.find(kNameColumn);
  return name <= kByteOrderMark && line.find("heading") != std::string::npos;
}

std::optional<Scene> load_reality_capture(const fs::path& path, const SceneOptions& options) {
  Scene scene;
  const fs::path file = camera_table(path, scene.notes);
  if (file.empty()) {
    return std::nullopt;
  }
  scene.file = file;
  scene.root = file.parent_path();
  scene.name = scene.root.filename().string();
  ImageFinder photographs =
      ImageFinder::in_images_of({scene.root, scene.root.parent_path()}, options);
  TextLines lines(file);
  lines.next();
  const std::vector<std::string> columns = csv_cells(lines.text());
  ViewCollector views;
  while (lines.next()) {
    if (lines.text().find_first_not_of(" \t,") != std::string_view::npos) {
      const CameraRow row(columns,
                          csv_cells(lines.text()),
                          fmt::format("{}, line {}", file.string(), lines.number()));
      views.add([&] { return view_of_row(row, photographs); });
    }
  }
  views.finish(scene);
  photographs.note_replaced_folder(scene);
  note_distortion(scene);
  return scene;
}

}  // namespace parallax
