// The Hub's addresses and headers, and the layout of its cache: blobs/<hash>,
// snapshots/<commit>/<file> as links to them, refs/main with the commit (huggingface_hub 2.4).
#include "core/net/hub.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "core/base/error.h"
#include "core/base/paths.h"
#include "core/io/atomic_file.h"
#include "core/net/download.h"
#include "core/net/file_lock.h"
#include "core/net/http.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSha256Digits = 64;
constexpr int kMostMoves = 5;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool is_set(const char* name) {
  std::string value = environment(name);
  std::transform(value.begin(), value.end(), value.begin(), [](unsigned char c) {
    return static_cast<char>(std::toupper(c));
  });
  return value == "1" || value == "ON" || value == "YES" || value == "TRUE";
}

fs::path home_expanded(const std::string& path) {
  const std::string home = environment("HOME");
  return path.starts_with("~/") && !home.empty() ? fs::path(home + path.substr(1)) : fs::path(path);
}

fs::path hub_home() {
  if (const std::string home = environment("HF_HOME"); !home.empty()) {
    return home_expanded(home);
  }
  // user_cache_folder() is parallax's; the Hub's is beside it.
  return user_cache_folder().parent_path() / "huggingface";
}

std::string trim(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const std::size_t last = text.find_last_not_of(" \t\r\n");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return trim(line);
}

std::string hub_token() {
  for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {
    if (const std::string token = trim(environment(name)); !token.empty()) {
      return token;
    }
  }
  if (is_set("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
    return "";
  }
  const std::string path = environment("HF_TOKEN_PATH");
  return first_line(path.empty() ? hub_home() / "token" : home_expanded(path));
}

// "models--owner--name".
std::string repository_folder(const HubFile& file) {
  std::string name = "models--" + file.repository;
  for (std::size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/')) {
    name.replace(slash, 1, "--");
  }
  return name;
}

// What the server says of a file.
struct Listing {
  std::string commit;
  std::string tag;  // the file's SHA-256 if it is large, else its hash in git
  std::uint64_t size = 0;
};

std::string plain_tag(std::string tag) {
  if (tag.starts_with("W/")) {
    tag.erase(0, 2);
  }
  tag.erase(std::remove(tag.begin(), tag.end(), '"'), tag.end());
  return tag;
}

bool is_plain_word(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_';
  });
}

// The scheme and host of an address.
std::string origin_of(const std::string& url) {
  const std::size_t host = url.find("://");
  return url.substr(0, url.find('/', host == std::string::npos ? 0 : host + 3));
}

// The listing is in the Hub's own answer. The store that it redirects to does not know it, and may
// refuse HEAD: only moves within the Hub are followed.
Listing read_listing(const HubFile& file, const std::vector<std::string>& headers) {
  std::string url = hub_url(file);
  HttpResponse response;
  for (int moves = 0;; ++moves) {
    response =
        http_request({.url = url, .headers = headers, .head = true, .follow_redirects = false});
    const std::string location = response.header("location");
    const bool moved = response.status >= 300 && response.status < 400;
    if (!moved || !location.starts_with("/") || location.starts_with("//") || moves == kMostMoves) {
      break;
    }
    url = origin_of(url) + location;
  }
  if (response.status < 200 || response.status >= 400) {
    throw_http_error(response, file.repository + "/" + file.file);
  }
  const std::string linked = response.header("x-linked-etag");
  Listing listing{.commit = response.header("x-repo-commit"),
                  .tag = plain_tag(linked.empty() ? response.header("etag") : linked)};
  std::string size = response.header("x-linked-size");
  if (size.empty() && response.status < 300) {
    size = response.header("content-length");
  }
  listing.size = size.empty() ? 0 : std::strtoull(size.c_str(), nullptr, 10);
  if (!is_plain_word(listing.commit) || !is_plain_word(listing.tag)) {
    throw Error(
        ErrorParts{.what = "the server does not answer as the Hub does: it names no commit "
                           "or no hash of the file",
                   .where = url,
                   .remedy = "Check HF_ENDPOINT, and whether a proxy answers in its place."});
  }
  return listing;
}

