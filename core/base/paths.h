// Where bundled assets and the user's own files lie.
#pragma once

#include <filesystem>

namespace parallax {

// The folder of bundled assets: $PARALLAX_ASSETS, else beside the program (installed or in the
// build tree). Throws Error naming the places looked at.
std::filesystem::path assets_folder();

// $XDG_DATA_HOME/parallax/models, ~/.local/share/parallax/models. It need not exist.
std::filesystem::path user_models_folder();

// The folder for what can be made again: $XDG_CACHE_HOME/parallax, ~/.cache/parallax. It need not
// exist.
std::filesystem::path user_cache_folder();

// The folder for settings: $XDG_CONFIG_HOME/parallax, ~/.config/parallax. It need not exist.
std::filesystem::path user_config_folder();

// Creates a folder and its parents. Throws Error naming it.
void create_folder(const std::filesystem::path& folder);

}  // namespace parallax
