// The layout of src/colmap/scene/reconstruction_io_binary.cc, COLMAP 4.2, without rigs.
#include "vision/scene/writers/colmap_writer.h"

#include <array>
#include <cstdint>
#include <map>
#include <opencv2/core.hpp>
#include <opencv2/core/quaternion.hpp>
#include <optional>
#include <string>

#include "core/base/error.h"
#include "core/base/paths.h"
#include "core/io/atomic_file.h"
#include "vision/scene/formats/colmap/colmap_cameras.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

// A camera's model by COLMAP's name, and how many parameters follow the principal point.
struct WrittenModel {
  const char* name;
  size_t parameters;
};

std::optional<WrittenModel> written_model(const Lens& lens) {
  if (lens.skew != 0) {
    return std::nullopt;
  }
  switch (lens.model) {
    case LensModel::kFisheye:
      return WrittenModel{"OPENCV_FISHEYE", 4};
    case LensModel::kThinPrism:
      return lens.parameters.size() <= 8 ? std::optional(WrittenModel{"THIN_PRISM_FISHEYE", 8})
                                         : std::nullopt;
    case LensModel::kRadTanThinPrism:
      return WrittenModel{"RAD_TAN_THIN_PRISM_FISHEYE", 12};
    case LensModel::kDivision:
      return WrittenModel{"DIVISION", 1};
    case LensModel::kFieldOfView:
      return WrittenModel{"FOV", 1};
    case LensModel::kEucm:
      return WrittenModel{"EUCM", 2};
    case LensModel::kBrown:
    case LensModel::kEquisolid:
    case LensModel::kDual:
    case LensModel::kRadialUndistortion:
      return std::nullopt;
    default:
      return lens.parameters.empty()       ? WrittenModel{"PINHOLE", 0}
             : lens.parameters.size() <= 4 ? WrittenModel{"OPENCV", 4}
                                           : WrittenModel{"FULL_OPENCV", 8};
  }
}

template <typename Number>
void append_number(std::string& bytes, Number number) {
  bytes.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

// A camera's record without its id: model, size, parameters.
std::string camera_record(const WrittenView& view) {
  const WrittenModel model = written_model(view.lens).value();
  const Camera& camera = view.camera;
  std::vector<double> parameters = {camera.fx, camera.fy, camera.cx, camera.cy};
  std::vector<double> lens = view.lens.parameters;
  lens.resize(model.parameters, 0.0);  // what is left out is zero
  parameters.insert(parameters.end(), lens.begin(), lens.end());
  std::string bytes;
  append_number<std::int32_t>(bytes, find_colmap_lens(model.name, "").id);
  append_number<std::uint64_t>(bytes, camera.width);
  append_number<std::uint64_t>(bytes, camera.height);
  for (const double parameter : parameters) {
    append_number(bytes, parameter);
  }
  return bytes;
}

std::string image_record(const WrittenView& view, std::uint32_t id, std::uint32_t camera) {
  const cv::Matx44d w2c = view.camera.c2w.inv();
  const cv::Quatd q = cv::Quatd::createFromRotMat(w2c.get_minor<3, 3>(0, 0));
  std::string bytes;
  append_number(bytes, id);
  for (const double number : {q.w, q.x, q.y, q.z, w2c(0, 3), w2c(1, 3), w2c(2, 3)}) {
    append_number(bytes, number);
  }
  append_number(bytes, camera);
  bytes += fs::path(view.image).lexically_relative("images").generic_string() + '\0';
  append_number<std::uint64_t>(bytes, 0);  // points
  return bytes;
}

}  // namespace

bool colmap_can_hold(const Lens& lens) { return written_model(lens).has_value(); }

void write_colmap_model(const std::vector<WrittenView>& views, const fs::path& folder) {
  std::map<std::string, std::uint32_t> ids;  // camera's record → id
  std::string cameras;
  std::string images;
  for (size_t i = 0; i < views.size(); ++i) {
    const std::string record = camera_record(views[i]);
    const auto [found, is_new] = ids.emplace(record, static_cast<std::uint32_t>(ids.size() + 1));
    if (is_new) {
      append_number(cameras, found->second);
      cameras += record;
    }
    images += image_record(views[i], static_cast<std::uint32_t>(i + 1), found->second);
  }
  std::string count;
  append_number<std::uint64_t>(count, views.size());
  std::string camera_count;
  append_number<std::uint64_t>(camera_count, ids.size());
  // Under another name until it is whole: the folder `sparse` marks a scene.
  const fs::path unfinished = folder / ".sparse.unfinished";
  const fs::path model = unfinished / "0";
  create_folder(model);
  write_file_atomically(model / "points3D.bin", std::string(sizeof(std::uint64_t), '\0'));
  write_file_atomically(model / "images.bin", count + images);
  write_file_atomically(model / "cameras.bin", camera_count + cameras);
  std::error_code error;
  fs::rename(unfinished, folder / "sparse", error);
  if (error) {
    throw Error(ErrorParts{.what = "cannot put the finished model in place: " + error.message(),
                           .where = (folder / "sparse").string()});
  }
}

}  // namespace parallax
