// Scenes from photographs alone: COLMAP finds the cameras.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace parallax {

// What is reconstructed, where to, and how it is watched.
struct ReconstructionOptions {
  std::filesystem::path photos;  // a folder, with those below it
  std::filesystem::path output;  // becomes the scene: images/ and sparse/0/
  std::string colmap = "colmap";
  bool is_sequence = false;    // matches each photograph with its neighbours alone
  bool keeps_blurred = false;  // uses blurred photographs as well
  int threads = 0;             // 0: all cores
  std::function<void(const std::string& stage, int done, int total)> on_progress;
  std::function<bool()> should_stop;
};

// The result.
struct PhotoReconstruction {
  bool stopped = false;            // before its end; the same call goes on where it was
  int photos = 0;                  // found
  int views = 0;                   // of the scene
  std::string colmap;              // the version used
  std::vector<std::string> notes;  // one sentence each
};

// Runs COLMAP's feature extraction, matching, mapping and undistortion. Until all is done, the work
// is kept in `.reconstruction` inside the output folder; an interrupted run goes on there. Throws
// Error if the output folder holds something else, COLMAP is missing or fails, or no scene comes of
// the photographs.
PhotoReconstruction reconstruct(const ReconstructionOptions& options);

}  // namespace parallax
