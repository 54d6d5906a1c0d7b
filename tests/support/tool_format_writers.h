// Writers of the formats of reconstruction programs and phone apps, for format_writers().
#pragma once

#include <filesystem>

#include "vision/scene/scene.h"

namespace parallax::testing {

// Each puts the scene into the folder and returns what load_scene() takes.

// As Metashape 2.2 exports cameras: a group of cameras among others, a component with a similarity.
std::filesystem::path write_metashape(const Scene& scene, const std::filesystem::path& folder);
// As OpenMVG 2.1 serialises (src/openMVG/sfm/sfm_data_io_cereal.cpp, src/openMVG/cameras/*_io.hpp):
// two intrinsics of one type, whose name is written once.
std::filesystem::path write_openmvg(const Scene& scene, const std::filesystem::path& folder);
// As OpenSfM's opensfm/io.py writes a perspective and a Brown camera.
std::filesystem::path write_opensfm(const Scene& scene, const std::filesystem::path& folder);
// Polycam's raw data with optimised cameras.
std::filesystem::path write_polycam(const Scene& scene, const std::filesystem::path& folder);
// Record3D's export of a capture whose focus did not change.
std::filesystem::path write_record3d(const Scene& scene, const std::filesystem::path& folder);

}  // namespace parallax::testing
