// What data sets call the columns and fields of an image's name and of its class.
#pragma once

#include <string>

namespace parallax {

// A heading in lower case without blanks, "_" and "-".
std::string heading_key(const std::string& heading);

// Whether a column or field called so names images: "filename", "Image ID".
bool is_image_heading(const std::string& heading);

// Whether a column or field called so says classes: "label", "class_id".
bool is_class_heading(const std::string& heading);

}  // namespace parallax
