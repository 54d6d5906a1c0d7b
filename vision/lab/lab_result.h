// What a probe of the laboratory finds: sentences with the numbers behind them, plots, tables and
// pictures.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/base/torch.h"

namespace parallax::lab {

// Whether a claim of the paper's was found to hold for the model at hand.
enum class Verdict {
  kHolds,
  kDoesNotHold,
  kUndecided,  // the number's interval allows both
  kNotTested,  // the model or the data lack what the test needs
};

// "holds here", "does not hold here", "undecided here" or "not tested".
const char* verdict_text(Verdict verdict);

// One claim, with the number that decided about it.
struct Finding {
  std::string claim;    // in one sentence, as a statement
  std::string section;  // of the paper, "§4.1"; empty: not a claim of the paper's
  Verdict verdict = Verdict::kNotTested;
  std::string number;    // "−7.9 dB (95 %: −8.4 to −7.4)"; empty where not tested
  std::string sentence;  // what was measured on what, or why it was not
};

// One curve, or one set of points.
struct LabSeries {
  std::string name;
  std::vector<std::pair<double, double>> points;
};

// A plot; `choice` names it among plots of one title, of which the page shows one at a time.
struct LabPlot {
  std::string title;
  std::string choice;
  std::string x_label;
  std::string y_label;
  bool scatter = false;
  bool log_x = false;
  bool log_y = false;
  std::vector<LabSeries> series;
};

// The first row is the header.
struct LabTable {
  std::string title;
  std::vector<std::vector<std::string>> rows;
};

struct LabPicture {
  std::string title;
  std::string note;
  Tensor image;  // [3, H, W] in [0, 1]
};

// What one probe found on one model.
struct ProbeResult {
  std::vector<Finding> findings;
  std::vector<LabPlot> plots;
  std::vector<LabTable> tables;
  std::vector<LabPicture> pictures;
  std::vector<std::string> notes;                       // sentences for the user
  std::map<std::string, std::vector<double>> measures;  // by name, for comparisons between models
};

}  // namespace parallax::lab
