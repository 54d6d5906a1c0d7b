// Golden checkpoints: every file of a case loads with the names, shapes and values of the
// reference.
#include <gtest/gtest.h>

#include "tests/golden/golden.h"

namespace parallax {
namespace {

// The precision a file was stored in, by the names that the cases use.
at::ScalarType stored_dtype(const std::string& file) {
  if (file.find("bf16") != std::string::npos) {
    return at::kBFloat16;
  }
  if (file.find("f16") != std::string::npos || file.find("half") != std::string::npos) {
    return at::kHalf;
  }
  return at::kFloat;
}

void expect_equals_reference(const TensorMap& loaded,
                             const TensorMap& reference,
                             at::ScalarType dtype) {
  EXPECT_EQ(loaded.size(), reference.size());
  for (const auto& [name, expected] : reference) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(loaded.contains(name));
    const Tensor& got = loaded.at(name);
    EXPECT_TRUE(got.is_contiguous());
    EXPECT_EQ(got.sizes(), expected.sizes());
    const auto stored = expected.is_floating_point() ? dtype : expected.scalar_type();
    EXPECT_EQ(got.scalar_type(), stored);
    EXPECT_TRUE(torch::equal(got, expected.to(stored)));
  }
}

TEST(GoldenCheckpoint, EveryFileHoldsTheReferenceTensors) {
  for (const auto& folder : testing::golden_cases("checkpoint_io")) {
    const auto golden = testing::load_golden_case(folder);
    const auto reference = golden.tensors_under("weights.");
    ASSERT_FALSE(reference.empty());
    for (const auto& file : golden.json.at("files").items()) {
      SCOPED_TRACE(golden.name() + "/" + file.key());
      const Checkpoint checkpoint = load_checkpoint(folder / file.key());
      expect_equals_reference(checkpoint.tensors, reference, stored_dtype(file.key()));
    }
  }
}

}  // namespace
}  // namespace parallax
