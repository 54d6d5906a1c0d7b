// Converts rendered images to 8 bits.
#include <opencv2/core.hpp>

#include "vision/synth/scene_renderer.h"

namespace parallax {

cv::Mat to_rgba8(const cv::Mat& premultiplied) {
  cv::Mat straight(premultiplied.rows, premultiplied.cols, CV_8UC4);
  for (int y = 0; y < premultiplied.rows; ++y) {
    for (int x = 0; x < premultiplied.cols; ++x) {
      const cv::Vec4f& p = premultiplied.at<cv::Vec4f>(y, x);
      const float scale = p[3] > 0 ? 255 / p[3] : 0;
      straight.at<cv::Vec4b>(y, x) = {cv::saturate_cast<uchar>(p[0] * scale),
                                      cv::saturate_cast<uchar>(p[1] * scale),
                                      cv::saturate_cast<uchar>(p[2] * scale),
                                      cv::saturate_cast<uchar>(p[3] * 255)};
    }
  }
  return straight;
}

std::vector<cv::Mat> render_scene(const RenderScene& scene,
                                  const std::vector<Camera>& cameras,
                                  int samples) {
  const SceneRenderer renderer(scene);
  std::vector<cv::Mat> views;
  views.reserve(cameras.size());
  for (const Camera& camera : cameras) {
    views.push_back(to_rgba8(renderer.render(camera, samples)));
  }
  return views;
}

std::vector<cv::Mat> render_scene(const SceneDescription& description,
                                  const std::vector<Camera>& cameras,
                                  int samples) {
  return render_scene(build_scene(description), cameras, samples);
}

}  // namespace parallax
