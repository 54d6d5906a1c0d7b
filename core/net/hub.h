// Files of repositories on the Hugging Face Hub: fetched into the cache that all of the Hub's tools
// share, and found there, whoever fetched them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace parallax {

// A file of a repository's main revision.
struct HubFile {
  std::string repository;  // "owner/name"
  std::string file;
};

// The cache: $HF_HUB_CACHE, else $HF_HOME/hub, else $XDG_CACHE_HOME/huggingface/hub, else
// ~/.cache/huggingface/hub.
std::filesystem::path hub_cache_folder();

// The file in the cache: of the revision that `main` last was, else of any.
std::optional<std::filesystem::path> find_in_hub_cache(const HubFile& file);

// The file's address: below $HF_ENDPOINT, else https://huggingface.co.
std::string hub_url(const HubFile& file);

// Fetches the file unless it is in the cache, and returns its path there. Honours HF_TOKEN (or the
// token that `hf auth login` stored) and HF_HUB_OFFLINE. Its size and, for files as large as
// weights, its SHA-256 are those of the server's listing. One process at a time fetches a file;
// others wait. Throws Error as download() does.
std::filesystem::path fetch_from_hub(const HubFile& file, bool quiet);

// Whether HF_HUB_OFFLINE forbids to use the network.
bool hub_is_offline();

}  // namespace parallax
