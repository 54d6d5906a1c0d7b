// COLMAP's camera models and pose convention.
#include "vision/scene/formats/colmap/colmap_cameras.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "vision/scene/formats/common/loader_support.h"

namespace parallax {
namespace {

// src/colmap/sensor/models.h of COLMAP 4.2.
constexpr std::array kLenses = {
    ColmapLens{"SIMPLE_PINHOLE", 0, 3, 1, LensModel::kOpenCv},
    ColmapLens{"PINHOLE", 1, 4, 2, LensModel::kOpenCv},
    ColmapLens{"SIMPLE_RADIAL", 2, 4, 1, LensModel::kOpenCv},
    ColmapLens{"RADIAL", 3, 5, 1, LensModel::kOpenCv},
    ColmapLens{"OPENCV", 4, 8, 2, LensModel::kOpenCv},
    ColmapLens{"OPENCV_FISHEYE", 5, 8, 2, LensModel::kFisheye},
    ColmapLens{"FULL_OPENCV", 6, 12, 2, LensModel::kOpenCv},
    ColmapLens{"FOV", 7, 5, 2, LensModel::kFieldOfView},
    ColmapLens{"SIMPLE_RADIAL_FISHEYE", 8, 4, 1, LensModel::kFisheye},
    ColmapLens{"RADIAL_FISHEYE", 9, 5, 1, LensModel::kFisheye},
    ColmapLens{"THIN_PRISM_FISHEYE", 10, 12, 2, LensModel::kThinPrism},
    ColmapLens{"RAD_TAN_THIN_PRISM_FISHEYE", 11, 16, 2, LensModel::kRadTanThinPrism},
    ColmapLens{"SIMPLE_DIVISION", 12, 4, 1, LensModel::kDivision},
    ColmapLens{"DIVISION", 13, 5, 2, LensModel::kDivision},
    ColmapLens{"SIMPLE_FISHEYE", 14, 3, 1, LensModel::kFisheye},
    ColmapLens{"FISHEYE", 15, 4, 2, LensModel::kFisheye},
    ColmapLens{"EUCM", 16, 6, 2, LensModel::kEucm},
    ColmapLens{"EQUIRECTANGULAR", 17, 2, 0, LensModel::kOpenCv},
};

template <typename Matches>
const ColmapLens& find(Matches matches, const std::string& shown, const std::string& where) {
  const auto* found = std::find_if(kLenses.begin(), kLenses.end(), matches);
  if (found == kLenses.end()) {
    throw unsupported_camera_model(shown, where + ", field 'model'");
  }
  return *found;
}

int checked_side(std::uint64_t side, const char* field, const std::string& where) {
  if (side < 1 || side > kMaxImageSide) {
    throw Error(ErrorParts{.what = "the image size is not usable",
                           .where = fmt::format("{}, field '{}'", where, field),
                           .expected = fmt::format("1 to {} pixels", kMaxImageSide),
                           .got = fmt::format("{}", side)});
  }
  return static_cast<int>(side);
}

ColmapCamera checked_camera(const ColmapLens& model,
                            std::uint64_t width,
                            std::uint64_t height,
                            const std::vector<double>& parameters,
                            const std::string& where) {
  if (model.focals == 0) {
    throw unsupported_camera_model(model.name, where + ", field 'model'");
  }
  ColmapCamera camera;
  camera.intrinsics.width = checked_side(width, "width", where);
  camera.intrinsics.height = checked_side(height, "height", where);
  camera.intrinsics.fx = parameters[0];
  camera.intrinsics.fy = parameters[model.focals - 1];
  camera.intrinsics.cx = parameters[model.focals];
  camera.intrinsics.cy = parameters[model.focals + 1];
  validate_camera(camera.intrinsics, where);
  std::vector<double> lens(parameters.begin() + model.focals + 2, parameters.end());
  for (const double value : lens) {
    if (!std::isfinite(value)) {
      throw Error(ErrorParts{.what = "a distortion parameter is not finite",
                             .where = where + ", field 'params'",
                             .got = fmt::format("{}", value)});
    }
  }
  camera.lens = {model.model, model.model == LensModel::kOpenCv ? tidy_distortion(lens) : lens};
  // Without any effect these are pinhole cameras.
  const bool bends = model.model == LensModel::kFieldOfView || model.model == LensModel::kDivision;
  if (bends && lens[0] == 0) {
    camera.lens = {};
  }
  return camera;
}

}  // namespace

const ColmapLens& find_colmap_lens(std::string_view name, const std::string& where) {
  return find([&](const ColmapLens& lens) { return lens.name == name; }, std::string(name), where);
}

const ColmapLens& find_colmap_lens(std::int32_t id, const std::string& where) {
  return find(
      [&](const ColmapLens& lens) { return lens.id == id; }, fmt::format("number {}", id), where);
}

ColmapCamera make_colmap_camera(const ColmapLens& model,
                                std::uint64_t width,
                                std::uint64_t height,
                                const std::vector<double>& parameters,
                                const std::string& where) {
  try {
    return checked_camera(model, width, height, parameters, where);
  } catch (const Error& error) {
    return {.problem = error.what()};
  }
}

void add_colmap_camera(ColmapCameras& cameras,
                       std::uint32_t id,
                       ColmapCamera camera,
                       const std::string& where) {
  if (!cameras.emplace(id, std::move(camera)).second) {
    throw Error(ErrorParts{.what = "the camera id occurs twice", .where = where});
  }
}

std::string colmap_image_place(const std::filesystem::path& file,
                               size_t index,
                               std::string_view name) {
  return fmt::format("{}, view {} ('{}')", file.string(), index, name);
}

cv::Matx44d colmap_pose_or_problem(const std::array<double, 7>& pose,
                                   const std::string& where,
                                   std::string& problem) {
  try {
    return make_colmap_pose(pose, where);
  } catch (const Error& error) {
    problem = error.what();
    return cv::Matx44d::eye();
  }
}

cv::Matx44d make_colmap_pose(const std::array<double, 7>& pose, const std::string& where) {
  double norm = 0;
  for (int i = 0; i < 4; ++i) {
    norm += pose[i] * pose[i];
  }
  norm = std::sqrt(norm);
  const bool finite =
      std::all_of(pose.begin(), pose.end(), [](double v) { return std::isfinite(v); });
  if (!finite || norm < 1e-6 || !std::isfinite(norm)) {
    throw Error(
        ErrorParts{.what = "the pose is not usable",
                   .where = where + (finite ? ", field 'qvec'" : ", fields 'qvec' and 'tvec'"),
                   .expected = "finite numbers and a quaternion of length 1",
                   .got = fmt::format("({:g} {:g} {:g} {:g}), ({:g} {:g} {:g})",
                                      pose[0],
                                      pose[1],
                                      pose[2],
                                      pose[3],
                                      pose[4],
                                      pose[5],
                                      pose[6])});
  }
  return make_pose(rotation_from_quaternion(pose[0], pose[1], pose[2], pose[3]),
                   {pose[4], pose[5], pose[6]});
}

}  // namespace parallax