// Makes the link in snapshots that stands for the file. Throws Error.
fs::path link_snapshot(const fs::path& folder, const Listing& listing, const std::string& file) {
  const fs::path link = folder / "snapshots" / listing.commit / file;
  create_folder(link.parent_path());
  const fs::path blob = folder / "blobs" / listing.tag;
  std::error_code error;
  if (fs::exists(link, error)) {
    return link;
  }
  fs::remove(link, error);  // a link to a blob that is gone
  fs::create_symlink(fs::relative(blob, link.parent_path(), error), link, error);
  if (error) {  // a file system without links
    error.clear();
    const fs::path part = link.string() + ".incomplete";
    fs::copy_file(blob, part, fs::copy_options::overwrite_existing, error);
    if (!error) {
      fs::rename(part, link, error);
    }
  }
  if (error) {
    throw Error(
        ErrorParts{.what = "cannot create the file: " + error.message(), .where = link.string()});
  }
  return link;
}

}  // namespace

fs::path hub_cache_folder() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (const std::string folder = environment(name); !folder.empty()) {
      return home_expanded(folder);
    }
  }
  return hub_home() / "hub";
}

bool hub_is_offline() { return is_set("HF_HUB_OFFLINE") || is_set("TRANSFORMERS_OFFLINE"); }

std::string hub_url(const HubFile& file) {
  std::string endpoint = environment("HF_ENDPOINT");
  if (endpoint.empty()) {
    endpoint = "https://huggingface.co";
  }
  while (endpoint.ends_with('/')) {
    endpoint.pop_back();
  }
  return fmt::format("{}/{}/resolve/main/{}", endpoint, file.repository, file.file);
}

std::optional<fs::path> find_in_hub_cache(const HubFile& file) {
  const fs::path folder = hub_cache_folder() / repository_folder(file);
  std::vector<fs::path> candidates = {folder / "snapshots" / first_line(folder / "refs" / "main")};
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder / "snapshots", ignored)) {
    candidates.push_back(entry.path());
  }
  for (const fs::path& snapshot : candidates) {
    if (fs::is_regular_file(snapshot / file.file, ignored)) {
      return snapshot / file.file;
    }
  }
  return std::nullopt;
}

fs::path fetch_from_hub(const HubFile& file, bool quiet) {
  if (const auto found = find_in_hub_cache(file)) {
    return *found;
  }
  const std::string name = file.repository + "/" + file.file;
  if (hub_is_offline()) {
    throw Error(ErrorParts{.what = name + " is not in the Hub's cache, and HF_HUB_OFFLINE forbids "
                                          "to fetch it",
                           .where = hub_cache_folder().string()});
  }
  std::vector<std::string> headers = {"Accept-Encoding: identity"};
  if (const std::string token = hub_token(); !token.empty()) {
    headers.push_back("Authorization: Bearer " + token);
  }
  const Listing listing = read_listing(file, headers);
  const fs::path folder = hub_cache_folder() / repository_folder(file);
  const fs::path locks = hub_cache_folder() / ".locks" / repository_folder(file);
  create_folder(folder / "blobs");
  create_folder(folder / "refs");
  create_folder(locks);
  const FileLock lock(locks / (listing.tag + ".lock"), [&] {
    if (!quiet) {
      fmt::print(stderr, "note: another process is fetching {}; waiting for it\n", name);
    }
  });
  const fs::path blob = folder / "blobs" / listing.tag;
  std::error_code ignored;
  if (!fs::exists(blob, ignored)) {
    const fs::path partial = blob.string() + ".incomplete";
    download({.url = hub_url(file),
              .headers = headers,
              .name = file.file,
              .partial = partial,
              .size = listing.size,
              .sha256 = listing.tag.size() == kSha256Digits ? listing.tag : "",
              .quiet = quiet});
    put_in_place(partial, blob);
  }
  // Last, what makes the file one that is there: a run that failed before is to come here again.
  write_file_atomically(folder / "refs" / "main", listing.commit);
  return link_snapshot(folder, listing, file.file);
}

}  // namespace parallax
