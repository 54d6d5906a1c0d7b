// A schedule's ranges of tokens as batches of chunks, for the parallel form.
#pragma once

#include <vector>

#include "core/base/torch.h"
#include "core/ttt/schedule.h"

namespace parallax {

// Tokens [start, end) that one step of a schedule updates on or applies to.
struct TokenRange {
  int64_t start = 0;
  int64_t end = 0;
  int64_t updates_before = 0;  // for an applying range: how many steps its weights have taken
  int64_t length() const { return end - start; }
};

// A schedule's ranges by what is done with them.
struct Ranges {
  std::vector<TokenRange> updating;
  std::vector<TokenRange> applying;
};

// The updating and the applying ranges of a schedule, each in order.
Ranges split_schedule(const Schedule& schedule);

// True where the ranges are equal chunks one after another, except that the last may be shorter.
// There must be at least one.
bool are_uniform(const std::vector<TokenRange>& ranges);

// The most tokens that any of the ranges has.
int64_t longest_range(const std::vector<TokenRange>& ranges);

// Appends zeros after the last token: [batch, L, D] → [batch, length, D].
Tensor pad_tokens(const Tensor& tokens, int64_t length);

// Equal chunks from the first token on, and the chunk after them where that is the last of `tokens`
// tokens; else the ranges themselves. All chunks together are the tensor, some a copy of it.
std::vector<TokenRange> with_last_chunk(const std::vector<TokenRange>& ranges, int64_t tokens);

// Tokens by range, [batch, L, D] → [batch, N, C, D], shorter ranges padded with zeros. A zero token
// adds nothing to any sum over tokens.
Tensor gather_ranges(const Tensor& tokens, const std::vector<TokenRange>& ranges);

// The mean over each range's tokens, [batch, L, D] → [batch, N, 1, D].
Tensor mean_of_ranges(const Tensor& tokens, const std::vector<TokenRange>& ranges);

// The inverse of gather_ranges(): [batch, N, C, D] → [batch, sum of lengths, D].
Tensor concatenate_ranges(const Tensor& chunks, const std::vector<TokenRange>& ranges);

}  // namespace parallax
