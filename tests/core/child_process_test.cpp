// Children of this process: their output, their end, and how they are stopped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>

#include "core/base/child_process.h"
#include "core/base/error.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/wait_until.h"

namespace parallax {
namespace {

ChildCommand shell(const std::string& script) {
  return {.program = "/bin/sh", .arguments = {"-c", script}};
}

TEST(ChildProcess, LinesOfBothOutputsArriveInOrder) {
  std::vector<std::string> lines;
  ChildCommand command =
      shell("echo one; echo two >&2; printf 'three\\rfour'; cat; echo $WORD; exit 7");
  command.environment = {{"WORD", "five"}};
  command.on_line = [&](const std::string& line) { lines.push_back(line); };
  EXPECT_EQ(run_child(command).exit_code, 7);
  EXPECT_THAT(lines, ::testing::ElementsAre("one", "two", "three", "fourfive"));
}

TEST(ChildProcess, EndsBySignalsAreToldApart) {
  EXPECT_EQ(run_child(shell("kill -9 $$")).exit_code, 128 + SIGKILL);
}

TEST(ChildProcess, StoppingReachesTheChildrenOfTheChild) {
  bool started = false;
  std::string grandchild;
  ChildCommand command = shell("sleep 1000 & echo $!; wait");
  command.on_line = [&](const std::string& line) {
    grandchild = line;
    started = true;
  };
  command.should_stop = [&] { return started; };
  const ChildEnd end = run_child(command);
  EXPECT_TRUE(end.stopped);
  EXPECT_EQ(end.exit_code, 128 + SIGTERM);
  // Gone, or about to be collected by whoever inherited it.
  EXPECT_TRUE(testing::wait_until([&] {
    std::ifstream file("/proc/" + grandchild + "/stat");
    std::string pid;
    std::string name;
    std::string state;
    return !(file >> pid >> name >> state) || state == "Z";
  }));
}

TEST(ChildProcess, WhoIgnoresTheWishIsKilled) {
  bool started = false;
  ChildCommand command = shell("trap '' TERM; echo ready; while :; do sleep 0.1; done");
  command.on_line = [&](const std::string&) { started = true; };
  command.should_stop = [&] { return started; };
  EXPECT_EQ(run_child(command).exit_code, 128 + SIGKILL);
}

TEST(ChildProcess, OneThatIsLetGoHasASessionOfItsOwnAndNoInput) {
  const testing::ScratchFolder scratch;
  const std::string said = (scratch.path() / "said").string();
  const pid_t child =
      start_detached(shell("cat; cut -d ' ' -f 6 /proc/$$/stat > " + said + "; exit 3"));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 3);
  EXPECT_EQ(testing::read_bytes(said), std::to_string(child) + "\n");
  const pid_t missing = start_detached({.program = "/no/such/program"});
  ASSERT_EQ(::waitpid(missing, &status, 0), missing);
  EXPECT_EQ(WEXITSTATUS(status), 127);
}

TEST(ChildProcess, ProgramsAreFoundOnThePath) {
  EXPECT_TRUE(find_program("sh").is_absolute());
  EXPECT_EQ(find_program("/bin/sh"), "/bin/sh");
  EXPECT_TRUE(find_program("no-such-program-anywhere").empty());
  EXPECT_TRUE(find_program("/proc/version").empty());
}

}  // namespace
}  // namespace parallax
