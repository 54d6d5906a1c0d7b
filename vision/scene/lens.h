// Lens models: how the direction of a ray becomes a point of the image plane. Formulas are those of
// COLMAP 4.2 (src/colmap/sensor/models.h), to which the parameters' order belongs, of OpenCV's
// calib3d, of Metashape 2.2 (its manual's appendix on camera models), of OpenSfM
// (opensfm/src/geometry) and of VisualSFM (its manual's NVM format).
#pragma once

#include <opencv2/core/matx.hpp>
#include <opencv2/core/types.hpp>
#include <optional>
#include <vector>

namespace parallax {

// The family of a lens and, in brackets, its parameters in order.
enum class LensModel {
  kOpenCv,              // k1 k2 p1 p2 [k3 [k4 k5 k6]]; a pinhole camera where there are none
  kBrown,               // k1 k2 p1 p2 k3 k4, of which k4 belongs to r⁸
  kFisheye,             // equidistant: [k1 k2 k3 k4], none for an ideal one
  kThinPrism,           // equidistant: k1 k2 p1 p2 k3 k4 [sx1 sy1 [k5 k6 sx2 sy2]]
  kEquisolid,           // equisolid: the same
  kRadTanThinPrism,     // equidistant: k0 … k5 p0 p1 s0 s1 s2 s3
  kDivision,            // k of Fitzgibbon's division model
  kFieldOfView,         // ω of Devernay and Faugeras's field-of-view model
  kEucm,                // α β of the enhanced unified camera model
  kDual,                // λ k1 k2: λ of a perspective and 1 − λ of an equidistant projection
  kRadialUndistortion,  // k of VisualSFM: the image's point times 1 + k r² is where the ray is
};

// A lens, without focal length and principal point.
struct Lens {
  LensModel model = LensModel::kOpenCv;
  std::vector<double> parameters;
  double skew = 0;  // this share of y, distortion included, is added to x

  // Whether an image needs no undistortion: no parameters, no skew, and not a fisheye.
  bool is_pinhole() const { return model == LensModel::kOpenCv && parameters.empty() && skew == 0; }
  // Whether this is a perspective camera with a little distortion.
  bool is_perspective() const {
    return model == LensModel::kOpenCv || model == LensModel::kBrown ||
           model == LensModel::kRadialUndistortion;
  }
};

// The point of the image plane at focal length 1 where a ray at (x, y, 1) arrives: pixel = focal
// length · point + principal point. Nothing where the model sends no point of the photograph there,
// such as beyond the angle at which a fisheye's polynomial turns back.
std::optional<cv::Point2d> distort(const Lens& lens, double x, double y);

// The angle from the axis, in radians below π/2, up to which distort() is one-to-one along the
// image's rows and columns.
double largest_angle(const Lens& lens);

}  // namespace parallax
