// Sources compiled as one unit see each other's unnamed namespaces. Where two of them give a
// function the same name, the compiler may silently choose the other's overload. So within a unit
// such names are unique.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace parallax {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;

const fs::path kRoot = PARALLAX_SOURCE_DIR;

std::vector<std::string> read_lines(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(line);
  }
  return lines;
}

// The files that a line `#include "…"` names, relative to the project.
std::vector<fs::path> included_files(const fs::path& path) {
  std::vector<fs::path> files;
  for (const std::string& line : read_lines(path)) {
    if (line.rfind("#include \"", 0) == 0) {
      const fs::path name = line.substr(10, line.find('"', 10) - 10);
      const fs::path file = name.is_absolute() ? name : kRoot / name;
      if (fs::exists(file)) {
        files.push_back(file.lexically_relative(kRoot));
      }
    }
  }
  return files;
}

void collect_headers(const fs::path& file, std::set<fs::path>& headers) {
  for (const fs::path& header : included_files(kRoot / file)) {
    if (headers.insert(header).second) {
      collect_headers(header, headers);
    }
  }
}

// Names of a file's free functions. As clang-format writes them, they begin where the line does.
struct FreeFunctions {
  std::set<std::string> of_file;  // in an unnamed namespace
  std::set<std::string> of_all;
};

FreeFunctions find_functions(const fs::path& file) {
  static const std::regex kFunction(R"(^[A-Za-z_][\w:<>,&* ]*[ &*>]([a-z_]\w*)\(.*)");
  static const std::regex kOther("^(return|else|using|typedef|namespace|static_assert|#|TEST).*");
  FreeFunctions functions;
  bool is_unnamed = false;
  for (const std::string& line : read_lines(kRoot / file)) {
    if (line == "namespace {") {
      is_unnamed = true;
    } else if (line == "}  // namespace") {
      is_unnamed = false;
    }
    std::smatch match;
    if (std::regex_match(line, match, kFunction) && !std::regex_match(line, kOther)) {
      (is_unnamed ? functions.of_file : functions.of_all).insert(match[1]);
    }
  }
  return functions;
}

// "describe is in info.cpp and in scene_generator.h": for each name that a source keeps to itself
// and another file of the unit has as well.
std::vector<std::string> shared_names(const std::vector<fs::path>& sources) {
  std::set<fs::path> files;
  std::map<std::string, std::vector<fs::path>> owners;
  for (const fs::path& source : sources) {
    collect_headers(source, files);
    for (const std::string& name : find_functions(source).of_file) {
      owners[name].push_back(source);
    }
  }
  files.insert(sources.begin(), sources.end());
  for (const fs::path& file : files) {
    for (const std::string& name : find_functions(file).of_all) {
      if (const auto owner = owners.find(name); owner != owners.end()) {
        owner->second.push_back(file);
      }
    }
  }
  std::vector<std::string> shared;
  for (const auto& [name, its_files] : owners) {
    if (its_files.size() > 1) {
      shared.push_back(name + " is in " + its_files[0].string() + " and in " +
                       its_files[1].string());
    }
  }
  return shared;
}

TEST(Unity, SourcesOfAUnitShareNoNamesOfTheirOwn) {
  std::set<std::string> units;
  const std::regex unit(R"((\S+/Unity/unity_\w+\.cxx).*)");
  for (const std::string& line : read_lines(fs::path(PARALLAX_BUILD_DIR) / "build.ninja")) {
    std::smatch match;
    if (line.rfind("build ", 0) == 0 && std::regex_search(line, match, unit)) {
      units.insert(match[1]);
    }
  }
  for (const std::string& file : units) {
    EXPECT_THAT(shared_names(included_files(fs::path(PARALLAX_BUILD_DIR) / file)), IsEmpty())
        << "rename one of each: " << file;
  }
  if (units.empty()) {
    GTEST_SKIP() << "this build compiles each source by itself";
  }
}

TEST(Unity, FindsAFunctionThatAHeaderHasAsWell) {
  const FreeFunctions here = find_functions("tests/core/unity_test.cpp");
  EXPECT_THAT(here.of_file, IsSupersetOf({"read_lines", "find_functions"}));
  EXPECT_THAT(find_functions("tests/support/scene_fixture.h").of_all, Contains("write_text"));
}

}  // namespace
}  // namespace parallax
