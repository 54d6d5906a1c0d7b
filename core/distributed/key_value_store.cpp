// c10d::TCPStore behind calls that do not block.
#include "core/distributed/key_value_store.h"

#include <fmt/format.h>

#include <chrono>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "core/distributed/quiet_c10d.h"

namespace parallax {
namespace {

std::vector<uint8_t> to_bytes(const std::string& text) { return {text.begin(), text.end()}; }
std::string to_text(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

struct KeyValueStore::Connection {
  RankInfo info;
  std::string prefix;
  c10::intrusive_ptr<c10d::TCPStore> store;

  // c10d's exceptions say neither that a process is gone nor what to do about it.
  template <class Action>
  auto call(Action&& action) {
    try {
      return action();
    } catch (const std::exception& error) {
      const std::string reason = error.what();
      throw PeerLostError(
          ErrorParts{.what = "the store that the ranks share cannot be reached",
                     .where = fmt::format("rank {} of {}, {}:{}",
                                          info.rank,
                                          info.world_size,
                                          info.master_address,
                                          info.master_port),
                     .got = reason.substr(0, reason.find('\n')),
                     .remedy = "Rank 0 may have ended, or MASTER_ADDR and MASTER_PORT may be "
                               "another machine's or in use."});
    }
  }
};

KeyValueStore::KeyValueStore(const RankInfo& info,
                             const std::string& prefix,
                             double timeout_seconds)
    : connection_(std::make_unique<Connection>()) {
  keep_c10d_quiet();
  connection_->info = info;
  connection_->prefix = prefix + "/";
  connection_->call([&] {
    c10d::TCPStoreOptions options;
    options.port = static_cast<uint16_t>(info.master_port);
    options.isServer = info.rank == 0 && !info.store_is_external;
    options.numWorkers = info.world_size;
    options.waitWorkers = false;
    options.timeout = std::chrono::milliseconds(static_cast<int64_t>(timeout_seconds * 1000));
    connection_->store = c10::make_intrusive<c10d::TCPStore>(info.master_address, options);
  });
}

KeyValueStore::~KeyValueStore() = default;

void KeyValueStore::set(const std::string& key, const std::string& value) {
  Connection& c = *connection_;
  c.call([&] { c.store->set(c.prefix + key, to_bytes(value)); });
}

std::optional<std::string> KeyValueStore::get(const std::string& key) {
  Connection& c = *connection_;
  return c.call([&]() -> std::optional<std::string> {
    if (!c.store->check({c.prefix + key})) {
      return std::nullopt;
    }
    return to_text(c.store->get(c.prefix + key));
  });
}

int64_t KeyValueStore::add(const std::string& key, int64_t value) {
  Connection& c = *connection_;
  return c.call([&] { return c.store->add(c.prefix + key, value); });
}

void KeyValueStore::push(const std::string& queue, const std::string& value) {
  Connection& c = *connection_;
  c.call([&] { c.store->queuePush(c.prefix + queue, to_bytes(value)); });
}

std::optional<std::string> KeyValueStore::pop(const std::string& queue) {
  Connection& c = *connection_;
  return c.call([&]() -> std::optional<std::string> {
    if (c.store->queueLen(c.prefix + queue) == 0) {
      return std::nullopt;
    }
    return to_text(c.store->queuePop(c.prefix + queue, true));  // one process pops, so it is there
  });
}

}  // namespace parallax
