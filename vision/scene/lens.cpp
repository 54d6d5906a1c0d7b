// The projections of the lens models.
#include "vision/scene/lens.h"

#include <cmath>

namespace parallax {
namespace {

constexpr double kSmall = 1e-9;

// Polynomials take missing coefficients as 0.
double parameter(const Lens& lens, size_t index) {
  return index < lens.parameters.size() ? lens.parameters[index] : 0;
}

// OpenCV's rational, tangential model.
cv::Point2d distort_opencv(const Lens& lens, double x, double y) {
  const auto p = [&](size_t index) { return parameter(lens, index); };
  const double r2 = x * x + y * y;
  const double radial =
      (1 + r2 * (p(0) + r2 * (p(1) + r2 * p(4)))) / (1 + r2 * (p(5) + r2 * (p(6) + r2 * p(7))));
  return {x * radial + 2 * p(2) * x * y + p(3) * (r2 + 2 * x * x),
          y * radial + 2 * p(3) * x * y + p(2) * (r2 + 2 * y * y)};
}

// (x, y) scaled so that its length is the ray's angle from the axis.
cv::Point2d equidistant(double x, double y) {
  const double r = std::hypot(x, y);
  const double scale = r > kSmall ? std::atan(r) / r : 1;
  return {x * scale, y * scale};
}

// (x, y) scaled so that its length is twice the sine of half that angle.
cv::Point2d equisolid(double x, double y) {
  const double r = std::hypot(x, y);
  const double scale = r > kSmall ? 2 * std::sin(std::atan(r) / 2) / r : 1;
  return {x * scale, y * scale};
}

cv::Point2d distort_fisheye(const Lens& lens, double x, double y) {
  const cv::Point2d ideal = equidistant(x, y);
  const auto p = [&](size_t index) { return parameter(lens, index); };
  const double t2 = ideal.dot(ideal);
  return ideal * (1 + t2 * (p(0) + t2 * (p(1) + t2 * (p(2) + t2 * p(3)))));
}

// Radial, tangential and thin-prism terms, all of the ideal projection's point.
cv::Point2d add_distortion(const Lens& lens, const cv::Point2d& ideal) {
  const auto p = [&](size_t index) { return parameter(lens, index); };
  const double u = ideal.x;
  const double v = ideal.y;
  const double r2 = ideal.dot(ideal);
  const double radial =
      1 + r2 * (p(0) + r2 * (p(1) + r2 * (p(4) + r2 * (p(5) + r2 * (p(8) + r2 * p(9))))));
  return {u * radial + 2 * p(2) * u * v + p(3) * (r2 + 2 * u * u) + r2 * (p(6) + r2 * p(10)),
          v * radial + 2 * p(3) * u * v + p(2) * (r2 + 2 * v * v) + r2 * (p(7) + r2 * p(11))};
}

cv::Point2d distort_rad_tan_thin_prism(const Lens& lens, double x, double y) {
  cv::Point2d point = equidistant(x, y);
  const auto p = [&](size_t index) { return parameter(lens, index); };
  const double t2 = point.dot(point);
  double radial = 0;
  for (size_t i = 6; i-- > 0;) {
    radial = t2 * (p(i) + radial);
  }
  point *= 1 + radial;
  const double u = point.x;
  const double v = point.y;
  const double r2 = point.dot(point);
  return {u + 2 * p(7) * u * v + p(6) * (r2 + 2 * u * u) + r2 * (p(8) + r2 * p(9)),
          v + 2 * p(6) * u * v + p(7) * (r2 + 2 * v * v) + r2 * (p(10) + r2 * p(11))};
}

std::optional<cv::Point2d> distort_division(const Lens& lens, double x, double y) {
  const double discriminant = 1 - 4 * parameter(lens, 0) * (x * x + y * y);
  if (discriminant < 0) {
    return std::nullopt;
  }
  return cv::Point2d(x, y) * (2 / (1 + std::sqrt(discriminant)));
}

cv::Point2d distort_field_of_view(const Lens& lens, double x, double y) {
  const double omega = parameter(lens, 0);
  const double r = std::hypot(x, y);
  if (std::abs(omega) < 1e-6 || r < kSmall) {
    // The limits of the formula below.
    return cv::Point2d(x, y) * (std::abs(omega) < 1e-6 ? 1 : 2 * std::tan(omega / 2) / omega);
  }
  return cv::Point2d(x, y) * (std::atan(2 * r * std::tan(omega / 2)) / (r * omega));
}

std::optional<cv::Point2d> distort_eucm(const Lens& lens, double x, double y) {
  const double alpha = parameter(lens, 0);
  const double square = parameter(lens, 1) * (x * x + y * y) + 1;
  if (square < 0) {
    return std::nullopt;
  }
  const double depth = alpha * std::sqrt(square) + 1 - alpha;
  if (depth <= kSmall) {
    return std::nullopt;
  }
  return cv::Point2d(x, y) / depth;
}

cv::Point2d distort_dual(const Lens& lens, double x, double y) {
  const double perspective = parameter(lens, 0);
  const cv::Point2d ideal = cv::Point2d(x, y) * perspective + equidistant(x, y) * (1 - perspective);
  const double r2 = ideal.dot(ideal);
  return ideal * (1 + r2 * (parameter(lens, 1) + r2 * parameter(lens, 2)));
}

// The smallest r with r (1 + k r²) = the ray's, by Newton's method: from below for k < 0, from
// above for k > 0, so that no step goes too far.
std::optional<cv::Point2d> distort_by_undistortion(const Lens& lens, double x, double y) {
  const double k = parameter(lens, 0);
  const double wanted = std::hypot(x, y);
  if (k < 0 && wanted > 2 / (3 * std::sqrt(-3 * k))) {
    return std::nullopt;  // beyond where the polynomial turns back
  }
  constexpr int kMostSteps = 100;
  double r = wanted;
  for (int step = 0; step < kMostSteps; ++step) {
    const double slope = 1 + 3 * k * r * r;
    const double change = slope > kSmall ? (r * (1 + k * r * r) - wanted) / slope : 0;
    r -= change;
    if (std::abs(change) <= 1e-15 * r) {
      break;
    }
  }
  return cv::Point2d(x, y) * (wanted > kSmall ? r / wanted : 1);
}

std::optional<cv::Point2d> project(const Lens& lens, double x, double y) {
  switch (lens.model) {
    case LensModel::kBrown:
      return add_distortion(lens, {x, y});
    case LensModel::kFisheye:
      return distort_fisheye(lens, x, y);
    case LensModel::kThinPrism:
      return add_distortion(lens, equidistant(x, y));
    case LensModel::kEquisolid:
      return add_distortion(lens, equisolid(x, y));
    case LensModel::kRadTanThinPrism:
      return distort_rad_tan_thin_prism(lens, x, y);
    case LensModel::kDivision:
      return distort_division(lens, x, y);
    case LensModel::kFieldOfView:
      return distort_field_of_view(lens, x, y);
    case LensModel::kEucm:
      return distort_eucm(lens, x, y);
    case LensModel::kDual:
      return distort_dual(lens, x, y);
    case LensModel::kRadialUndistortion:
      return distort_by_undistortion(lens, x, y);
    default:
      return distort_opencv(lens, x, y);
  }
}

}  // namespace

std::optional<cv::Point2d> distort(const Lens& lens, double x, double y) {
  std::optional<cv::Point2d> point = project(lens, x, y);
  if (point) {
    point->x += lens.skew * point->y;
  }
  return point && std::isfinite(point->x) && std::isfinite(point->y) ? point : std::nullopt;
}

double largest_angle(const Lens& lens) {
  constexpr double kStep = CV_PI / 2 / 1800;
  double reached[4] = {};
  const cv::Vec2d axes[4] = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}};
  double angle = kStep;
  for (; angle < CV_PI / 2 - kStep / 2; angle += kStep) {
    for (int i = 0; i < 4; ++i) {
      const cv::Vec2d ray = axes[i] * std::tan(angle);
      const std::optional<cv::Point2d> point = distort(lens, ray[0], ray[1]);
      const double along = point ? point->x * axes[i][0] + point->y * axes[i][1] : 0;
      if (!point || along <= reached[i]) {
        return angle - kStep;
      }
      reached[i] = along;
    }
  }
  return angle - kStep;
}

}  // namespace parallax
