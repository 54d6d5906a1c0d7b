// Completions and the man page name every command and option; bash's offers what fits.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <CLI/CLI.hpp>

#include "apps/common/cli.h"
#include "apps/shell/completions.h"
#include "apps/shell/man_page.h"
#include "tests/support/program.h"
#include "tests/support/scratch_folder.h"

namespace parallax::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

class Completion : public ::testing::Test {
 protected:
  Completion() : commands_(add_all_commands(program_)), tree_(read_command_tree(program_)) {}

  CLI::App program_;
  std::vector<Command> commands_;
  CommandTree tree_;
};

void find_long_names(const CLI::App& app, std::vector<std::string>& names) {
  for (const CLI::Option* option : app.get_options()) {
    names.insert(names.end(), option->get_lnames().begin(), option->get_lnames().end());
  }
  for (const CLI::App* command : app.get_subcommands({})) {
    names.push_back(command->get_name());
    find_long_names(*command, names);
  }
}

TEST_F(Completion, NamesEveryCommandAndOption) {
  std::vector<std::string> names;
  find_long_names(program_, names);
  ASSERT_GT(names.size(), 100);
  std::string page = man_page(tree_, "1.2.3");
  page.erase(std::remove(page.begin(), page.end(), '\\'), page.end());
  for (const std::string& text :
       {bash_completion(tree_), zsh_completion(tree_), fish_completion(tree_), page}) {
    for (const std::string& name : names) {
      EXPECT_THAT(text, HasSubstr(name)) << text.substr(0, 40);
    }
    EXPECT_EQ(text.find(PARALLAX_SOURCE_DIR), std::string::npos);
  }
}

TEST_F(Completion, KnowsWhatEveryOptionTakes) {
  for (const CommandTree* command : all_commands(tree_)) {
    const CLI::App* app = &program_;
    std::istringstream words(command->name);
    for (std::string word; words >> word;) {
      app = app->get_subcommand(word);
    }
    std::vector<CommandOption> options = command->options;
    options.insert(options.end(), command->positionals.begin(), command->positionals.end());
    for (const CommandOption& option : options) {
      const CLI::Option* declared = app->get_option_no_throw(option.name);
      ASSERT_NE(declared, nullptr) << option.name;
      if (declared->get_type_name() == "TEXT") {
        EXPECT_TRUE(has_known_values(option))
            << "apps/shell/command_tree.cpp does not say what " << option.name << " of `"
            << command->name << "` takes";
      }
    }
  }
}

// What bash's completion offers after these words, the last of which is being written.
std::vector<std::string> offered(const CommandTree& tree, const std::vector<std::string>& words) {
  const ScratchFolder scratch;
  const auto script = scratch.write("completion.bash", bash_completion(tree));
  std::string line = "parallax";
  for (const std::string& word : words) {
    line += " '" + word + "'";
  }
  const ProgramResult result = run_program_with(
      {"-c",
       fmt::format("source '{}'; cd '{}'; COMP_WORDS=({}); COMP_CWORD={}; _parallax; "
                   "printf '%s\\n' \"${{COMPREPLY[@]% }}\"",
                   script.string(),
                   scratch.path().string(),
                   line,
                   words.size())},
      {.program = "bash"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  std::vector<std::string> lines;
  std::istringstream stream(result.out);
  for (std::string text; std::getline(stream, text);) {
    if (!text.empty()) {
      lines.push_back(text);
    }
  }
  return lines;
}

TEST_F(Completion, OfTheShellOffersWhatFits) {
  EXPECT_THAT(offered(tree_, {"re"}), ElementsAre("render"));
  EXPECT_THAT(offered(tree_, {"train", ""}), ElementsAre("nvs", "classify"));
  EXPECT_THAT(offered(tree_, {"render", "--tu"}), ElementsAre("--turntable"));
  EXPECT_THAT(offered(tree_, {"render", "scene", "--form", ""}),
              ElementsAre("recurrent", "parallel", "both"));
  EXPECT_THAT(offered(tree_, {"train", "nvs", "--form", ""}), ElementsAre("recurrent", "parallel"));
  EXPECT_THAT(offered(tree_, {"render", "--model", "nvs-v"}), IsSupersetOf({"nvs-v0", "nvs-v6"}));
  EXPECT_THAT(offered(tree_, {"classify", "--model", "classify", "cl"}), Contains("classify-v6"));
  EXPECT_THAT(offered(tree_, {"classify", "--variant", "mixed"}),
              ElementsAre("mixed-gradients", "mixed-inputs"));
  EXPECT_THAT(offered(tree_, {"render", "--variant", "2", "comp"}), ElementsAre("completion.bash"));
  EXPECT_THAT(offered(tree_, {"render", "--quiet", "comp"}), ElementsAre("completion.bash"));
  EXPECT_THAT(offered(tree_, {"render", "--threads", ""}), ElementsAre());
  EXPECT_THAT(offered(tree_, {"completion", "z"}), ElementsAre("zsh"));
  EXPECT_THAT(offered(tree_, {"info", "nvs"}), Not(Contains("classify")));
}

}  // namespace
}  // namespace parallax::testing
