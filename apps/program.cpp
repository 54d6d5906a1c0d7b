// The whole command line: every subcommand in the order of `parallax --help`.
#include <CLI/CLI.hpp>

#include "apps/common/cli.h"
#include "apps/report/system_info.h"
#include "apps/shell/help.h"
#include "core/base/build_info.h"

namespace parallax {

std::vector<Command> add_all_commands(CLI::App& program) {
  program.name("parallax");
  program.description(
      "Parallax: test-time-training layers as recurrent networks and as linear attention.\n"
      "Renders novel views from posed photos, classifies images, and compares the layer's forms "
      "and variants.");
  program.formatter(help_formatter());
  program.set_version_flag(
      "-V,--version", version_text, "Say what this program was built from, and exit");
  program.require_subcommand(1);
  std::vector<Command> commands = {add_render_command(program), add_compare_command(program)};
  commands.push_back(add_view_command(program));
  commands.push_back(add_classify_command(program));
  commands.push_back(add_lab_command(program));
  CLI::App* train = program.add_subcommand("train", "Train any variant of a model");
  train->require_subcommand(1);
  commands.push_back(add_train_nvs_command(*train));
  commands.push_back(add_train_classify_command(*train));
  const Command scenes = add_scenes_command(program);
  // Before its parent, which then counts as named, too.
  commands.push_back(add_scenes_convert_command(*scenes.app));
  commands.push_back(add_scenes_from_photos_command(*scenes.app));
  commands.push_back(scenes);
  CLI::App* bench = program.add_subcommand("bench", "Measure how fast this machine runs it");
  bench->require_subcommand(1);
  commands.push_back(add_bench_layer_command(*bench));
  commands.push_back(add_bench_classify_command(*bench));
  commands.push_back(add_bench_render_command(*bench));
  commands.push_back(add_info_command(program));
  for (Command& command : add_models_commands(program)) {
    commands.push_back(std::move(command));
  }
  commands.push_back(add_variants_command(program));
  commands.push_back(add_help_command(program));
  commands.push_back(add_version_command(program, version_text));
  commands.push_back(add_completion_command(program));
  commands.push_back(add_man_command(program, program_version()));
  return commands;
}

}  // namespace parallax
