// Words quoted for a shell, against a shell.
#include <gtest/gtest.h>

#include "core/base/child_process.h"
#include "core/base/shell_words.h"

namespace parallax {
namespace {

TEST(ShellWords, AShellReadsThemAsTheyWere) {
  const std::vector<std::string> words = {
      "plain/word-1.png", "", "two words", "it's", "\"$HOME\" `id` \\", "*", "ä;b&c|d", "-n", "#x"};
  std::vector<std::string> read;
  const ChildEnd end = run_child(
      {.program = "/bin/sh",
       .arguments = {"-c", "for word in " + shell_line(words) + "; do echo \"<$word>\"; done"},
       .on_line = [&](const std::string& line) { read.push_back(line); }});
  EXPECT_EQ(end.exit_code, 0);
  ASSERT_EQ(read.size(), words.size());
  for (size_t i = 0; i < words.size(); ++i) {
    EXPECT_EQ(read[i], "<" + words[i] + ">");
  }
}

TEST(ShellWords, PlainWordsStayBare) {
  EXPECT_EQ(shell_line({"parallax", "lab", "a/b", "--model", "nvs-v2"}),
            "parallax lab a/b --model nvs-v2");
}

}  // namespace
}  // namespace parallax
