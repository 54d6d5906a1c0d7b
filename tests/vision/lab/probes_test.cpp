// The laboratory's probes on small models whose answers are known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/classifier_fixture.h"
#include "tests/support/random_layer.h"
#include "vision/lab/classifier_probes.h"
#include "vision/lab/deviation.h"
#include "vision/lab/equivalence.h"
#include "vision/lab/lab_text.h"
#include "vision/lab/published_momentum.h"
#include "vision/lab/rule_changes.h"
#include "vision/lab/streaming.h"
#include "vision/metrics/image_metrics.h"
#include "vision/synth/scene_generator.h"

namespace parallax::lab {
namespace {

using ::testing::HasSubstr;

void ignore() {}

// A random model of few layers, and a scene of noise.
class TinyModel {
 public:
  explicit TinyModel(const std::string& variant, int layers = 2) {
    model_.name = "tiny";
    model_.card.options.patch_size = 8;
    model_.card.options.dim = 32;
    model_.card.options.layers = layers;
    model_.card.options.attention_head_dim = 16;
    model_.card.options.ttt_head_dim = 16;
    model_.card.options.inter_multi = 1;
    model_.card.options.base_lr = 0.05;
    model_.card.options.variant = variant;
    torch::manual_seed(5);
    model_.module = std::make_shared<LactNvs>(model_.card.options);
    model_.module->initialise();
    const torch::NoGradGuard no_grad;
    for (auto& item : model_.module->named_parameters()) {
      if (item.key().ends_with(".weight")) {  // so that the layers count beside the residual
        item.value().mul_(4);
      }
    }
    model_.module->eval();
    subject_.model = &model_;
    subject_.scenes.push_back({.name = "noise", .height = 16, .width = 16});
    subject_.scenes.front().inputs = views(4, 0);
    subject_.scenes.front().targets = views(3, 40);
  }

  const NvsModel& model() const { return model_; }
  const NvsSubject& subject() const { return subject_; }
  const PreparedScene& scene() const { return subject_.scenes.front(); }

 private:
  static ViewSet views(int count, double shift) {
    ViewSet set;
    for (int i = 0; i < count; ++i) {
      set.indices.push_back(i);
      set.names.push_back(std::to_string(i));
      set.cameras.push_back(orbit_camera(shift + 360.0 * i / count, 20, 2.7, 50, 16, 16));
    }
    set.batch = to_camera_batch(set.cameras);
    set.images = torch::rand({1, count, 3, 16, 16});
    return set;
  }

