// c10d's TCP store, Gloo (and NCCL) process groups and the reducer of distributed data parallel.
#include "core/distributed/process_group.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include "core/distributed/quiet_c10d.h"
#include "core/distributed/slurm.h"

namespace parallax {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr size_t kFirstBucketBytes = 1 << 20;
constexpr size_t kBucketBytes = 25 << 20;

const char* variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

UsageError incomplete_environment(const char* name, const std::string& expected, const char* got) {
  return UsageError(ErrorParts{
      .what = "the environment of a run over several processes is not complete",
      .where = name,
      .expected = expected,
      .got = got != nullptr ? std::string("'") + got + "'" : "nothing",
      .remedy = "Start the ranks with torchrun, or set RANK, WORLD_SIZE, MASTER_ADDR and "
                "MASTER_PORT for each."});
}

int integer_variable(const char* name, int min, int max) {
  const char* text = variable(name);
  char* rest = nullptr;
  const long value = text != nullptr ? std::strtol(text, &rest, 10) : 0;
  if (text == nullptr || *rest != '\0' || value < min || value > max) {
    throw incomplete_environment(name, fmt::format("a number from {} to {}", min, max), text);
  }
  return static_cast<int>(value);
}

// c10d's exceptions say neither that a peer is gone nor what to do about it.
template <class Action>
auto among_ranks(const RankInfo& info, Action&& action) {
  try {
    return action();
  } catch (const Error&) {
    throw;  // ours says what is wrong
  } catch (const std::exception& error) {
    std::string reason = error.what();
    reason = reason.substr(0, reason.find('\n'));
    throw PeerLostError(
        ErrorParts{.what = "another rank is lost: it ended, or did not answer in time",
                   .where = fmt::format("rank {} of {}", info.rank, info.world_size),
                   .got = reason});
  }
}

// The address of the interface that leads to the master. Gloo would choose the host name's address,
// which need not be reachable from other machines.
std::string own_address(const RankInfo& info) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(info.master_port);
  if (getaddrinfo(info.master_address.c_str(), port.c_str(), &hints, &found) != 0) {
    throw UsageError(ErrorParts{.what = "the master's address cannot be resolved",
                                .where = "MASTER_ADDR",
                                .got = "'" + info.master_address + "'"});
  }
  std::string address;
  for (const addrinfo* entry = found; entry != nullptr && address.empty(); entry = entry->ai_next) {
    const int descriptor = socket(entry->ai_family, SOCK_DGRAM, 0);
    sockaddr_storage own{};
    socklen_t size = sizeof(own);
    char text[NI_MAXHOST] = {};
    // Connecting a datagram socket sends nothing; it only picks the route.
    if (descriptor >= 0 && connect(descriptor, entry->ai_addr, entry->ai_addrlen) == 0 &&
        getsockname(descriptor, reinterpret_cast<sockaddr*>(&own), &size) == 0 &&
        getnameinfo(reinterpret_cast<sockaddr*>(&own),
                    size,
                    text,
                    sizeof(text),
                    nullptr,
                    0,
                    NI_NUMERICHOST) == 0) {
      address = text;
    }
    if (descriptor >= 0) {
      close(descriptor);
    }
  }
  freeaddrinfo(found);
  return address;
}

}  // namespace

RankInfo rank_from_environment() {
  RankInfo info;
  if (variable("WORLD_SIZE") == nullptr) {
    const std::optional<SlurmTask> task = slurm_task();
    if (!task) {
      return info;
    }
    info = {.rank = task->rank,
            .world_size = task->tasks,
            .local_rank = task->local_rank,
            .master_address =
                variable("MASTER_ADDR") != nullptr ? variable("MASTER_ADDR") : task->first_node,
            .master_port = variable("MASTER_PORT") != nullptr
                               ? integer_variable("MASTER_PORT", 1, 65535)
                               : task->port};
    return info;
  }
  info.world_size = integer_variable("WORLD_SIZE", 1, 1 << 20);
  if (info.alone()) {
    return info;
  }
  info.rank = integer_variable("RANK", 0, info.world_size - 1);
  info.local_rank = variable("LOCAL_RANK") != nullptr
                        ? integer_variable("LOCAL_RANK", 0, info.world_size - 1)
                        : 0;
  info.master_port = integer_variable("MASTER_PORT", 1, 65535);
  if (variable("MASTER_ADDR") == nullptr) {
    throw incomplete_environment("MASTER_ADDR", "the host name or address of rank 0", nullptr);
  }
  info.master_address = variable("MASTER_ADDR");
  const char* agent = variable("TORCHELASTIC_USE_AGENT_STORE");
  info.store_is_external = agent != nullptr && std::string(agent) == "True";
  return info;
}

std::string attempt_prefix(const std::string& what) {
  const char* attempt = variable("TORCHELASTIC_RESTART_COUNT");
  return fmt::format("parallax/{}/{}", what, attempt != nullptr ? attempt : "0");
}

struct ProcessGroup::Connection {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::ProcessGroup> group;
};

