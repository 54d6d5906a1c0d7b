// The buffer in which the forms gather their outputs.
#pragma once

#include "core/base/torch.h"
#include "core/ttt/schedule.h"

namespace parallax {

// The outputs of the applying ranges, [batch, tokens, D], copied to their place at once: kept one
// by one until the end, small ones would fragment the memory from which each step's large ones are
// allocated.
class OutputBuffer {
 public:
  OutputBuffer(const Schedule& schedule, bool requires_graph) : requires_graph_(requires_graph) {
    for (const ScheduleStep& step : schedule) {
      tokens_ += step.apply ? step.end - step.start : 0;
    }
  }

  // Allocates its memory now, for outputs of the batch, width, dtype and device of `values`.
  OutputBuffer(const Schedule& schedule, const Tensor& values) : OutputBuffer(schedule, false) {
    if (tokens_ > 0) {
      parts_.push_back(torch::empty({values.size(0), tokens_, values.size(2)}, values.options()));
    }
  }

  // A buffer that puts the outputs of heads [begin, end) into this one's memory.
  OutputBuffer of_heads(int64_t begin, int64_t end) const {
    OutputBuffer heads({}, false);
    for (const Tensor& part : parts_) {
      heads.parts_.push_back(part.narrow(0, begin, end - begin));
    }
    return heads;
  }

  // Appends the output of the next applying range, [batch, its tokens, D].
  void add(const Tensor& output) {
    if (requires_graph_ || (parts_.empty() && output.size(1) == tokens_)) {
      parts_.push_back(output);
      return;
    }
    if (parts_.empty()) {
      parts_.push_back(torch::empty({output.size(0), tokens_, output.size(2)}, output.options()));
    }
    parts_.front().narrow(1, filled_, output.size(1)).copy_(output);
    filled_ += output.size(1);
  }

  Tensor all() const {  // undefined where nothing was applied
    if (parts_.empty()) {
      return {};
    }
    return parts_.size() == 1 ? parts_.front() : torch::cat(parts_, 1);
  }

 private:
  bool requires_graph_;
  int64_t tokens_ = 0;
  int64_t filled_ = 0;
  std::vector<Tensor> parts_;
};

}  // namespace parallax
