// Several files in one input of the fuzzer: a scene is a folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace parallax::fuzz {

// Makes `folder` hold what the bundle says and nothing else. A bundle is text of the form
//
//   === cameras.txt ===
//   1 PINHOLE 32 24 30 30 16 12
//   === images/a.png ===
//   @image
//
// where each file's content goes up to the next such line. "@image" stands for a PNG file of
// 32 × 24 pixels. Names that lead out of the folder are left out, as are files after the sixteenth.
void unpack_bundle(std::string_view bundle, const std::filesystem::path& folder);

}  // namespace parallax::fuzz
