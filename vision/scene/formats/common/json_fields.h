// Typed reading of JSON fields, with errors that name the file, the view and the field.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <opencv2/core/matx.hpp>
#include <set>
#include <string>
#include <vector>

#include "vision/scene/camera.h"

namespace parallax {

// Parses a whole file, past comments, as instant-ngp does. NaN and Infinity, which Python writes
// but JSON lacks, are read as strings, so that the field holding one is reported by name. Fields
// called as one of `left_out`, such as a million points, are read past and take no memory. Throws
// Error naming the file.
nlohmann::json read_json_file(const std::filesystem::path& path,
                              const std::set<std::string>& left_out = {});

// Turns the object's finite numbers that were written as text, "0.5", into numbers; fields called
// as paths stay text.
void read_numbers_of_text(nlohmann::json& fields);

// A list of `count` finite numbers. Throws Error, beginning with `where`, if it is anything else.
std::vector<double> number_list(const nlohmann::json& values,
                                size_t count,
                                const std::string& where);

// A JSON object together with its position; the document must outlive it.
class JsonFields {
 public:
  // `where` is "file" or "file, view 3"; throws Error if the value is not an object.
  JsonFields(const nlohmann::json& object, std::string where);

  const std::string& where() const { return where_; }
  std::string where(const std::string& field) const;
  // null, which Python's None becomes, is no value.
  bool has(const std::string& field) const {
    const auto found = object_->find(field);
    return found != object_->end() && !found->is_null();
  }

  // Each throws Error if the field is missing or is of another type.
  double number(const std::string& field) const;              // finite
  double positive(const std::string& field) const;            // finite, > 0
  int image_side(const std::string& field) const;             // 1 … kMaxImageSide pixels
  std::string text(const std::string& field) const;           // not empty
  std::string text_or_empty(const std::string& field) const;  // "" if it is missing, too
  std::int64_t index(const std::string& field) const;         // 0 … 2³² − 1
  bool flag(const std::string& field) const;                  // true, false, 1 or 0
  cv::Matx44d matrix(const std::string& field) const;         // [4, 4], finite
  cv::Matx44d pose(const std::string& field) const;     // [4, 4], or its first three rows; finite
  cv::Matx33d matrix3(const std::string& field) const;  // [3, 3], finite
  std::vector<double> numbers(const std::string& field, size_t count) const;  // finite
  Camera intrinsics() const;  // of w, h, fx, fy, cx, cy; c2w is the identity
  const nlohmann::json& list(const std::string& field) const;
  const nlohmann::json& object(const std::string& field) const;

 private:
  const nlohmann::json& at(const std::string& field) const;

  const nlohmann::json* object_;
  std::string where_;
};

}  // namespace parallax
