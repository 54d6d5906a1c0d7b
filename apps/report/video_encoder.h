// What libparallax_video.so offers. It is apart from the program because FFmpeg, which OpenCV's
// videoio brings, takes 40 ms to load, and few runs write a video.
#pragma once

#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

// Writes an MP4 of [H, W, 3] uint8 RGB frames. False if no encoder works.
extern "C" bool parallax_write_mp4(const std::string& path,
                                   const std::vector<cv::Mat>& frames,
                                   double frames_per_second);
