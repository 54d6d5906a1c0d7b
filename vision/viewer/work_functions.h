// The worker's functions on real models and scenes. LibTorch stays behind this header; its users
// know nothing of tensors.
#pragma once

#include <filesystem>
#include <functional>
#include <opencv2/core/mat.hpp>

#include "vision/viewer/render_worker.h"

namespace parallax::view {

// Where the worker computes and how it writes videos.
struct EngineOptions {
  std::string device = "cpu";
  int threads = 0;  // for the rendering thread's tensor operations; 0: LibTorch's choice
  // Of the weights of loaded models; above it, all but the two used last are dropped.
  int64_t model_bytes = int64_t{1} << 30;
  // Writes frames ([H, W, 3] uint8 RGB) as a video named `stem` plus an extension and returns the
  // file.
  std::function<std::filesystem::path(const std::filesystem::path& stem,
                                      const std::vector<cv::Mat>& frames)>
      write_video;
};

// Throws UsageError if there is no such device.
WorkFunctions make_work_functions(const EngineOptions& options);

// The available models: bundled ones and the user's.
std::vector<ModelChoice> list_model_choices();
// The default one first.
std::vector<std::string> list_classifier_choices();
// The bundled scenes' folders, sorted.
std::vector<std::string> list_scene_choices();

// Conversions between images in memory and 8-bit ones.
cv::Mat to_bytes(const Image& picture);         // [H, W, 3] uint8 RGB, rounded to nearest
Image from_bytes(const cv::Mat& rgb);           // [H, W, 3] uint8
ImagePtr shrunk(const cv::Mat& rgb, int side);  // longer side at most `side`, area-averaged

}  // namespace parallax::view
