// Lists of headings.
#include "vision/images/truth_headings.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace parallax {
namespace {

constexpr std::array<std::string_view, 17> kImageHeadings = {"image",
                                                             "images",
                                                             "img",
                                                             "imageid",
                                                             "imagename",
                                                             "imagepath",
                                                             "imagefile",
                                                             "file",
                                                             "files",
                                                             "filename",
                                                             "fileid",
                                                             "path",
                                                             "filepath",
                                                             "name",
                                                             "id",
                                                             "photo",
                                                             "picture"};
constexpr std::array<std::string_view, 32> kClassHeadings = {
    "label",        "labels",          "class",    "classes",    "classid",   "classname",
    "classlabel",   "truth",           "target",   "targets",    "category",  "categoryid",
    "wnid",         "synset",          "synsetid", "species",    "breed",     "y",
    "labelname",    "labelid",         "labelidx", "labelindex", "classidx",  "classindex",
    "gt",           "groundtruth",     "gtlabel",  "ytrue",      "truelabel", "trueclass",
    "categoryname", "predictionstring"};

template <size_t N>
bool is_listed(const std::string& heading, const std::array<std::string_view, N>& headings) {
  return std::find(headings.begin(), headings.end(), heading_key(heading)) != headings.end();
}

}  // namespace

std::string heading_key(const std::string& heading) {
  std::string key;
  for (const char c : heading) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      key += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return key;
}

bool is_image_heading(const std::string& heading) { return is_listed(heading, kImageHeadings); }

bool is_class_heading(const std::string& heading) { return is_listed(heading, kClassHeadings); }

}  // namespace parallax
