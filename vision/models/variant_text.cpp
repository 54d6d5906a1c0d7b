// Written from the table's switches, so that a new row explains itself.
#include "vision/models/variant_text.h"

namespace parallax {
namespace {

constexpr std::string_view kChained = "and ";  // how the chain's rows go on from the one before

std::string net_text(const VariantSwitches& rule) {
  return rule.feature_map == FeatureMap::kSwiGlu
             ? "f(x) = φ(x) W1 with φ(x) = silu(x W0) ⊙ (x W2), a gated layer with fast weights "
               "W0, "
               "W1, W2"
             : "f(x) = x W1, that is φ(x) = x: a single linear layer with the fast weight W1";
}

std::string loss_text(const VariantSwitches& rule) {
  return rule.loss == InnerLoss::kDotProduct
             ? "−⟨f(k), v⟩: the net's answer to a key is to point along its value"
             : "½‖f(k) − v‖²: the net's answer to a key is to equal its value";
}

std::string rate_text(const VariantSwitches& rule) {
  return std::string(rule.per_token_rate ? "η" : "1") +
         (rule.normalised_step ? "/(ε + ‖φ(k)‖²)" : "");
}

std::string gradient_text(const VariantSwitches& rule) {
  const std::string rate = rate_text(rule);
  const std::string target = rule.loss == InnerLoss::kDotProduct ? "v" : "(v − f(k))";
  std::string text = "W1: sum over the range's tokens of φ(k)ᵀ " + rate + " " + target;
  if (rule.updated == UpdatedWeights::kAll && rule.feature_map == FeatureMap::kSwiGlu) {
    text += "; W0 and W2: by the chain rule through φ";
  } else if (rule.feature_map == FeatureMap::kSwiGlu) {
    text += "; W0 and W2 stay as they are, so φ is the same for all tokens";
  }
  return text + (rule.per_token_rate ? "; η is a rate that the layer learns for each token"
                                     : "; no rate: each token counts the same");
}

std::string step_text(const VariantSwitches& rule) {
  std::string text = rule.direction == Direction::kDescent
                         ? "the gradient is added (descent on the loss)"
                         : "the gradient is subtracted (ascent on the loss)";
  if (rule.inner_steps > 1) {
    text += ", " + std::to_string(rule.inner_steps) + " times per range";
  }
  text +=
      rule.momentum ? ", with momentum where the model has a gate for it" : ", without momentum";
  return text + (rule.normalise_gradient
                     ? ", after it was normalised (LaCT: Newton–Schulz; ViT³: by its norm)"
                     : ", as it is");
}

std::string decay_text(const VariantSwitches& rule) {
  switch (rule.decay) {
    case Decay::kNone:
      return "none";
    case Decay::kFixed:
      return "before each step the updated weights are multiplied by a constant of their head";
    case Decay::kToken:
      return "before each step the updated weights are multiplied by a gate that the layer learns "
             "for each token, averaged over the range";
    default:
      return "before each step each row of W1 is multiplied by a gate of its own that the layer "
             "learns for each token, averaged over the range";
  }
}

std::string pull_text(const VariantSwitches& rule) {
  switch (rule.importance) {
    case Importance::kNone:
      return "none";
    case Importance::kMagnitude:
      return "after each step W ← W − λ F ⊙ (W − W*), W* a moving average of W, F one of |step|";
    case Importance::kSquare:
      return "after each step W ← W − λ F ⊙ (W − W*), W* a moving average of W, F one of step²";
    default:
      return "after each step W ← W − λ F ⊙ (W − W*), W* a moving average of W, F one of "
             "|step ⊙ (W − W*)|";
  }
}

std::string norm_text(const VariantSwitches& rule) {
  switch (rule.weight_norm) {
    case WeightNorm::kNone:
      return "none";
    case WeightNorm::kPost:
      return "after each update every column gets the norm that it had at the start";
    default:
      return "as after an update, while a main copy without it accumulates";
  }
}

std::string output_text(const VariantSwitches& rule) {
  const std::string query = rule.query == QuerySource::kQuery ? "q" : "k";
  const std::string what =
      rule.query == QuerySource::kQuery ? "" : ": the key takes the query's place";
  return "o = f(" + query + ") with the updated fast weights" + what;
}

std::string attention_text(const VariantSwitches& rule) {
  const std::string query = rule.query == QuerySource::kQuery ? "q" : "k";
  const std::string value = rule.per_token_rate ? "η v" : "v";
  std::string decayed =
      rule.decay == Decay::kNone ? ""
      : rule.decay == Decay::kChannel
          ? "; the rows of W1 and the channels of each key are times the later decays"
          : "; W1 and each term of the sum are times the later decays";
  if (rule.importance != Importance::kNone) {
    decayed += "; each step's terms have a share per element of the state, C ⊙ Σ k̂ᵀ v̂";
  }
  if (!updates_feature_map(rule) && rule.loss == InnerLoss::kMse) {
    const std::string phi = rule.feature_map == FeatureMap::kIdentity ? "" : "φ";
    const std::string key = phi.empty() ? "k" : "φ(k)";
    return "o = " + (phi.empty() ? query : "φ(" + query + ")") + " (W1 + Σ " + key +
           "ᵀ v̂) with v̂ = " + (rule.direction == Direction::kDescent ? "" : "−") + rate_text(rule) +
           " (v − f(k)), f as the token found it" + decayed;
  }
  if (updates_feature_map(rule)) {
    const std::string sign = rule.direction == Direction::kDescent ? "−" : "";
    return "o = q̂ (W1 + Σ k̂ᵀ v̂) with q̂ = φ'(" + query + "), k̂ = φ(k), v̂ = " + sign +
           "η ∂L/∂f(k); φ' is φ after the update" + decayed;
  }
  const bool linear = rule.feature_map == FeatureMap::kIdentity;
  const std::string sum = linear ? "Σ kᵀ " + value : "Σ φ(k)ᵀ " + value;
  const std::string state =
      rule.normalise_gradient ? "W1 + normalised(" + sum + ")" : "W1 + " + sum;
  const bool plain = rule.weight_norm == WeightNorm::kNone;
  return "o = " + (linear ? query : "φ(" + query + ")") + (plain ? " (" : " norm(") + state + ")" +
         decayed;
}

}  // namespace

std::string full_summary(const Variant& variant) {
  if (variant.number <= 0) {
    return std::string(variant.summary);
  }
  std::string text;
  for (int row = 1; row <= variant.number; ++row) {
    std::string_view step = kVariants.at(static_cast<size_t>(row)).summary;
    if (step.starts_with(kChained)) {
      step.remove_prefix(kChained.size());
    }
    text += (text.empty() ? "" : ", ") + std::string(step);
  }
  return text;
}

std::vector<std::pair<std::string, std::string>> explain_rule(const VariantSwitches& rule) {
  return {{"net", net_text(rule)},
          {"inner loss", loss_text(rule)},
          {"gradient", gradient_text(rule)},
          {"decay", decay_text(rule)},
          {"step", step_text(rule)},
          {"elastic pull", pull_text(rule)},
          {"weight norm", norm_text(rule)},
          {"output", output_text(rule)},
          {"as attention", attention_text(rule)}};
}

}  // namespace parallax
