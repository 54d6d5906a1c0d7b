// What the scene loaders share: leaving out views that cannot be used, lens parameters, notes.
#pragma once

#include <filesystem>
#include <opencv2/core/types.hpp>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "vision/scene/scene.h"

namespace parallax {

// Gathers a scene's views and why some are left out: one bad view never costs the others.
class ViewCollector {
 public:
  // Adds what read() returns; where it throws an Error, the view is left out.
  template <typename Read>
  void add(const Read& read) {
    try {
      View view = read();
      view.number = static_cast<int>(views_.size() + reasons_.size());
      views_.push_back(std::move(view));
    } catch (const Error& error) {
      leave_out(error.what());
    }
  }

  void leave_out(const std::string& reason) { reasons_.push_back(reason); }

  // Moves the views into the scene, with a note that counts those left out and gives the first
  // three reasons. Throws Error with the first reason if no view is left.
  void finish(Scene& scene);

 private:
  std::vector<View> views_;
  std::vector<std::string> reasons_;
};

// Distortion in OpenCV's order without trailing zeros beyond a length that OpenCV accepts (4, 5 or
// 8); empty if all are zero.
std::vector<double> tidy_distortion(std::vector<double> coefficients);

// Camera to world in our axes, from a pose whose camera has y up and z backwards, as OpenGL's.
cv::Matx44d from_opengl_axes(const cv::Matx44d& c2w);

// The Error for a camera whose images no pinhole camera can show even a part of.
Error unsupported_camera_model(const std::string& model, const std::string& where);

// RealEstate10K's camera, of which text files and chunks write the same numbers: fx, fy, cx, cy as
// shares of the image's size, two numbers without use, world-to-camera as 3 × 4. Throws Error,
// beginning with `where`, unless it is usable.
Camera camera_of_shares(const double* numbers,  // [18]
                        cv::Size size,
                        const std::string& where);

// The first bytes of a file, at most `count`; none of what is no file or cannot be read.
std::string first_bytes(const std::filesystem::path& file, size_t count);

// Adds a note on how many views will be undistorted, if any.
void note_distortion(Scene& scene);

// Adds a note if the scene has a folder of masks and none of its views uses one.
void note_unused_masks(Scene& scene);

}  // namespace parallax
