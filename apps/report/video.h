// Short videos: MP4 if the machine can encode it, else an animated GIF.
#pragma once

#include <filesystem>
#include <opencv2/core/mat.hpp>
#include <vector>

namespace parallax {

// Writes `stem`.mp4, or `stem`.gif if no MP4 encoder works. Frames are [H, W, 3] uint8 RGB of one
// size. Returns the file written. Throws Error naming it if neither could be written.
std::filesystem::path write_video(const std::filesystem::path& stem,
                                  const std::vector<cv::Mat>& frames,
                                  double frames_per_second);

// An endlessly repeating GIF with one palette of 256 colours for all frames.
void write_gif(const std::filesystem::path& path,
               const std::vector<cv::Mat>& frames,
               double frames_per_second);

}  // namespace parallax
