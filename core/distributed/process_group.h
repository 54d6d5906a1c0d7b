// Several processes, on one machine or many, through LibTorch's c10d: ranks, collective operations,
// and gradients averaged while the backward pass still runs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/torch.h"

namespace c10d {
class Store;
}

namespace parallax {

// This process's place among its peers, from torchrun's environment variables.
struct RankInfo {
  int rank = 0;
  int world_size = 1;
  int local_rank = 0;  // among the processes of this machine
  std::string master_address;
  int master_port = 0;
  bool store_is_external = false;  // torchrun itself serves the store

  bool alone() const { return world_size == 1; }
};

// Reads RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT, as torchrun sets them; without
// WORLD_SIZE what Slurm's srun sets (see slurm_task), where MASTER_ADDR and MASTER_PORT need not be
// set. Without either, or with one rank, this process is alone. Throws UsageError naming a variable
// that is missing or invalid.
RankInfo rank_from_environment();

// Where in the store the keys of this attempt begin: torchrun's store outlives the ranks that it
// restarts, and keys of an earlier attempt must not be mistaken for this one's.
std::string attempt_prefix(const std::string& what);

// Another process of the group died or did not answer in time.
class PeerLostError : public Error {
 public:
  using Error::Error;
};

// The group of all ranks. Every operation is collective: all ranks call it in the same order, and
// it throws PeerLostError if one of them does not take part in time. With a single rank all
// operations do nothing.
class ProcessGroup {
 public:
  // Connects: Gloo for CPU tensors and, in a build with CUDA, NCCL for CUDA tensors. Throws
  // PeerLostError when the others do not connect within `timeout_seconds`.
  ProcessGroup(const RankInfo& info, double timeout_seconds);
  ~ProcessGroup();
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  int rank() const { return info_.rank; }
  int world_size() const { return info_.world_size; }
  bool is_first() const { return info_.rank == 0; }

  void barrier();  // returns when all ranks have called it
  void broadcast_from_first(const std::vector<Tensor>& tensors);  // in place, any shapes
  void sum(Tensor& tensor);                                       // all-reduce in place, any shape
  void all_reduce_max(Tensor& tensor);                            // in place, any shape

  // The store that the ranks share; null with a single rank.
  c10d::Store* store();

 private:
  friend class GradientAverage;
  // c10d's store and process group.
  struct Connection;
  RankInfo info_;
  std::unique_ptr<Connection> connection_;
};

// Averages gradients over the ranks, bucket by bucket, while the backward pass computes the next
// ones.
class GradientAverage {
 public:
  // Every parameter must receive a gradient in every backward pass.
  GradientAverage(const std::vector<Tensor>& parameters, ProcessGroup& ranks);
  ~GradientAverage();
  GradientAverage(const GradientAverage&) = delete;
  GradientAverage& operator=(const GradientAverage&) = delete;

  // Runs the backward pass of `loss`. With `last`, the gradients accumulated so far are averaged
  // over all ranks while it runs. Throws PeerLostError.
  void backward(const Tensor& loss, bool last);

 private:
  // c10d's reducer, which fills the buckets and averages them.
  struct Buckets;
  int world_size_;
  std::unique_ptr<Buckets> buckets_;
};

}  // namespace parallax
