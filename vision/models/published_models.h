// The weights that the models' authors publish: what each is for, where it is, and how it is used.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parallax {

// One file of weights, with what its publisher says of it.
struct PublishedModel {
  std::string name;  // "lact-nvs/obj_res256", "h-vit3-b"
  std::string purpose;
  std::string configuration;
  std::string parameters;
  std::string repository;  // on the Hub; empty: `url`
  std::string file;        // there, or in the folder of the user's models
  std::string url;         // the publisher's link
  std::string readme;      // where all of this is stated
  std::string licence;     // of the weights and of the code, as stated there
  int height = 0;          // of the images it was trained on
  int width = 0;
  int input_views = 0;          // to read; 0: takes single images
  bool object_centric = false;  // cameras around an object at the origin
};

// All of them, in the publishers' order.
const std::vector<PublishedModel>& published_models();

// The model of this name, or null.
const PublishedModel* find_published_model(std::string_view name);

// The Hub model whose file is called so, or null: other names say nothing of what a file is.
const PublishedModel* published_model_of_file(const std::filesystem::path& path);

// Where the file is, if it was fetched: by this program or another of the Hub's tools.
std::optional<std::filesystem::path> find_fetched(const PublishedModel& model);

// Fetches the file unless it is here; what comes is opened before it is put in place. Throws Error.
std::filesystem::path fetch_published(const PublishedModel& model, bool quiet);

}  // namespace parallax
