// The locations of bundled assets and of the user's own files.
#pragma once

#include <filesystem>

namespace parallax {

// The folder of the running program's file; what belongs to it is there, too.
std::filesystem::path program_folder();

// The folder of bundled assets: $PARALLAX_ASSETS if set, else the one next to the program
// (installed or in the build tree), else the source tree's. Throws Error naming the places
// searched.
std::filesystem::path assets_folder();

// The folder of the user's models: $XDG_DATA_HOME/parallax/models, else
// ~/.local/share/parallax/models. It need not exist.
std::filesystem::path user_models_folder();

// The folder for files that can be regenerated: $XDG_CACHE_HOME/parallax, else ~/.cache/parallax.
// It need not exist.
std::filesystem::path user_cache_folder();

// The folder for settings: $XDG_CONFIG_HOME/parallax, else ~/.config/parallax. It need not exist.
std::filesystem::path user_config_folder();

// Absolute and tidy, without a trailing slash: "a/../scene/" is "/here/scene". It need not exist.
std::filesystem::path absolute_path(const std::filesystem::path& path);

// Creates a folder and its parents. Throws Error naming it.
void create_folder(const std::filesystem::path& folder);

}  // namespace parallax
