// How a model reads a scene's input views: all in one update, or an update for each; and which
// forms it has then.
#pragma once

#include <string>
#include <vector>

#include "vision/eval/evaluate.h"

namespace parallax {

// What --reading takes, and a model's card holds as "reading" (the first two).
inline constexpr const char* kBatchReading = "batch";
inline constexpr const char* kStreamedReading = "streamed";
inline constexpr const char* kReadingAsTrained = "trained";

inline constexpr const char* kReadingHelp =
    "how input views are read: batch (in one update), streamed (one after the other, an update for "
    "each) or trained (as the model was)";

// As a card and results name it.
constexpr const char* reading_name(bool streamed) {
  return streamed ? kStreamedReading : kBatchReading;
}

// Throws UsageError naming --reading.
void check_reading(const std::string& reading);

// True where `model` reads one view after the other.
bool reads_streamed(const std::string& reading, const NvsModel& model);

// Those of the forms asked for that `model` has when it reads so. None may be left: see
// missing_form().
std::vector<Form> forms_when_read(const std::string& reading,
                                  const std::vector<Form>& asked,
                                  const NvsModel& model);

// What to tell before `model` reads so: that it reads streamed by its card, and that it has no
// parallel form then. Each is a sentence.
std::vector<std::string> reading_notes(const std::string& reading,
                                       const std::vector<Form>& asked,
                                       const NvsModel& model);

// The error where the only form asked for does not exist.
ErrorParts missing_form(const NvsModel& model);

}  // namespace parallax
