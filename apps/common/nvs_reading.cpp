// Decides by the option, the model's card and its variant.
#include "apps/common/nvs_reading.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/ttt/variant.h"

namespace parallax {
namespace {

// Nothing where there is a parallel form over several ranges.
std::optional<std::string> why_not_parallel(const NvsModel& model) {
  return why_no_parallel_form(find_variant(model.card.options.variant).switches);
}

}  // namespace

void check_reading(const std::string& reading) {
  if (reading != kBatchReading && reading != kStreamedReading && reading != kReadingAsTrained) {
    throw UsageError(ErrorParts{.what = "there is no such way to read views",
                                .where = "--reading",
                                .expected = "batch, streamed or trained",
                                .got = "'" + reading + "'"});
  }
}

bool reads_streamed(const std::string& reading, const NvsModel& model) {
  return reading == kStreamedReading || (reading == kReadingAsTrained && model.card.streamed);
}

std::vector<Form> forms_when_read(const std::string& reading,
                                  const std::vector<Form>& asked,
                                  const NvsModel& model) {
  std::vector<Form> forms = asked;
  if (reads_streamed(reading, model) && why_not_parallel(model)) {
    forms.erase(std::remove(forms.begin(), forms.end(), Form::kParallel), forms.end());
  }
  return forms;
}

std::vector<std::string> reading_notes(const std::string& reading,
                                       const std::vector<Form>& asked,
                                       const NvsModel& model) {
  std::vector<std::string> notes;
  if (reading == kReadingAsTrained && model.card.streamed) {
    notes.push_back(model.name +
                    " reads views one after the other, as it was trained to (--reading batch: all "
                    "in one update)");
  }
  if (forms_when_read(reading, asked, model).size() < asked.size()) {
    notes.push_back(fmt::format("{} has no parallel form over streamed views, as {}",
                                model.name,
                                *why_not_parallel(model)));
  }
  return notes;
}

ErrorParts missing_form(const NvsModel& model) {
  return {.what = fmt::format("{} has no parallel form over streamed views: {}",
                              model.name,
                              why_not_parallel(model).value_or("")),
          .where = "--form",
          .remedy = "Use --form recurrent or --reading batch."};
}

}  // namespace parallax