ProcessGroup::ProcessGroup(const RankInfo& info, double timeout_seconds) : info_(info) {
  if (info.alone()) {
    return;
  }
  const Milliseconds timeout(static_cast<int64_t>(timeout_seconds * 1000));
  keep_c10d_quiet();
  const std::string address = own_address(info);  // before anything waits for a wrong one
  connection_ = std::make_unique<Connection>();
  among_ranks(info_, [&] {
    c10d::TCPStoreOptions store_options;
    store_options.port = static_cast<uint16_t>(info.master_port);
    store_options.isServer = info.rank == 0 && !info.store_is_external;
    store_options.numWorkers = info.world_size;
    store_options.waitWorkers = false;
    store_options.timeout = timeout;
    connection_->store = c10::make_intrusive<c10d::TCPStore>(info.master_address, store_options);
    const auto prefixed =
        c10::make_intrusive<c10d::PrefixStore>(attempt_prefix("group"), connection_->store);
    connection_->group =
        c10::make_intrusive<c10d::ProcessGroup>(prefixed, info.rank, info.world_size);
    auto gloo_options = c10d::ProcessGroupGloo::Options::create(timeout);
    gloo_options->devices.push_back(
        c10d::ProcessGroupGloo::createDeviceForHostname(address, false));
    connection_->group->setBackend(c10::DeviceType::CPU,
                                   c10d::ProcessGroup::BackendType::GLOO,
                                   c10::make_intrusive<c10d::ProcessGroupGloo>(
                                       prefixed, info.rank, info.world_size, gloo_options));
    connection_->group->setDefaultBackend(c10d::ProcessGroup::BackendType::GLOO);
#ifdef USE_C10D_NCCL
    if (torch::cuda::is_available()) {
      auto nccl_options = c10d::ProcessGroupNCCL::Options::create();
      nccl_options->timeout = timeout;
      connection_->group->setBackend(c10::DeviceType::CUDA,
                                     c10d::ProcessGroup::BackendType::NCCL,
                                     c10::make_intrusive<c10d::ProcessGroupNCCL>(
                                         prefixed, info.rank, info.world_size, nccl_options));
    }
#endif
  });
}

ProcessGroup::~ProcessGroup() = default;

c10d::Store* ProcessGroup::store() { return connection_ ? connection_->store.get() : nullptr; }

void ProcessGroup::barrier() {
  Tensor nothing = torch::zeros({1});
  sum(nothing);
}

void ProcessGroup::broadcast_from_first(const std::vector<Tensor>& tensors) {
  if (!connection_) {
    return;
  }
  const torch::NoGradGuard no_grad;
  among_ranks(info_, [&] {
    for (const Tensor& tensor : tensors) {
      Tensor whole = tensor.detach().contiguous();
      std::vector<Tensor> list = {whole};
      connection_->group->broadcast(list)->wait();
      if (whole.data_ptr() != tensor.data_ptr()) {
        tensor.detach().copy_(whole);
      }
    }
  });
}

void ProcessGroup::sum(Tensor& tensor) {
  if (connection_) {
    among_ranks(info_, [&] {
      std::vector<Tensor> list = {tensor};
      connection_->group->allreduce(list)->wait();
    });
  }
}

void ProcessGroup::all_reduce_max(Tensor& tensor) {
  if (connection_) {
    among_ranks(info_, [&] {
      c10d::AllreduceOptions options;
      options.reduceOp = c10d::ReduceOp::MAX;
      std::vector<Tensor> list = {tensor};
      connection_->group->allreduce(list, options)->wait();
    });
  }
}

struct GradientAverage::Buckets {
  RankInfo info;
  std::shared_ptr<c10d::Reducer> reducer;
};

GradientAverage::GradientAverage(const std::vector<Tensor>& parameters, ProcessGroup& ranks)
    : world_size_(ranks.world_size()) {
  if (world_size_ == 1) {
    return;
  }
  buckets_ = std::make_unique<Buckets>();
  buckets_->info = ranks.info_;
  among_ranks(ranks.info_, [&] {
    // Gradients become ready from the last layer to the first.
    std::vector<Tensor> reversed(parameters.rbegin(), parameters.rend());
    const auto assignment = c10d::compute_bucket_assignment_by_size(
        reversed, {kFirstBucketBytes, kBucketBytes}, {}, {}, {});
    buckets_->reducer = std::make_shared<c10d::Reducer>(reversed,
                                                        std::get<0>(assignment),
                                                        ranks.connection_->group,
                                                        std::vector<bool>(reversed.size(), false),
                                                        kBucketBytes,
                                                        /*find_unused_parameters=*/false,
                                                        /*gradient_as_bucket_view=*/false,
                                                        std::unordered_map<size_t, std::string>{},
                                                        kFirstBucketBytes,
                                                        /*skip_all_reduce_unused_params=*/false,
                                                        /*use_python_reducer=*/false,
                                                        std::vector<int64_t>{});
  });
}

GradientAverage::~GradientAverage() = default;

void GradientAverage::backward(const Tensor& loss, bool last) {
  if (!buckets_) {
    loss.backward();
    return;
  }
  among_ranks(buckets_->info, [&] {
    if (last) {
      buckets_->reducer->prepare_for_backward({});
    }
    loss.backward();
  });
}

}  // namespace parallax
