// The laboratory on the Probe screen, as plain values: which probes to run, the run in progress,
// and what its folder holds.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace parallax::view {

// A probe that the user may choose.
struct LabProbeChoice {
  std::string name;   // for the command line
  std::string title;  // a question
  std::string summary;
  bool chosen = true;
};

// What a probe found.
struct LabFinding {
  std::string claim;
  std::string verdict;
  std::string number;
  std::string sentence;
};

// What `parallax lab` left in the folder of one scene and model.
struct LabFolder {
  std::string path;
  std::string page;                       // its path; empty: there is none yet
  std::map<std::string, double> seconds;  // that each probe took, of those that are done
  std::vector<LabFinding> findings;
};

// The run in progress, or the last one.
struct LabRun {
  std::string title;  // "nvs-v2 on procedural_a"; empty: there was none
  std::string folder;
  bool is_running = false;
  bool was_cancelled = false;
  std::string probe;                // in progress; empty: it is being prepared
  std::string work;                 // what is done for it, as the program tells
  std::string progress;             // its last line
  int number = 0;                   // of the probe, from 1
  int all = 0;                      // probes of this run; 0: unknown
  double share = 0;                 // that is done of all
  std::vector<std::string> errors;  // sentences
  std::string last_line;
};

// The state of the laboratory.
struct LabState {
  std::vector<LabProbeChoice> probes;  // all there are
  std::vector<std::string> words;      // the command for the shown scene and model
  LabFolder folder;                    // of the shown scene and model
  LabRun run;
  std::string page_error;  // why the page could not be shown; empty: nothing is known
};

}  // namespace parallax::view
