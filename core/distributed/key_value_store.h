// Strings that processes leave for one another: c10d's TCP store without a process group, so that a
// process may die and the others notice nothing but its silence.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/distributed/process_group.h"

namespace parallax {

// A store of strings that all ranks share. Calls return at once; none waits for another process.
// All throw PeerLostError when the store, which rank 0 or torchrun serves, is gone.
class KeyValueStore {
 public:
  // Rank 0 starts serving, unless torchrun serves; the others connect, retrying for
  // `timeout_seconds`. Keys are stored under `prefix`.
  KeyValueStore(const RankInfo& info, const std::string& prefix, double timeout_seconds);
  ~KeyValueStore();
  KeyValueStore(const KeyValueStore&) = delete;
  KeyValueStore& operator=(const KeyValueStore&) = delete;

  void set(const std::string& key, const std::string& value);
  std::optional<std::string> get(const std::string& key);  // nullopt: not set

  // Adds `value` to a counter that starts at 0 and returns the result.
  int64_t add(const std::string& key, int64_t value);

  // Queues: any process may push, one process pops.
  void push(const std::string& queue, const std::string& value);
  std::optional<std::string> pop(const std::string& queue);  // nullopt: empty

 private:
  // The c10d store and how this rank reaches it.
  struct Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace parallax
