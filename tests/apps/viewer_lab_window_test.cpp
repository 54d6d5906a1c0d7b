// The laboratory run from the Probe screen of the real window: to its page, cancelled, failing, and
// ended with the window. Tests wait for what is on the screen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/viewer_window.h"
#include "tests/support/wait_until.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

class ViewerLab : public ViewerWindow {
 protected:
  void add(json step) { steps_.push_back(std::move(step)); }
  void click(const std::string& item) { add({{"click", item}}); }
  void wait_for(const std::string& item) { add({{"wait", {{"item", item}}}}); }
  void look(const std::string& name) {
    add({{"describe", file(name + ".json")}});
    add({{"capture", file(name + ".png")}});
  }
  json lab(const std::string& name) const { return read(name + ".json").at("lab"); }

  // Starts the probes; all of them take much longer than a few frames of the window.
  void start(const json& probes = nullptr) {
    add({{"wait", "frame"}});
    click("screen/Probe");
    if (!probes.is_null()) {
      add({{"set", {{"lab_probes", probes}}}});
    }
    add({{"wait", "idle"}});
    click("probe/lab/run");
  }

  static std::vector<std::string> small(const std::string& scene) {
    return {scene, "--size", "32x32", "--input-views", "2", "--model", "nvs-v6"};
  }

  // Whether a process has this test's folder among its arguments.
  bool something_runs() const {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
      if (read_bytes(entry.path() / "cmdline").find(file("out")) != std::string::npos) {
        return true;
      }
    }
    return false;
  }

  json steps_ = json::array();
};

TEST_F(ViewerLab, RunsToItsPageAndGoesOnFromThere) {
  // A name that a shell or an option parser would stumble over.
  const std::string scene = "-a 'scene\" of $HOME";
  fs::copy(kScene, folder() / scene, fs::copy_options::recursive);
  add({{"open", scene}});
  start({"query-is-key"});
  look("running");
  wait_for("probe/lab/page");
  add({{"wait", "idle"}});
  look("done");
  // Another probe, by the list.
  click("probe/lab/probes");
  click("probe/lab/probes/query-is-key");
  click("probe/lab/probes/ascent");
  add({{"key", "esc"}});
  add({{"wait", "idle"}});
  click("probe/lab/run");
  add({{"wait", "idle"}});
  look("both");
  const std::vector<std::string> arguments = small("");
  ASSERT_EQ(run_script(steps_, {arguments.begin() + 1, arguments.end()}).exit_code, 0);
  EXPECT_TRUE(lab("running").at("run").at("running").get<bool>());
  const json done = lab("done");
  EXPECT_FALSE(done.at("run").at("running").get<bool>());
  EXPECT_EQ(done.at("run").at("errors"), json::array());
  EXPECT_EQ(done.at("command").at(1), "./" + scene);
  const std::string page = done.at("page");
  EXPECT_EQ(page, file("out") + "/lab/a__scene__of__HOME-nvs-v6/lab.html");
  EXPECT_THAT(read_bytes(page), HasSubstr("hardly changes the output"));
  EXPECT_EQ(done.at("seconds").size(), 1U);
  EXPECT_THAT(done.at("findings").at(0).at("claim").get<std::string>(),
              HasSubstr("hardly changes the output"));
  EXPECT_TRUE(read("done.json").at("items").contains("probe/lab/finding/0"));
  const json both = lab("both");
  EXPECT_EQ(both.at("probes"), json::array({"ascent"}));
  EXPECT_EQ(both.at("page"), page);
  EXPECT_EQ(both.at("seconds").size(), 2U);
  EXPECT_GT(both.at("findings").size(), done.at("findings").size());
  EXPECT_FALSE(something_runs());
}

TEST_F(ViewerLab, CancelEndsTheChild) {
  start();
  wait_for("probe/lab/work");
  look("running");
  click("probe/lab/cancel");
  add({{"wait", "idle"}});
  look("stopped");
  ASSERT_EQ(run_script(steps_, small(kScene)).exit_code, 0);
  const json running = lab("running").at("run");
  EXPECT_FALSE(running.at("probe").get<std::string>().empty());
  EXPECT_THAT(running.at("work").get<std::string>(), HasSubstr(" of 8: "));
  const json run = lab("stopped").at("run");
  EXPECT_TRUE(run.at("stopped").get<bool>());
  EXPECT_FALSE(run.at("running").get<bool>());
  EXPECT_EQ(run.at("errors"), json::array());
  EXPECT_TRUE(read("stopped.json").at("items").contains("probe/lab/stopped"));
  EXPECT_TRUE(read("stopped.json").at("items").contains("probe/lab/run"));
  EXPECT_FALSE(something_runs());
}

TEST_F(ViewerLab, AFailingRunShowsItsSentence) {
  fs::create_directories(folder() / "out");
  scratch_.write("out/lab", "a file where the folder should be");
  start({"query-is-key"});
  wait_for("probe/lab/error");
  look("failed");
  ASSERT_EQ(run_script(steps_, small(kScene)).exit_code, 0);
  const json errors = lab("failed").at("run").at("errors");
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_THAT(errors.at(0).get<std::string>(), HasSubstr("the folder could not be made"));
  EXPECT_THAT(errors.at(0).get<std::string>(), HasSubstr(file("out/lab")));
  EXPECT_EQ(lab("failed").at("page"), "");
}

TEST_F(ViewerLab, EndsWithTheWindow) {
  start();
  wait_for("probe/lab/work");
  add({{"quit", true}});
  ASSERT_EQ(run_script(steps_, small(kScene)).exit_code, 0);
  EXPECT_FALSE(something_runs());

  steps_.back() = {{"describe", file("running.json")}};
  wait_for("an item that never comes");
  scratch_.write("script.json", steps_.dump());
  std::vector<std::string> arguments = small(kScene);
  arguments.insert(arguments.begin(), "view");
  arguments.insert(arguments.end(), {"--script", file("script.json"), "-o", file("out")});
  RunningProgram program(arguments, options());
  ASSERT_TRUE(wait_until([&] { return program.has_ended() || fs::exists(file("running.json")); }));
  EXPECT_TRUE(something_runs());
  program.send(SIGTERM);
  EXPECT_EQ(program.wait().exit_code, 128 + SIGTERM);
  EXPECT_TRUE(wait_until([&] { return !something_runs(); }));
}

}  // namespace
}  // namespace parallax::testing
