// Projections into the plane and two-sample tests, against plain loops and known distributions.
#include <gtest/gtest.h>

#include <cmath>

#include "vision/lab/keys_queries.h"
#include "vision/lab/projections.h"
#include "vision/lab/two_samples.h"

namespace parallax::lab {
namespace {

TEST(Projections, PrincipalPlaneKeepsAPlanesDistances) {
  torch::manual_seed(1);
  const Tensor flat = torch::randn({20, 2}, torch::kFloat64);
  const Tensor basis = std::get<0>(at::linalg_qr(torch::randn({7, 2}, torch::kFloat64)));
  const Tensor plane = principal_plane(flat.matmul(basis.t()) + 3);
  EXPECT_TRUE(torch::cdist(plane, plane).allclose(torch::cdist(flat, flat), 1e-9, 1e-9));
  const Tensor spread = plane.var(0);
  EXPECT_GE(spread[0].item<double>(), spread[1].item<double>());
}

TEST(Projections, TsneKeepsClustersApart) {
  torch::manual_seed(2);
  const Tensor rows = torch::randn({60, 10});
  rows.slice(0, 30) += 8;
  const Tensor plane = tsne(rows, {.perplexity = 10, .steps = 300});
  ASSERT_EQ(plane.sizes(), (std::vector<int64_t>{60, 2}));
  const Tensor distances = torch::cdist(plane, plane).fill_diagonal_(INFINITY);
  const Tensor nearest = distances.argmin(1);
  for (int64_t i = 0; i < 60; ++i) {
    EXPECT_EQ(nearest[i].item<int64_t>() < 30, i < 30) << i;
  }
  EXPECT_TRUE(plane.equal(tsne(rows, {.perplexity = 10, .steps = 300})));
}

TEST(Projections, ThinnedRowsAreEvenlySpread) {
  const Tensor rows = torch::arange(10, torch::kFloat64).unsqueeze(1);
  EXPECT_EQ(thinned(rows, 20).size(0), 10);
  EXPECT_EQ(thinned(rows, 5).flatten()[1].item<double>(), 2);
}

TEST(TwoSamples, DiscrepancyIsThatOfAPlainLoop) {
  torch::manual_seed(3);
  const Tensor a = torch::randn({7, 2}, torch::kFloat64);
  const Tensor b = torch::randn({5, 2}, torch::kFloat64) + 1;
  const Tensor all = torch::cat({a, b});
  const double width = torch::cdist(all, all).median().item<double>();
  const auto mean_kernel = [&](const Tensor& x, const Tensor& y, bool same) {
    double sum = 0;
    int64_t count = 0;
    for (int64_t i = 0; i < x.size(0); ++i) {
      for (int64_t j = 0; j < y.size(0); ++j) {
        if (!same || i != j) {
          sum += std::exp(-(x[i] - y[j]).square().sum().item<double>() / (2 * width * width));
          ++count;
        }
      }
    }
    return sum / static_cast<double>(count);
  };
  const double expected =
      mean_kernel(a, a, true) + mean_kernel(b, b, true) - 2 * mean_kernel(a, b, false);
  EXPECT_NEAR(mean_discrepancy(a, b, 9, 1).value, std::sqrt(std::max(expected, 0.0)), 1e-9);
}

TEST(TwoSamples, TellDifferentDistributionsApartAndEqualOnesNot) {
  torch::manual_seed(4);
  const Tensor a = torch::randn({200, 8});
  const Tensor same = torch::randn({200, 8});
  const Tensor other = torch::randn({200, 8}) + 1.5;
  EXPECT_GT(mean_discrepancy(a, same, 199, 1).p_value, 0.05);
  EXPECT_LT(mean_discrepancy(a, other, 199, 1).p_value, 0.01);
  const Estimate equal = two_sample_accuracy(a, same);
  EXPECT_LT(equal.low, 0.5);
  EXPECT_GT(equal.high, 0.5);
  EXPECT_GT(two_sample_accuracy(a, other).low, 0.9);
}

TEST(KeysQueries, CountsLayersThatAreToldApart) {
  torch::manual_seed(5);
  const auto normal = [] { return torch::randn({200, 8}); };
  int calls = 0;
  const ProbeResult result =
      probe_keys_queries({{"layer 0", normal(), normal() + 2, normal(), normal()},
                          {"layer 1", normal(), normal() + 2, normal(), normal()}},
                         [&] { ++calls; });
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(result.findings[0].verdict, Verdict::kHolds);  // queries and keys differ
  EXPECT_EQ(result.findings[1].verdict, Verdict::kDoesNotHold);
  EXPECT_EQ(result.findings[0].number, "in 2 of 2 layers");
  EXPECT_EQ(result.plots.size(), 8U);  // two layers, two pairs, two projections
  EXPECT_EQ(probe_keys_queries({}, [] {}).findings[0].verdict, Verdict::kNotTested);
}

}  // namespace
}  // namespace parallax::lab
