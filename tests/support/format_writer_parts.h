// What the writers of formats share: photographs' names and copies, axes, numbers of matrices.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <opencv2/core/matx.hpp>
#include <string>

#include "vision/scene/scene.h"

namespace parallax::testing {

// From axes with y down and z forward to those with y up and z backwards, or the other way round.
inline const cv::Matx44d kOpenGl = cv::Matx44d::diag({1, -1, -1, 1});

inline std::string image_name(size_t index) { return fmt::format("{:06d}.png", index); }

// The scene's photographs as FOLDER/name(0…N − 1).
template <typename Name>
void copy_images(const Scene& scene, const std::filesystem::path& folder, const Name& name) {
  std::filesystem::create_directories(folder);
  for (size_t i = 0; i < scene.views.size(); ++i) {
    std::filesystem::copy_file(scene.views[i].image_path, folder / name(i));
  }
}

inline void copy_images(const Scene& scene, const std::filesystem::path& folder) {
  copy_images(scene, folder, image_name);
}

// A matrix as a list of its rows.
template <int Rows, int Columns>
nlohmann::json matrix_json(const cv::Matx<double, Rows, Columns>& matrix) {
  nlohmann::json rows = nlohmann::json::array();
  for (int row = 0; row < Rows; ++row) {
    nlohmann::json& numbers = rows.emplace_back(nlohmann::json::array());
    for (int column = 0; column < Columns; ++column) {
      numbers.push_back(matrix(row, column));
    }
  }
  return rows;
}

}  // namespace parallax::testing
