// Running products of the decays within a tile.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace parallax {

// What decays leave of a tile's tokens and of the state before it, from chunk to chunk.
template <class T>
class TileDecay {
 public:
  // `of_chunks`: the decays of the tile's updating chunks; null: none.
  void begin(const T* of_chunks, int64_t chunk, int64_t keys) {
    of_chunks_ = of_chunks;
    chunk_ = chunk;
    keys_ = keys;
    chunks_ = (keys + chunk - 1) / chunk;
    since_start_.assign(1, 1);
    for (int64_t c = 0; of_chunks != nullptr && c < chunks_; ++c) {
      since_start_.push_back(since_start_.back() * of_chunks[c]);
    }
    tokens_.resize(of_chunks != nullptr ? static_cast<size_t>(keys) : 0);
    rewind();
  }

  bool any() const { return of_chunks_ != nullptr && keys_ > 0; }

  // Of the state before the tile, after the first `chunks` chunks; all of them by default.
  T of_state(int64_t chunks) const {
    return any() ? since_start_[static_cast<size_t>(std::min(chunks, chunks_))] : T{1};
  }
  T of_state() const { return of_state(chunks_); }

  // Of each token of the first `chunks` chunks after the last of them. To be asked for more and
  // more chunks; rewind() goes back to none.
  const T* of_tokens(int64_t chunks) {
    for (; seen_ < std::min(chunks, chunks_); ++seen_) {
      const int64_t first = seen_ * chunk_;
      for (int64_t j = 0; j < first; ++j) {
        tokens_[static_cast<size_t>(j)] *= of_chunks_[seen_];
      }
      std::fill(tokens_.begin() + first, tokens_.begin() + std::min(first + chunk_, keys_), T{1});
    }
    return tokens_.data();
  }
  const T* of_tokens() { return of_tokens(chunks_); }
  void rewind() { seen_ = 0; }

 private:
  const T* of_chunks_ = nullptr;
  int64_t chunk_ = 1;
  int64_t keys_ = 0;
  int64_t chunks_ = 0;
  int64_t seen_ = 0;
  std::vector<T> since_start_;
  std::vector<T> tokens_;
};

}  // namespace parallax
