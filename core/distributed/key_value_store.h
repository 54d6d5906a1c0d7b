// Words that processes leave for each other: c10d's TCP store without a process group, so that a
// process may die without the others noticing more than its silence.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/distributed/process_group.h"

namespace parallax {

// Every call answers at once; none waits for another process. All throw PeerLostError when the
// store, which rank 0 or torchrun serves, is gone.
class KeyValueStore {
 public:
  // Rank 0 begins to serve; the others connect, trying again until the time is over. Keys live
  // under `prefix`.
  KeyValueStore(const RankInfo& info, const std::string& prefix, double timeout_seconds);
  ~KeyValueStore();
  KeyValueStore(const KeyValueStore&) = delete;
  KeyValueStore& operator=(const KeyValueStore&) = delete;

  void set(const std::string& key, const std::string& value);
  std::optional<std::string> get(const std::string& key);  // nothing: not set

  // Adds to a number that starts as 0, and returns it.
  int64_t add(const std::string& key, int64_t value);

  // Queues: any process pushes, one process pops.
  void push(const std::string& queue, const std::string& value);
  std::optional<std::string> pop(const std::string& queue);  // nothing: empty

 private:
  struct Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace parallax
