// Small text files of numbers, and folders of them, one per photograph; photographs by number.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <opencv2/core/matx.hpp>
#include <opencv2/core/types.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/text_lines.h"
#include "vision/scene/formats/common/loader_support.h"
#include "vision/scene/scene.h"

namespace parallax {

// The folder's files of that extension, "2.txt" before "10.txt", without hidden ones; none if there
// is no such folder.
std::vector<std::filesystem::path> files_by_number(const std::filesystem::path& folder,
                                                   const char* extension);

// A folder's images whose name is `prefix` and a number, by that number, which is that of the line,
// from 0, of a list of poses.
using NumberedImages = std::map<std::uint64_t, std::filesystem::path>;
NumberedImages numbered_images(const std::filesystem::path& folder, const std::string& prefix);

// Fills a view of that image in, from its line of the list of poses; `where` names the line.
using ReadPose = std::function<void(View& view, std::string_view line, const std::string& where)>;

// The views of the images whose poses the lines of `scene.file` are, in order. Images beyond the
// last are left out, and a note says if poses have no image. Throws Error if no view is left.
void read_numbered_views(Scene& scene, const NumberedImages& images, const ReadPose& read);

// The words of a text file between blanks and ends of lines. Throws Error where it cannot be read
// or has more than a camera needs.
std::vector<std::string> words_of_file(const std::filesystem::path& file);

// The words of a line, of which no more are made than a camera needs: a damaged file may be one
// line. Lines beyond 64 KiB have none.
std::vector<std::string> words_of_line(std::string_view line, std::string_view between = " \t");

// The line's numbers, as many as `count`. Throws Error, beginning with `where`, for others.
std::vector<double> numbers_of_line(std::string_view line, size_t count, const std::string& where);

// Goes to the next line that is neither blank nor, where the format has them, a comment (#); false
// where there is none.
bool next_filled_line(TextLines& lines, bool has_comments = true);

// The word as a number, which may be infinite or NaN, as trackers write for what they lost. Throws
// Error, beginning with `where`, if it is none.
double number_of_word(const std::string& word, const std::string& where);

// All words of a file as numbers. Throws Error naming the file and the first word that is none.
std::vector<double> numbers_of_file(const std::filesystem::path& file);

// A matrix of intrinsics for photographs of that size, with its skew, but for what decomposing a
// projection leaves.
void set_intrinsic_matrix(View& view, const cv::Matx33d& k, cv::Size size);

}  // namespace parallax
