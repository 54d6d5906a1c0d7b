// Small text files of numbers, and folders of them, one per photograph.
#pragma once

#include <filesystem>
#include <opencv2/core/matx.hpp>
#include <opencv2/core/types.hpp>
#include <string>
#include <vector>

#include "vision/scene/scene.h"

namespace parallax {

// The folder's files of that extension, "2.txt" before "10.txt", without hidden ones; none if there
// is no such folder.
std::vector<std::filesystem::path> files_by_number(const std::filesystem::path& folder,
                                                   const char* extension);

// The words of a text file between blanks and ends of lines. Throws Error where it cannot be read
// or has more than a camera needs.
std::vector<std::string> words_of_file(const std::filesystem::path& file);

// The word as a number, which may be infinite or NaN, as trackers write for what they lost. Throws
// Error, beginning with `where`, if it is none.
double number_of_word(const std::string& word, const std::string& where);

// All words of a file as numbers. Throws Error naming the file and the first word that is none.
std::vector<double> numbers_of_file(const std::filesystem::path& file);

// A matrix of intrinsics for photographs of that size, with its skew, but for what decomposing a
// projection leaves.
void set_intrinsic_matrix(View& view, const cv::Matx33d& k, cv::Size size);

}  // namespace parallax
