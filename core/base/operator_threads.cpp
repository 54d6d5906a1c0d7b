// LibTorch's number of threads, kept to the cores that are free.
#include "core/base/operator_threads.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <optional>

#include "core/base/free_cores.h"
#include "core/base/torch.h"

namespace parallax {
namespace {

// Of the whole process; the number of threads itself is LibTorch's, for each calling thread.
struct Sharing {
  std::mutex mutex;
  std::optional<FreeCores> free_cores;  // empty: a number was asked for
  int most = 1;
  int now = 1;
};

Sharing& sharing() {
  static Sharing instance;
  return instance;
}

}  // namespace

void set_operator_threads(int threads) {
  Sharing& share = sharing();
  const std::lock_guard lock(share.mutex);
  if (threads > 0) {
    at::set_num_threads(threads);
  }
  share.free_cores.reset();
  if (threads == 0 && std::getenv("OMP_NUM_THREADS") == nullptr) {
    share.most = share.now = at::get_num_threads();
    share.free_cores.emplace();
  }
}

void adapt_operator_threads() {
  Sharing& share = sharing();
  const std::lock_guard lock(share.mutex);
  if (!share.free_cores) {
    return;
  }
  if (const auto free = share.free_cores->ask()) {
    share.now = std::min(share.most, *free);
  }
  if (share.now != at::get_num_threads()) {
    at::set_num_threads(share.now);
  }
}

}  // namespace parallax
