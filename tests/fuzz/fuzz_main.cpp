// The entry of libFuzzer: `parallax_fuzz --target=NAME …`. Counts memory: a reader may take 16
// times its input and 64 MiB.
#include <sanitizer/allocator_interface.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>

#include "tests/fuzz/targets.h"

namespace {

namespace fs = std::filesystem;
using parallax::fuzz::FuzzTarget;
using parallax::fuzz::Scratch;

constexpr std::int64_t kMemoryPerByte = 16;
constexpr std::int64_t kMemoryBesides = std::int64_t{64} << 20;

const FuzzTarget* chosen = nullptr;
std::optional<Scratch> scratch;
std::atomic<std::int64_t> live_bytes = 0;
std::atomic<std::int64_t> most_bytes = 0;

void count_allocation(const volatile void* /*pointer*/, std::size_t size) {
  const std::int64_t live = live_bytes += static_cast<std::int64_t>(size);
  std::int64_t most = most_bytes;
  while (live > most && !most_bytes.compare_exchange_weak(most, live)) {
  }
}

void count_release(const volatile void* pointer) {
  if (pointer != nullptr) {
    live_bytes -=
        static_cast<std::int64_t>(__sanitizer_get_allocated_size(const_cast<const void*>(pointer)));
  }
}

void remove_scratch() {
  std::error_code ignored;
  fs::remove_all(scratch->folder, ignored);
}

[[noreturn]] void report(const std::string& what) {
  std::fprintf(stderr, "FINDING: %s\n", what.c_str());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  std::string wanted;
  for (int i = 1; i < *argc; ++i) {
    if (std::strncmp((*argv)[i], "--target=", 9) == 0) {
      wanted = (*argv)[i] + 9;
    }
  }
  for (const FuzzTarget& target : parallax::fuzz::fuzz_targets()) {
    if (wanted == "list") {
      std::puts(target.name);
    } else if (wanted == target.name) {
      chosen = &target;
    }
  }
  if (wanted == "list") {
    std::exit(0);
  }
  if (chosen == nullptr) {
    std::fprintf(stderr, "parallax_fuzz: no --target=NAME, or none of --target=list\n");
    std::exit(2);
  }
  // In memory: an input is written to a file for each run.
  std::string name = fs::is_directory("/dev/shm") ? "/dev/shm" : "/tmp";
  name += "/parallax-fuzz-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) {
    std::perror("parallax_fuzz");
    std::exit(1);
  }
  scratch.emplace(name);
  std::atexit(remove_scratch);
  __sanitizer_install_malloc_and_free_hooks(count_allocation, count_release);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::int64_t before = live_bytes;
  most_bytes = before;
  try {
    run_target(*chosen, {reinterpret_cast<const char*>(data), size}, *scratch);
  } catch (const std::exception& error) {
    report(std::string("an exception that is no Error: ") + error.what());
  }
  const std::int64_t taken = most_bytes - before;
  if (taken > kMemoryPerByte * static_cast<std::int64_t>(size) + kMemoryBesides) {
    report("took " + std::to_string(taken) + " bytes for " + std::to_string(size));
  }
  return 0;
}
