// Typed reading of XML elements with tinyxml2.
#include "vision/scene/formats/common/xml_fields.h"

#include <fmt/format.h>
#include <tinyxml2.h>

#include <cmath>
#include <cstdlib>
#include <sstream>
#include <string_view>

#include "core/base/error.h"

namespace parallax {

const tinyxml2::XMLElement* read_xml_file(const std::filesystem::path& file,
                                          tinyxml2::XMLDocument& document) {
  if (document.LoadFile(file.c_str()) != tinyxml2::XML_SUCCESS) {
    throw Error(
        ErrorParts{.what = "the file is not valid XML",
                   .where = fmt::format("{}, line {}", file.string(), document.ErrorLineNum()),
                   .got = document.ErrorName(),
                   .remedy = "It may have been cut off while it was written or copied."});
  }
  return document.RootElement();
}

std::string XmlFields::where() const {
  return element_ == nullptr ? file_ : fmt::format("{}, line {}", file_, element_->GetLineNum());
}

XmlFields XmlFields::child(const char* name) const {
  return {element_ == nullptr ? nullptr : element_->FirstChildElement(name), file_};
}

std::vector<XmlFields> XmlFields::children(const char* name, const char* through) const {
  std::vector<XmlFields> found;
  const tinyxml2::XMLElement* inside =
      element_ == nullptr ? nullptr : element_->FirstChildElement();
  for (; inside != nullptr; inside = inside->NextSiblingElement()) {
    const std::string_view called = inside->Name();
    if (called == name) {
      found.emplace_back(inside, file_);
    } else if (through != nullptr && called == through) {
      for (XmlFields& deeper : XmlFields(inside, file_).children(name, through)) {
        found.push_back(std::move(deeper));
      }
    }
  }
  return found;
}

std::string XmlFields::attribute(const char* name) const {
  const char* value = element_ == nullptr ? nullptr : element_->Attribute(name);
  return value == nullptr ? "" : value;
}

std::vector<double> XmlFields::numbers(size_t count) const {
  const char* text = element_ == nullptr ? nullptr : element_->GetText();
  std::istringstream words(text == nullptr ? "" : text);
  words.imbue(std::locale::classic());
  std::vector<double> numbers;
  bool is_sound = true;
  for (std::string word; words >> word;) {
    char* end = nullptr;
    numbers.push_back(std::strtod(word.c_str(), &end));
    is_sound = is_sound && *end == '\0' && std::isfinite(numbers.back());
  }
  if (!is_sound || numbers.size() != count) {
    throw Error(ErrorParts{
        .what = fmt::format("<{}> cannot be read", element_ == nullptr ? "" : element_->Name()),
        .where = where(),
        .expected = fmt::format("{} finite {}", count, count == 1 ? "number" : "numbers")});
  }
  return numbers;
}

}  // namespace parallax
