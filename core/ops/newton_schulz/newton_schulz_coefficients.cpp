// The table of names.
#include "core/ops/newton_schulz/newton_schulz_coefficients.h"

#include <cmath>

#include "core/base/error.h"

namespace parallax {
namespace {

// The paper's polynomials, best for singular values from 10⁻³ to 1, each of x / 1.01 so that
// rounding does not leave the interval. Its code divides by 1.01 times the norm, too: the first
// step has that factor twice.
std::vector<QuinticCoefficients> polar_express_coefficients() {
  constexpr double kSafety = 1.01;
  std::vector<QuinticCoefficients> triples = {
      {8.28721201814563, -23.595886519098837, 17.300387312530933},
      {4.107059111542203, -2.9478499167379106, 0.5448431082926601},
      {3.9486908534822946, -2.908902115962949, 0.5518191394370137},
      {3.3184196573706015, -2.488488024314874, 0.51004894012372},
      {2.300652019954817, -1.6689039845747493, 0.4188073119525673}};
  double scale = kSafety * kSafety;
  for (auto& [a, b, c] : triples) {
    a /= scale;
    b /= std::pow(scale, 3);
    c /= std::pow(scale, 5);
    scale = kSafety;
  }
  return triples;
}

struct NamedCoefficients {
  std::string_view name;
  std::vector<QuinticCoefficients> triples;
};

const std::vector<NamedCoefficients>& named_coefficients() {
  static const std::vector<NamedCoefficients> table = {
      {"muon", NewtonSchulzOptions().coefficients},
      {"language-model", language_model_coefficients()},
      {"polar-express", polar_express_coefficients()}};
  return table;
}

}  // namespace

const std::vector<QuinticCoefficients>& language_model_coefficients() {
  static const std::vector<QuinticCoefficients> triples = {{4.0848, -6.8946, 2.9270},
                                                           {3.9505, -6.3029, 2.6377},
                                                           {3.7418, -5.5913, 2.3037},
                                                           {2.8769, -3.1427, 1.2046},
                                                           {2.8366, -3.0525, 1.2012}};
  return triples;
}

std::vector<QuinticCoefficients> find_coefficients(std::string_view name) {
  for (const NamedCoefficients& entry : named_coefficients()) {
    if (entry.name == name) {
      return entry.triples;
    }
  }
  throw UsageError(ErrorParts{.what = "there are no such coefficients of Newton-Schulz",
                              .expected = "one of " + coefficient_names(),
                              .got = "'" + std::string(name) + "'"});
}

std::string coefficient_names() {
  std::string names;
  for (const NamedCoefficients& entry : named_coefficients()) {
    names += (names.empty() ? "" : ", ") + std::string(entry.name);
  }
  return names;
}

}  // namespace parallax
