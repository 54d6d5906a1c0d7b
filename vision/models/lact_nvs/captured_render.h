// Rendering again what was rendered before, for other cameras: on a GPU the launches are recorded
// once (a CUDA graph), as launching hundreds of small kernels takes longer than running them.
#pragma once

#include <functional>
#include <memory>

#include "vision/models/lact_nvs/rays.h"

namespace parallax {

// The recorded passes of one scene state, one per number and size of views. Not for several threads
// at once.
class CapturedRender {
 public:
  CapturedRender();
  ~CapturedRender();
  CapturedRender(const CapturedRender&) = delete;
  CapturedRender& operator=(const CapturedRender&) = delete;

  using Render = std::function<Tensor(const CameraBatch&)>;

  // render(cameras), which must do the same for all cameras of one number and size and read from
  // no memory that changes its place. The first pass of a kind runs as it is; the second is
  // recorded, and the recording is what runs from then on. On a CPU, under autocast, or where a
  // graph is being recorded for gradients, every pass runs as it is; so does every further one
  // whose recording failed.
  Tensor run(const CameraBatch& cameras, const Render& render);

  // Frees the recordings, each of which keeps the GPU memory of a whole pass.
  void forget();

 private:
  struct Recording;
  struct Recordings;
  std::unique_ptr<Recordings> recordings_;
};

}  // namespace parallax
