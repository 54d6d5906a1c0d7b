// `parallax completion` and `parallax man`: what installations ship, written from the program's own
// options.
#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>

#include "apps/common/cli.h"
#include "apps/shell/completions.h"
#include "apps/shell/man_page.h"
#include "core/base/error.h"

namespace parallax {

Command add_completion_command(CLI::App& program) {
  auto shell = std::make_shared<std::string>();
  CLI::App* app = program.add_subcommand("completion", "Write a shell's completions to stdout");
  app->add_option("SHELL", *shell, "bash, zsh or fish")->required();
  app->footer("Example:\n  source <(parallax completion bash)");
  return Command::light(app, [&program, shell] {
    const CommandTree tree = read_command_tree(program);
    std::string text;
    if (*shell == "bash") {
      text = bash_completion(tree);
    } else if (*shell == "zsh") {
      text = zsh_completion(tree);
    } else if (*shell == "fish") {
      text = fish_completion(tree);
    } else {
      throw UsageError(ErrorParts{.what = "there are no completions for this shell",
                                  .expected = "bash, zsh or fish",
                                  .got = "'" + *shell + "'"});
    }
    std::fwrite(text.data(), 1, text.size(), stdout);
    return kExitDone;
  });
}

Command add_man_command(CLI::App& program, const std::string& version) {
  CLI::App* app = program.add_subcommand("man", "Write the manual page to stdout");
  app->footer("Example:\n  parallax man | man -l -");
  return Command::light(app, [&program, version] {
    const std::string text = man_page(read_command_tree(program), version);
    std::fwrite(text.data(), 1, text.size(), stdout);
    return kExitDone;
  });
}

}  // namespace parallax
