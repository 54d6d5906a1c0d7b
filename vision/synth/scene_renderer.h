// Ray-traces images of scenes with Embree, supersampled with a fixed pattern, so that a scene and a
// camera always give the same pixels.
#pragma once

#include <cstdint>
#include <memory>
#include <opencv2/core/mat.hpp>
#include <vector>

#include "vision/scene/camera.h"
#include "vision/synth/render_scene.h"
#include "vision/synth/surface.h"

struct RTCDeviceTy;
struct RTCSceneTy;

namespace parallax {

// Holds one scene's acceleration structure. Building and rendering use the calling thread only;
// different renderers may work on different threads at once.
class SceneRenderer {
 public:
  // Throws Error if the scene has no triangles.
  explicit SceneRenderer(RenderScene scene);

  // Traces `samples` × `samples` rays per pixel, `samples` from 1 to 16. Returns [height, width, 4]
  // float32, RGB times coverage and coverage, in [0, 1].
  cv::Mat render(const Camera& camera, int samples) const;

 private:
  // Releases the Embree device.
  struct DeviceDeleter {
    void operator()(RTCDeviceTy* device) const;
  };
  // Releases the Embree scene.
  struct SceneDeleter {
    void operator()(RTCSceneTy* scene) const;
  };
  struct View;
  struct Packet;
  struct Query;

  void flatten();
  void commit();
  cv::Rect covered_raster(const Camera& camera, int samples) const;
  void trace_block(const View& view, int x, int y, cv::Mat* sum) const;
  void add_layers(const View& view, const Query& query, Packet* packet) const;
  void shade(const View& view, Packet* packet) const;
  void find_surfaces(Packet* packet) const;
  void add_lamps(const View& view, Packet* packet) const;
  SurfacePoint point_of(int face, float u, float v) const;
  float alpha_of(int face, float u, float v) const;

  RenderScene scene_;
  Bounds bounds_;
  bool has_alpha_ = false;           // whether rays may pass through surfaces
  std::vector<cv::Vec3f> vertices_;  // of all parts, concatenated
  std::vector<cv::Vec3i> faces_;
  std::vector<cv::Vec3f> normals_;        // [3·F]
  std::vector<std::int32_t> face_part_;   // [F]
  std::vector<std::int32_t> first_face_;  // [parts]
  std::unique_ptr<RTCDeviceTy, DeviceDeleter> device_;
  std::unique_ptr<RTCSceneTy, SceneDeleter> embree_scene_;
};

// Premultiplied float to straight 8-bit: [height, width, 4] float32 → uint8 RGBA, RGB order.
cv::Mat to_rgba8(const cv::Mat& premultiplied);

// Views of one scene as straight-alpha CV_8UC4 RGBA; sizes are the cameras'.
std::vector<cv::Mat> render_scene(const RenderScene& scene,
                                  const std::vector<Camera>& cameras,
                                  int samples);
std::vector<cv::Mat> render_scene(const SceneDescription& description,
                                  const std::vector<Camera>& cameras,
                                  int samples);

}  // namespace parallax
