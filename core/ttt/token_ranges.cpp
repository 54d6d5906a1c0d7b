// Splitting schedules, gathering chunks.
#include "core/ttt/token_ranges.h"

#include <algorithm>

namespace parallax {

Ranges split_schedule(const Schedule& schedule) {
  Ranges ranges;
  for (const ScheduleStep& step : schedule) {
    if (step.update) {
      ranges.updating.push_back({step.start, step.end});
    }
    if (step.apply) {
      const auto updates = static_cast<int64_t>(ranges.updating.size());
      ranges.applying.push_back({step.start, step.end, updates});
    }
  }
  return ranges;
}

bool are_uniform(const std::vector<TokenRange>& ranges) {
  const int64_t chunk = ranges.front().length();
  for (size_t i = 1; i < ranges.size(); ++i) {
    const bool last = i + 1 == ranges.size();
    if (ranges[i].start != ranges[i - 1].end ||
        (last ? ranges[i].length() > chunk : ranges[i].length() != chunk)) {
      return false;
    }
  }
  return true;
}

int64_t longest_range(const std::vector<TokenRange>& ranges) {
  int64_t longest = 0;
  for (const TokenRange& range : ranges) {
    longest = std::max(longest, range.length());
  }
  return longest;
}

std::vector<TokenRange> with_last_chunk(const std::vector<TokenRange>& ranges, int64_t tokens) {
  std::vector<TokenRange> all = ranges;
  const TokenRange& last = ranges.back();
  const int64_t chunk = ranges.front().length();
  if (are_uniform(ranges) && ranges.front().start == 0 && last.length() == chunk &&
      last.end + chunk == tokens) {
    all.push_back({last.end, tokens, last.updates_before});
  }
  return all;
}

Tensor pad_tokens(const Tensor& tokens, int64_t length) {
  return tokens.size(1) == length
             ? tokens
             : torch::constant_pad_nd(tokens, {0, 0, 0, length - tokens.size(1)});
}

Tensor gather_ranges(const Tensor& tokens, const std::vector<TokenRange>& ranges) {
  const int64_t longest = longest_range(ranges);
  const auto count = static_cast<int64_t>(ranges.size());
  if (are_uniform(ranges)) {
    const Tensor span = tokens.slice(1, ranges.front().start, ranges.back().end);
    return pad_tokens(span, count * longest)
        .reshape({tokens.size(0), count, longest, tokens.size(2)});
  }
  std::vector<Tensor> padded;
  padded.reserve(ranges.size());
  for (const TokenRange& range : ranges) {
    padded.push_back(pad_tokens(tokens.slice(1, range.start, range.end), longest));
  }
  return torch::stack(padded, 1);
}

Tensor mean_of_ranges(const Tensor& tokens, const std::vector<TokenRange>& ranges) {
  if (are_uniform(ranges) && ranges.back().length() == ranges.front().length()) {
    const Tensor chunks = gather_ranges(tokens, ranges);
    return chunks.size(2) == 1 ? chunks : chunks.mean(2, true);
  }
  std::vector<Tensor> means;
  means.reserve(ranges.size());
  for (const TokenRange& range : ranges) {
    means.push_back(tokens.slice(1, range.start, range.end).mean(1, true));
  }
  return torch::stack(means, 1);
}

Tensor concatenate_ranges(const Tensor& chunks, const std::vector<TokenRange>& ranges) {
  if (are_uniform(ranges)) {
    const int64_t total = ranges.back().end - ranges.front().start;
    return chunks.flatten(1, 2).slice(1, 0, total);
  }
  std::vector<Tensor> parts;
  parts.reserve(ranges.size());
  for (size_t i = 0; i < ranges.size(); ++i) {
    parts.push_back(chunks.select(1, static_cast<int64_t>(i)).slice(1, 0, ranges[i].length()));
  }
  return torch::cat(parts, 1);
}

}  // namespace parallax
