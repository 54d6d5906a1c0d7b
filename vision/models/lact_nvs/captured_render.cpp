// CUDA graphs around rendering passes.
#include "vision/models/lact_nvs/captured_render.h"

#include <exception>
#include <map>
#include <tuple>

#ifdef PARALLAX_HAS_CUDA
#include <ATen/autocast_mode.h>
#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAContextLight.h>
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

  // Records the pass that renders cameras like these, or finds that it cannot be.
  void record(const CameraBatch& like, const Render& render);
};

struct CapturedRender::Recordings {
  // By views, height and width.
  std::map<std::tuple<int64_t, int64_t, int64_t>, Recording> by_kind;
};

namespace {

// A copy that passes in and outside of inference mode may write to.
CameraBatch copy_of(const CameraBatch& cameras) {
  const c10::InferenceMode normal(false);
  return {cameras.fxfycxcy.clone(at::MemoryFormat::Contiguous),
          cameras.c2w.clone(at::MemoryFormat::Contiguous),
          cameras.height,
          cameras.width};
}

// Calls f; false where that throws.
template <class F>
bool succeeds(const F& f) {
  try {
    f();
  } catch (const std::exception&) {
    return false;
  }
  return true;
}

}  // namespace

void CapturedRender::Recording::record(const CameraBatch& like, const Render& render) {
  const auto device = like.c2w.device().index();
  const at::cuda::MempoolId_t pool = at::cuda::graph_pool_handle();
  cameras = copy_of(like);
  torch::cuda::synchronize(device);
  {
    // Recording needs a stream of its own; what other threads do meanwhile is their business.
    const c10::cuda::CUDAStreamGuard guard(c10::cuda::getStreamFromPool(false, device));
    at::cuda::getCurrentCUDABlasHandle();  // its workspace for this stream is no part of the pool
    const bool begun =
        succeeds([&] { graph.capture_begin(pool, cudaStreamCaptureModeThreadLocal); });
    failed = !begun || !succeeds([&] { images = render(cameras); });
    failed = (begun && !succeeds([&] { graph.capture_end(); })) || failed;
    if (failed) {
      // A recording that does not end well leaves its memory pool open; one that did throws here.
      succeeds([&] { c10::cuda::CUDACachingAllocator::endAllocateToPool(device, pool); });
      succeeds([&] { at::getHostAllocator(at::kCUDA)->end_allocate_to_pool(pool); });
    }
  }
  if (failed) {
    images = Tensor();
  }
  torch::cuda::synchronize(device);
}

Tensor CapturedRender::run(const CameraBatch& cameras, const Render& render) {
  if (!cameras.c2w.is_cuda() || torch::GradMode::is_enabled() ||
      at::autocast::is_autocast_enabled(at::kCUDA)) {
    return render(cameras);
  }
  Recording& recording = recordings_->by_kind[{cameras.views(), cameras.height, cameras.width}];
  if (!recording.seen || recording.failed) {
    Tensor images = render(cameras);
    recording.seen = true;
    return images;
  }
  if (!recording.images.defined()) {
    recording.record(cameras, render);
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

void CapturedRender::forget() { recordings_ = std::make_unique<Recordings>(); }

CapturedRender::CapturedRender() : recordings_(std::make_unique<Recordings>()) {}
CapturedRender::~CapturedRender() = default;

}  // namespace parallax
