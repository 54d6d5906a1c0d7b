// Typed reading of XML elements, with errors that name the file and the line.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tinyxml2 {
class XMLDocument;
class XMLElement;
}  // namespace tinyxml2

namespace parallax {

// Parses a whole file and gives its root element. Throws Error naming the file and the line if it
// is not XML.
const tinyxml2::XMLElement* read_xml_file(const std::filesystem::path& file,
                                          tinyxml2::XMLDocument& document);

// An element, or none, together with its file; the document must outlive it.
class XmlFields {
 public:
  XmlFields() = default;
  XmlFields(const tinyxml2::XMLElement* element, std::string file)
      : element_(element), file_(std::move(file)) {}

  explicit operator bool() const { return element_ != nullptr; }
  // "file, line 3", or the file where there is no element.
  std::string where() const;
  // The first such element inside, or none.
  XmlFields child(const char* name) const;
  // All such elements inside, and inside elements called `through`.
  std::vector<XmlFields> children(const char* name, const char* through = nullptr) const;
  // "" if there is no such attribute.
  std::string attribute(const char* name) const;
  // The element's text as `count` numbers between spaces. Throws Error if it is anything else.
  std::vector<double> numbers(size_t count) const;

 private:
  const tinyxml2::XMLElement* element_ = nullptr;
  std::string file_;
};

}  // namespace parallax
