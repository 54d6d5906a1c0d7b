// What an option takes is told by its name; which of several words, by its help.
#include "apps/shell/command_tree.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <map>

#include "core/ttt/variant.h"
#include "vision/models/model_files.h"
#include "vision/models/published_models.h"
#include "vision/models/vit3/variants.h"

namespace parallax {
namespace {

using Words = std::vector<std::string>;

// Words that an option's help names are offered, of these.
const std::map<std::string, Words>& listed_words() {
  static const std::map<std::string, Words> kWords = {
      {"--background", {"white", "black", "grey"}},
      {"--device", {"cpu", "cuda"}},
      {"--difficulty", {"simple", "mixed"}},
      {"--dtype", {"float32", "bfloat16"}},
      {"--export-dtype", {"float16", "bfloat16", "float32"}},
      {"--form", {"recurrent", "parallel", "both"}},
      {"--format", {"opencv", "transforms", "colmap"}},
      {"--kernels", {"best", "reference", "both"}},
      {"--newton-schulz", {"float32", "bfloat16", "published"}},
      {"--newton-schulz-coefficients", {"muon", "language-model", "polar-express"}},
      {"--normalise-poses", {"auto", "none", "scene", "object"}},
      {"--optimiser", {"muon", "adamw"}},
      {"--reading", {"batch", "streamed", "trained"}},
      {"--probe",
       {"equivalence",
        "deviation",
        "more-steps",
        "ascent",
        "keys-queries",
        "query-is-key",
        "ablation",
        "streaming"}},
      {"--target-views", {"all"}},
      {"--up", {"auto", "y", "z"}},
      {"SHELL", {"bash", "zsh", "fish"}}};
  return kWords;
}

// Options that take a file or a folder, and those that take a text of another kind.
constexpr const char* kFiles[] = {
    "--cache",  "--data",       "--init",       "--json",       "--labels", "--mesh",
    "--model",  "--classifier", "--colmap",     "--scene",      "--output", "--path",
    "--script", "--teacher",    "--screenshot", "FILE",         "FOLDER",   "OUT",
    "PATH",     "SCENE",        "SCENE|FOLDER", "--validation", "--truth",  "--validation-truth",
    "--lpips",  "--views-from"};
constexpr const char* kFreeTexts[] = {"--baseline",
                                      "--batch-size",
                                      "COMMAND",
                                      "--checkpoint-key",
                                      "--image-folder",
                                      "--input-views",
                                      "--shard",
                                      "--size",
                                      "--train-size",
                                      "--window"};
const Words kPublishedSizes = {"vit3-t", "vit3-s", "vit3-b", "h-vit3-t", "h-vit3-s", "h-vit3-b"};

template <class List>
bool holds(const List& list, const std::string& word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

bool names_word(const std::string& help, const std::string& word) {
  for (size_t at = help.find(word); at != std::string::npos; at = help.find(word, at + 1)) {
    const auto is_part = [&](size_t i) {
      return i < help.size() && std::isalnum(static_cast<unsigned char>(help[i])) != 0;
    };
    if (!is_part(at - 1) && !is_part(at + word.size())) {
      return true;
    }
  }
  return false;
}

Words bundled_models(const std::string& beginning) {
  Words names;
  for (const auto& file : model_files()) {
    const std::string name = file.stem().string();
    if (name.rfind(beginning, 0) == 0 && !holds(names, name)) {
      names.push_back(name);
    }
  }
  return names;
}

// A list such as variant_names() gives.
Words split_list(const std::string& list) {
  Words words;
  for (size_t begin = 0; begin < list.size();) {
    const size_t end = std::min(list.find(", ", begin), list.size());
    words.push_back(list.substr(begin, end - begin));
    begin = end + 2;
  }
  return words;
}

Words choices_of(const std::string& command, const CommandOption& option) {
  const bool classifies = names_word(command, "classify") || option.name == "--classifier";
  if (option.name == "--preset" || (option.name == "--model" && command == "bench classify")) {
    return kPublishedSizes;
  }
  if (option.name == "--variant" || option.name == "VARIANT") {
    return split_list(classifies ? vit3_variant_names() : variant_names());
  }
  if (option.name == "NAME") {
    Words names;
    for (const PublishedModel& model : published_models()) {
      names.push_back(model.name);
    }
    return names;
  }
  if (option.name == "FILE") {
    return bundled_models("");
  }
  if (option.name == "--model" || option.name == "--classifier" || option.name == "--init") {
    return bundled_models(classifies ? "classify" : "nvs");
  }
  Words words;
  if (const auto found = listed_words().find(option.name); found != listed_words().end()) {
    std::copy_if(found->second.begin(),
                 found->second.end(),
                 std::back_inserter(words),
                 [&](const std::string& word) { return names_word(option.help, word); });
  }
  return words;
}

CommandOption read_option(const std::string& command, const CLI::Option& option) {
  CommandOption read;
  for (const std::string& name : option.get_snames()) {
    read.flags.push_back("-" + name);
  }
  for (const std::string& name : option.get_lnames()) {
    read.flags.push_back("--" + name);
  }
  read.name = read.flags.empty() ? option.get_name() : read.flags.back();
  read.help = option.get_description();
  read.default_text = option.get_default_str();
  read.takes_value = option.get_items_expected_max() > 0;
  read.required = option.get_required();
  read.several = option.get_items_expected_max() > 1;
  if (read.takes_value) {
    read.choices = choices_of(command, read);
    read.files = holds(kFiles, read.name);
  }
  return read;
}

CommandTree read_command(const CLI::App& app, const std::string& name) {
  CommandTree tree{.name = name, .help = app.get_description(), .footer = app.get_footer()};
  for (const CLI::Option* option : app.get_options()) {
    const CommandOption read = read_option(name, *option);
    (read.flags.empty() ? tree.positionals : tree.options).push_back(read);
  }
  for (const CLI::App* command : app.get_subcommands({})) {
    tree.commands.push_back(
        read_command(*command, (name.empty() ? "" : name + " ") + command->get_name()));
  }
  return tree;
}

void list_commands(const CommandTree& tree, std::vector<const CommandTree*>& list) {
  list.push_back(&tree);
  for (const CommandTree& command : tree.commands) {
    list_commands(command, list);
  }
}

}  // namespace

CommandTree read_command_tree(const CLI::App& program) { return read_command(program, ""); }

std::vector<const CommandTree*> all_commands(const CommandTree& tree) {
  std::vector<const CommandTree*> list;
  list_commands(tree, list);
  return list;
}

std::string last_word(const CommandTree& command) {
  return command.name.substr(command.name.rfind(' ') + 1);
}

bool has_known_values(const CommandOption& option) {
  return !option.choices.empty() || listed_words().count(option.name) != 0 ||
         holds(kFiles, option.name) || holds(kFreeTexts, option.name);
}

}  // namespace parallax