  NvsModel model_;
  NvsSubject subject_;
};

const Finding& finding_with(const ProbeResult& result, const std::string& part) {
  for (const Finding& finding : result.findings) {
    if (finding.claim.find(part) != std::string::npos) {
      return finding;
    }
  }
  throw std::runtime_error("no finding on " + part);
}

// ---- equivalence

TEST(LabEquivalence, HoldsForEveryRuleOnAModelsTokens) {
  for (const char* variant : {"0", "2", "6"}) {
    const TinyModel tiny(variant);
    const auto layers = layers_of(tiny.model(), tiny.scene(), 4);
    ASSERT_EQ(layers.size(), 2U);
    EXPECT_EQ(layers[0].view_tokens, 4);
    const ProbeResult result = probe_equivalence(layers, variant);
    EXPECT_EQ(result.findings[0].verdict, Verdict::kHolds) << variant;
    EXPECT_EQ(result.findings[1].verdict, Verdict::kHolds) << result.findings[1].number;
    EXPECT_EQ(result.tables[0].rows.size(), 1 + kVariants.size());
    // Only where the kernel moves is there another sum to be off by.
    EXPECT_EQ(result.findings[2].verdict,
              std::string(variant) == "0" ? Verdict::kHolds : Verdict::kNotTested);
    EXPECT_LT(result.measures.at("equivalence_float64")[1], 1e-10);
  }
}

TEST(LabEquivalence, TheNaiveSumOfRowOneIsOffByItsScaleAlone) {
  // One range, one head: with weight norm off, row 1 is the naive sum itself.
  const testing::RandomLayer random = testing::random_layer(find_variant("1").switches, {}, 3);
  LayerTokens layer{random.rule, random.weights, random.inputs, 10};
  const double with_norm = measure_equivalence(layer, 0).naive;
  layer.rule.switches.weight_norm = WeightNorm::kNone;
  EXPECT_GT(with_norm, 0.01);
  EXPECT_EQ(measure_equivalence(layer, 0).naive, 0);
}

// ---- deviation

TEST(LabDeviation, PublishedMomentumLosesWhatItsProductUnderflows) {
  // Plain loop in float64 beside it: V_i = G_i + β V_{i−1} for gradients of 1.
  const int64_t chunks = 64;
  const double momentum = 0.5;
  const Tensor gradients = torch::ones({1, chunks, 1, 1}, torch::kFloat64);
  const Tensor published =
      published_velocities(gradients, torch::full({1, chunks, 1, 1}, momentum, torch::kFloat64));
  double velocity = 0;
  for (int64_t i = 0; i < chunks; ++i) {
    velocity = 1 + momentum * velocity;
    const double error = std::abs(published[0][i].item<double>() - velocity) / velocity;
    if (i < 13) {  // 0.5^13 is 1e-4: the quotient is off by 1e-4
      EXPECT_LT(error, 1e-3) << i;
    } else if (i >= 40) {
      EXPECT_GT(error, 0.99) << i;
    }
  }
}

TEST(LabDeviation, PublishedFormIsOursWhereItsProductStaysLarge) {
  for (const char* variant : {"2", "4"}) {
    const UpdateRule rule{.switches = find_variant(variant).switches};
    LayerTokens layer =
        to_dtypes(random_tokens(rule, 16, 16, 64, 7), torch::kFloat64, torch::kFloat64);
    layer.inputs.momentum = torch::full({1, 64, 1}, 0.9, torch::kFloat64);
    const Tensor published = run_published_parallel(layer.rule, layer.weights, layer.inputs, 8);
    const Tensor ours =
        run_recurrent(layer.rule, layer.weights, layer.inputs, update_then_apply_chunks(64, 8))
            .output;
    EXPECT_LT(agreement_of(published, ours).relative, 1e-5) << variant;
  }
}

TEST(LabDeviation, FormsAgreeAndTheCurveShowsWhereThePublishedFormIsLost) {
  const TinyModel tiny("2");
  const LayerTokens layer = layers_of(tiny.model(), tiny.scene(), 4)[1];
  DeviationGrid grid;
  grid.lengths = {{.tokens = 64, .chunk = 8}};
  grid.chunks = {{.tokens = 64, .chunk = 1}};
  grid.momenta = {{.tokens = 64, .chunk = 4, .momentum = 0.9}};
  grid.steps = {{.tokens = 64, .chunk = 4, .inner_steps = 2}};
  grid.published_chunks = {4, 64};
  int64_t advanced = 0;
  const ProbeResult result = probe_deviation(layer, "2", grid, [&] { ++advanced; });
  EXPECT_EQ(advanced, deviation_comparisons(grid));
  EXPECT_EQ(finding_with(result, "computes what").verdict, Verdict::kHolds)
      << finding_with(result, "computes what").sentence;
  const Finding& momentum = finding_with(result, "Momentum");
  EXPECT_EQ(momentum.verdict, Verdict::kHolds) << momentum.number;
  EXPECT_THAT(momentum.number, HasSubstr("momentum 0.5: from 64 chunks on"));
  EXPECT_THAT(momentum.number, HasSubstr("momentum 0.99: not up to 64"));
}

TEST(LabDeviation, RulesWithoutAParallelFormAreNotTested) {
  const TinyModel tiny("0");
  const ProbeResult result = probe_deviation(
      layers_of(tiny.model(), tiny.scene(), 4)[0], "0", deviation_grid(256), ignore);
  ASSERT_EQ(result.findings.size(), 1U);
  EXPECT_EQ(result.findings[0].verdict, Verdict::kNotTested);
  EXPECT_THAT(result.findings[0].sentence, HasSubstr("W0 and W2 are updated"));
}

TEST(LabDeviation, AWrongParallelFormWouldBeFound) {
  const TinyModel tiny("6");
  const LayerTokens layer = layers_of(tiny.model(), tiny.scene(), 4)[0];
  const Deviation right = measure_deviation(layer, {.tokens = 32, .chunk = 4}, torch::kFloat64);
  EXPECT_LT(right.forms.relative, 1e-12);
  const Tensor a = torch::tensor({3.0, 4.0});
  EXPECT_NEAR(agreement_of(a * 1.01, a).relative, 0.01, 1e-6);
  EXPECT_NEAR(agreement_of(a * 1.01, a).largest, 0.04, 1e-6);
}

// ---- more steps, ascent, the query

TEST(LabMoreSteps, LossOfLinearAttentionFallsInAStraightLine) {
  // A single layer of row 6: every step adds the same gradient, so the loss is linear in the steps.
  const TinyModel tiny("6", 1);
  int calls = 0;
  const ProbeResult result = probe_more_steps(tiny.subject(), [&] { ++calls; });
  EXPECT_EQ(calls, kMoreStepsEvaluations);
  const auto& points = result.plots[1].series[0].points;  // of the loss at 1, 2, 4, … steps
  ASSERT_EQ(points.size(), std::size(kInnerSteps));
  const double step = points[1].second - points[0].second;
  EXPECT_LT(step, 0);
  for (size_t i = 2; i < points.size(); ++i) {
    EXPECT_NEAR(points[i].second,
                points[0].second + (points[i].first - 1) * step,
                1e-3 * std::abs(points[i].second));
  }
  EXPECT_EQ(finding_with(result, "lower the inner loss").verdict, Verdict::kHolds);
  EXPECT_EQ(result.pictures.size(), 4U);  // the truth, 1, 8 and 64 steps
}

TEST(LabMoreSteps, VerdictsFollowTheInterval) {
  const auto verdict_of = [](const std::vector<double>& last) {
    return more_steps_findings({-1, -2}, {{20, 21, 22}, last}, "PSNR", "dB", 0.1, "views")[1]
        .verdict;
  };
  EXPECT_EQ(verdict_of({18, 19.1, 19.9}), Verdict::kHolds);
  EXPECT_EQ(verdict_of({21, 22.1, 23}), Verdict::kDoesNotHold);
  EXPECT_EQ(verdict_of({19, 22, 21.9}), Verdict::kUndecided);
  EXPECT_EQ(verdict_of({19.99, 20.99, 21.99}), Verdict::kDoesNotHold);  // a fall of no account
  EXPECT_EQ(more_steps_findings({-1, -0.5}, {{1, 2}, {1, 2}}, "PSNR", "dB", 0.1, "")[0].verdict,
            Verdict::kDoesNotHold);
}

TEST(LabAscent, MirroredWeightsRenderTheSameByAscent) {
  for (const char* variant : {"0", "1", "2", "6", "ascent", "key-as-query"}) {
    const TinyModel tiny(variant);
    UpdateRule turned = tiny.model().module->rule();
    turned.switches.direction =
        turned.switches.direction == Direction::kDescent ? Direction::kAscent : Direction::kDescent;
    const NvsModel mirror = mirrored(tiny.model());
    const ViewQuality own = quality_under(tiny.subject(), tiny.model().module->rule());
    const ViewQuality same = quality_under({&mirror, tiny.subject().scenes}, turned);
    const ViewQuality other = quality_under(tiny.subject(), turned);
    EXPECT_GT(psnr(same.images, own.images), 100) << variant;
    EXPECT_LT(psnr(other.images, own.images), 80) << variant;
  }
  const TinyModel tiny("0");
  const ProbeResult result = probe_ascent(tiny.subject(), ignore);
  EXPECT_EQ(finding_with(result, "serves as well").verdict, Verdict::kHolds);
  const TinyModel squared("mse");
  EXPECT_EQ(finding_with(probe_ascent(squared.subject(), ignore), "serves as well").verdict,
            Verdict::kNotTested);
}

TEST(LabQuery, IsNotTestedWhereThereIsNone) {
  const TinyModel without("key-as-query");
  EXPECT_EQ(probe_query(without.subject(), ignore).findings[0].verdict, Verdict::kNotTested);
  const TinyModel tiny("2");
  const ProbeResult result = probe_query(tiny.subject(), ignore);
  EXPECT_NE(result.findings[0].verdict, Verdict::kNotTested);
  EXPECT_EQ(result.pictures.size(), 3U);
  // The model's rule is its own again.
  EXPECT_EQ(tiny.model().module->rule().switches.query, QuerySource::kQuery);
}

// ---- streaming

TEST(LabStreaming, OneViewIsTheSameAtOnceAndStreamed) {
  EXPECT_EQ(view_counts(8), (std::vector<int64_t>{1, 2, 4, 8}));
  EXPECT_EQ(view_counts(5), (std::vector<int64_t>{1, 2, 4, 5}));
  EXPECT_EQ(view_counts(1), (std::vector<int64_t>{1}));
  for (const char* variant : {"0", "2"}) {
    const TinyModel tiny(variant);
    const ProbeResult result = probe_streaming(tiny.subject(), ignore);
    const auto& series = result.plots[0].series;
    EXPECT_NEAR(series[0].points[0].second, series[2].points[0].second, 1e-4);
    EXPECT_NEAR(series[0].points[1].second, series[1].points[1].second, 1e-4);  // a chunk of two
    EXPECT_EQ(finding_with(result, "default schedule").verdict, Verdict::kHolds);
    EXPECT_EQ(finding_with(result, "does not grow").verdict, Verdict::kHolds);
    EXPECT_EQ(finding_with(result, "Streamed, the parallel").verdict,
              std::string(variant) == "0" ? Verdict::kNotTested : Verdict::kHolds);
  }
}

// ---- classifiers

ClassifierSubject random_images(const Classifier& model) {
  torch::manual_seed(4);
  ClassifierSubject subject{.model = &model, .images = torch::randn({6, 3, 32, 32})};
  for (int i = 0; i < 6; ++i) {
    subject.right.push_back({i % 3});
  }
  return subject;
}

Classifier random_model(const Vit3Options& options) {
  Classifier model{.name = "tiny", .module = testing::random_classifier(options, 3)};
  model.card.options = options;
  model.module->eval();
  return model;
}

TEST(LabClassifier, EveryVariantIsLinearAttention) {
  for (const Vit3Variant& variant : vit3_variants()) {
    for (const bool hierarchical : {false, true}) {
      const std::string name(variant.name);
      const Classifier model = random_model(hierarchical ? testing::small_hierarchical_vit3(3, name)
                                                         : testing::small_vit3(3, name));
      const Finding finding = probe_classifier_equivalence(random_images(model)).findings.front();
      EXPECT_EQ(
          finding.verdict,
          variant.rule.mixing == QueryKeyMixing::kNone ? Verdict::kHolds : Verdict::kNotTested)
          << name << ": " << finding.number;
    }
  }
}

TEST(LabClassifier, FormsAgreeAndTheRuleIsRestored) {
  const Classifier model = random_model(testing::small_vit3(3));
  const ClassifierSubject subject = random_images(model);
  Tensor before;
  correct_under(subject, model.module->rule(), Form::kParallel, &before);
  EXPECT_EQ(probe_classifier_deviation(subject).findings[0].verdict, Verdict::kHolds);
  EXPECT_EQ(probe_classifier_steps(subject, ignore).tables[0].rows.size(),
            1 + std::size(kInnerSteps));
  probe_classifier_query(subject, ignore);
  Tensor after;
  correct_under(subject, model.module->rule(), Form::kParallel, &after);
  EXPECT_TRUE(before.equal(after));
}

TEST(LabClassifier, MirroredWeightsGiveTheSameLogitsByAscent) {
  for (const char* variant : {"0", "1", "6", "ascent"}) {
    const Classifier model = random_model(testing::small_hierarchical_vit3(3, variant));
    const ClassifierSubject subject = random_images(model);
    Vit3Rule turned = model.module->rule();
    turned.switches.direction =
        turned.switches.direction == Direction::kDescent ? Direction::kAscent : Direction::kDescent;
    const Classifier mirror = mirrored(model);
    ClassifierSubject other = subject;
    other.model = &mirror;
    Tensor own;
    Tensor same;
    Tensor turned_only;
    correct_under(subject, model.module->rule(), Form::kParallel, &own);
    correct_under(other, turned, Form::kParallel, &same);
    correct_under(subject, turned, Form::kParallel, &turned_only);
    EXPECT_LT(agreement_of(same, own).relative, 1e-5) << variant;
    EXPECT_GT(agreement_of(turned_only, own).relative, 1e-4) << variant;
  }
}

TEST(LabClassifier, TwoInnerStepsAreOneAfterTheOther) {
  torch::manual_seed(2);
  const auto tokens = [] { return torch::randn({2, 3, 5, 4}, torch::kFloat64); };
  const Tensor q = tokens();
  const Tensor k = tokens();
  const Tensor v = tokens();
  const GluWeights start{torch::randn({2, 1, 4, 4}, torch::kFloat64),
                         torch::randn({2, 1, 4, 4}, torch::kFloat64)};
  for (const Vit3Variant& variant : vit3_variants()) {
    Vit3Rule twice = variant.rule;
    twice.switches.inner_steps = 2;
    const GluWeights once = train_glu(variant.rule, q, k, v, start, 0);
    const GluWeights again = train_glu(variant.rule, q, k, v, once, 0);
    const GluWeights both = train_glu(twice, q, k, v, start, 0);
    EXPECT_TRUE(both.w1.allclose(again.w1, 1e-12, 1e-12)) << variant.name;
    EXPECT_TRUE(both.w2.allclose(again.w2, 1e-12, 1e-12)) << variant.name;
  }
}

// ---- verdicts

TEST(LabText, VerdictsComeFromIntervals) {
  const Estimate below{.mean = -1, .low = -2, .high = -0.5};
  const Estimate around{.mean = 0.1, .low = -0.2, .high = 0.4};
  EXPECT_EQ(is_below(below, 0), Verdict::kHolds);
  EXPECT_EQ(is_below(around, 0), Verdict::kUndecided);
  EXPECT_EQ(is_above(below, 0), Verdict::kDoesNotHold);
  EXPECT_EQ(is_above(below, -3), Verdict::kHolds);
  EXPECT_EQ(is_within(around, 0.5), Verdict::kHolds);
  EXPECT_EQ(is_within(around, 0.3), Verdict::kUndecided);
  EXPECT_EQ(is_within(below, 0.3), Verdict::kDoesNotHold);
  const Estimate none = estimate_mean({1});  // no interval
  EXPECT_EQ(is_below(none, 5), Verdict::kUndecided);
  EXPECT_EQ(is_within(none, 5), Verdict::kUndecided);
}

TEST(LabText, SharesHaveWilsonsInterval) {
  // R: binom::binom.confint(8, 10, methods = "wilson").
  const Estimate share = estimate_share(8, 10);
  EXPECT_NEAR(share.mean, 0.8, 1e-12);
  EXPECT_NEAR(share.low, 0.4901625, 1e-5);
  EXPECT_NEAR(share.high, 0.9433178, 1e-5);
  EXPECT_TRUE(std::isnan(estimate_share(0, 0).mean));
}

}  // namespace
}  // namespace parallax::lab
