// Fields as nerfstudio 1.1.5 reads them (data/dataparsers/nerfstudio_dataparser.py).
#include "vision/scene/writers/transforms_writer.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>

#include "core/io/atomic_file.h"

namespace parallax {
namespace {

using nlohmann::json;

// Beyond these OpenCV's coefficients are a denominator's, which the format does not know.
constexpr size_t kMostCoefficients = 5;
constexpr std::array kCoefficients = {"k1", "k2", "p1", "p2", "k3"};
constexpr std::array kFisheyeCoefficients = {"k1", "k2", "k3", "k4"};

json intrinsics_json(const WrittenView& view) {
  const Camera& camera = view.camera;
  json fields = {{"w", camera.width},
                 {"h", camera.height},
                 {"fl_x", camera.fx},
                 {"fl_y", camera.fy},
                 {"cx", camera.cx},
                 {"cy", camera.cy}};
  const std::vector<double>& parameters = view.lens.parameters;
  if (view.lens.model == LensModel::kFisheye) {
    for (size_t i = 0; i < kFisheyeCoefficients.size(); ++i) {
      fields[kFisheyeCoefficients[i]] = i < parameters.size() ? parameters[i] : 0.0;
    }
  } else {
    for (size_t i = 0; i < parameters.size(); ++i) {
      fields[kCoefficients[i]] = parameters[i];
    }
  }
  return fields;
}

// OpenGL's camera-to-world: its y and z axes point the other way.
json pose_json(const cv::Matx44d& c2w) {
  const cv::Matx44d opengl = c2w * cv::Matx44d::diag({1, -1, -1, 1});
  json rows = json::array();
  for (int row = 0; row < 4; ++row) {
    rows.push_back({opengl(row, 0), opengl(row, 1), opengl(row, 2), opengl(row, 3)});
  }
  return rows;
}

}  // namespace

bool transforms_can_hold(const Lens& lens) {
  const size_t count = lens.parameters.size();
  return lens.skew == 0 && (lens.model == LensModel::kFisheye
                                ? count <= kFisheyeCoefficients.size()
                                : lens.model == LensModel::kOpenCv && count <= kMostCoefficients);
}

void write_transforms(const std::vector<WrittenView>& views, const std::filesystem::path& folder) {
  const bool fisheye = views.front().lens.model == LensModel::kFisheye;
  json document = {{"camera_model", fisheye ? "OPENCV_FISHEYE" : "OPENCV"}};
  const json first = intrinsics_json(views.front());
  const bool shared = std::all_of(views.begin(), views.end(), [&](const WrittenView& view) {
    return intrinsics_json(view) == first;
  });
  if (shared) {
    document.update(first);
  }
  json training = json::array();
  json held_out = json::array();
  for (const WrittenView& view : views) {
    json frame = {{"file_path", view.image}, {"transform_matrix", pose_json(view.camera.c2w)}};
    if (!view.mask.empty()) {
      frame["mask_path"] = view.mask;
    }
    if (!shared) {
      frame.update(intrinsics_json(view));
    }
    document["frames"].push_back(std::move(frame));
    (view.is_held_out ? held_out : training).push_back(view.image);
  }
  if (!held_out.empty()) {
    // nerfstudio reads all three lists or none.
    document["train_filenames"] = training;
    document["val_filenames"] = held_out;
    document["test_filenames"] = held_out;
  }
  write_file_atomically(folder / "transforms.json", document.dump(1) + "\n");
}

}  // namespace parallax
