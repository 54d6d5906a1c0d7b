// CUDA graphs around rendering passes.
#include "vision/models/lact_nvs/captured_render.h"

#include <map>
#include <tuple>

#ifdef PARALLAX_HAS_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#endif

namespace parallax {

#ifdef PARALLAX_HAS_CUDA

// A pass's own cameras and images, and its launches.
struct CapturedRender::Recording {
  CameraBatch cameras;
  Tensor images;
  at::cuda::CUDAGraph graph;
  bool seen = false;    // a pass of this kind ran
  bool failed = false;  // it cannot be recorded
};

struct CapturedRender::Recordings {
  // By views, height and width.
  std::map<std::tuple<int64_t, int64_t, int64_t>, Recording> by_kind;
};

namespace {

CameraBatch copy_of(const CameraBatch& cameras) {
  return {cameras.fxfycxcy.clone(at::MemoryFormat::Contiguous),
          cameras.c2w.clone(at::MemoryFormat::Contiguous),
          cameras.height,
          cameras.width};
}

}  // namespace

Tensor CapturedRender::run(const CameraBatch& cameras, const Render& render) {
  if (!cameras.c2w.is_cuda() || torch::GradMode::is_enabled()) {
    return render(cameras);
  }
  Recording& recording =
      recordings_->by_kind[{cameras.views(), cameras.height, cameras.width}];
  if (!recording.seen || recording.failed) {
    recording.seen = true;
    return render(cameras);
  }
  if (!recording.images.defined()) {
    const auto device = cameras.c2w.device().index();
    recording.cameras = copy_of(cameras);
    torch::cuda::synchronize(device);
    // Recording needs a stream of its own; what other threads do meanwhile is their business.
    const c10::cuda::CUDAStreamGuard guard(c10::cuda::getStreamFromPool(false, device));
    try {
      recording.graph.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
      recording.images = render(recording.cameras);
      recording.graph.capture_end();
    } catch (const c10::Error&) {
      recording.failed = true;
      recording.images = Tensor();
    }
    torch::cuda::synchronize(device);
  }
  if (recording.failed) {
    return render(cameras);
  }
  recording.cameras.fxfycxcy.copy_(cameras.fxfycxcy);
  recording.cameras.c2w.copy_(cameras.c2w);
  recording.graph.replay();
  return recording.images.clone();  // the next pass writes over its own
}

#else

struct CapturedRender::Recordings {};

Tensor CapturedRender::run(const CameraBatch& cameras, const Render& render) {
  return render(cameras);
}

#endif

CapturedRender::CapturedRender() : recordings_(std::make_unique<Recordings>()) {}
CapturedRender::~CapturedRender() = default;

}  // namespace parallax
