// The laboratory behind the Probe screen without a window: its command line, its folder, what it
// makes of the child's words, and pages handed to the desktop.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <imgui.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "apps/viewer/laboratory/lab_command.h"
#include "apps/viewer/laboratory/lab_state_json.h"
#include "apps/viewer/laboratory/laboratory.h"
#include "apps/viewer/script.h"
#include "apps/viewer/ui.h"
#include "core/base/error.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/wait_until.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using view::ViewState;

class ViewerLaboratory : public ::testing::Test {
 protected:
  ViewerLaboratory() {
    state_.screen = view::Screen::kProbe;
    state_.output = scratch_.path().string();
    state_.probe.model = "nvs-v2";
    state_.lab.probes = list_lab_probes();
    open("assets/a scene", 4);
  }

  void open(const std::string& path, int views) {
    view::OpenedScene scene{.id = 1, .path = path, .name = fs::path(path).filename().string()};
    scene.views.resize(static_cast<size_t>(views));
    scene.inputs = {2, 0};
    view::apply_event(state_, scene);
  }

  std::vector<std::string> words() const {
    LabOptions options = shown_lab_options(state_).value();
    options.output = "out";
    return lab_words(options);
  }

  // A program that is run in place of `parallax`.
  std::string program(const std::string& script) const {
    const fs::path file = scratch_.write("program", "#!/bin/sh\n" + script);
    ::chmod(file.c_str(), 0755);
    return file.string();
  }

  // Runs it until it has ended.
  void run(Laboratory& laboratory) {
    laboratory.update(state_);
    laboratory.carry_out(state_, view::RunLabCommand{});
    finish(laboratory);
  }

  void finish(Laboratory& laboratory) {
    EXPECT_TRUE(testing::wait_until([&] {
      laboratory.update(state_);
      return !laboratory.is_running();
    }));
  }

  testing::ScratchFolder scratch_;
  ViewState state_;
};

TEST_F(ViewerLaboratory, TheCommandSaysWhatTheWindowShowsAndNoMore) {
  EXPECT_THAT(
      words(),
      ElementsAre("lab", "assets/a scene", "--model", "nvs-v2", "--output", "out", "--resume"));
  state_.open.width = 48;
  state_.open.height = 32;
  state_.open.input_views = "5";
  state_.open.normalise_poses = "object";
  state_.open.background = {255, 0, 16};
  state_.open.image_folder = "-images";
  choose_lab_probes({"streaming", "ascent"}, state_.lab);
  EXPECT_THAT(words(),
              ElementsAre("lab",
                          "assets/a scene",
                          "--model",
                          "nvs-v2",
                          "--probe",
                          "ascent",
                          "streaming",
                          "--size",
                          "48x32",
                          "--input-views",
                          "5",
                          "--normalise-poses",
                          "object",
                          "--background",
                          "#ff0010",
                          "--image-folder",
                          "./-images",
                          "--output",
                          "out",
                          "--resume"));
  EXPECT_THROW(choose_lab_probes({"telepathy"}, state_.lab), Error);
}

TEST_F(ViewerLaboratory, ViewsThatWereSwitchedAreNamed) {
  state_.reads = {1, 0, 1, 1};
  EXPECT_THAT(words(), ::testing::Contains("2,0,3"));
  state_.reads = {1, 0, 0, 0};
  EXPECT_THAT(words(), ::testing::Contains("0,"));
  state_.reads = {0, 0, 0, 0};
  EXPECT_FALSE(shown_lab_options(state_).has_value());
}

TEST_F(ViewerLaboratory, PathsWithADashInFrontArePaths) {
  open("-x/scene", 3);
  state_.probe.model = "-m.safetensors";
  state_.output = "-out";
  EXPECT_EQ(words()[1], "./-x/scene");
  EXPECT_EQ(words()[3], "./-m.safetensors");
  EXPECT_EQ(find_lab_folder(state_, shown_lab_options(state_).value()),
            "./-out/lab/scene-m.safetensors");
}

TEST_F(ViewerLaboratory, AFolderIsOfOneScene) {
  const auto folder = [&] { return find_lab_folder(state_, shown_lab_options(state_).value()); };
  const std::string first = state_.output + "/lab/a_scene-nvs-v2";
  EXPECT_EQ(folder(), first);
  // Results of unknown origin are left alone.
  fs::create_directories(first);
  std::ofstream(first + "/results.jsonl") << "{}\n";
  EXPECT_EQ(folder(), first + "-2");
  state_.probe.model = "runs/../" + std::string(300, 'm');
  EXPECT_LT(fs::path(folder()).filename().string().size(), 150U);
  EXPECT_EQ(fs::path(folder()).parent_path(), state_.output + "/lab");
}

TEST_F(ViewerLaboratory, LinesBecomeProgress) {
  view::LabRun run;
  read_lab_line(run, "lab: 1 models, 8 runs of probes, 2 are there already");
  EXPECT_EQ(run.work, "1 models, 8 runs of probes, 2 are there already");
  EXPECT_EQ(run.probe, "");
  read_lab_line(run, "lab: my, (odd) model, more-steps (3 of 8): 7 evaluations, about 12 s");
  EXPECT_EQ(run.probe, "more-steps");
  EXPECT_EQ(run.work, "3 of 8: 7 evaluations, about 12 s");
  EXPECT_EQ(run.share, 0.25);
  read_lab_line(run, "more-steps: 3/7, 2.1/s, 2 s left");
  EXPECT_EQ(run.progress, "3/7, 2.1/s, 2 s left");
  EXPECT_DOUBLE_EQ(run.share, (2 + 3.0 / 7) / 8);
  read_lab_line(run, "parallax: nvs-v2: it is cut off");
  EXPECT_THAT(run.errors, ElementsAre("nvs-v2: it is cut off"));
  read_lab_line(run, "lab: nvs-v2, ascent (4 of 8): 2 evaluations, about 1 s");
  EXPECT_EQ(run.progress, "");
}

TEST_F(ViewerLaboratory, EveryEndHasItsSentence) {
  for (const auto& [script, said] :
       {std::pair{"echo 'parallax: there is no such scene' >&2; exit 2", "there is no such scene"},
        {"echo 'one word'; exit 9", "ended with 9: one word"},
        {"kill -9 $$", "as when memory is full"}}) {
    Laboratory laboratory([] {}, program(script));
    run(laboratory);
    ASSERT_EQ(state_.lab.run.errors.size(), 1U) << script;
    EXPECT_THAT(state_.lab.run.errors[0], HasSubstr(said));
    EXPECT_TRUE(state_.messages.back().is_error);
    EXPECT_FALSE(state_.lab.run.is_running);
  }
  Laboratory missing([] {}, "/no/such/program");
  run(missing);
  ASSERT_EQ(state_.lab.run.errors.size(), 1U);
  Laboratory good([] {}, program("echo \"$2\" > " + state_.output + "/scene"));
  run(good);
  EXPECT_TRUE(state_.lab.run.errors.empty());
  EXPECT_EQ(testing::read_bytes(state_.output + "/scene"), "assets/a scene\n");
  EXPECT_THAT(state_.messages.back().text, HasSubstr("lab/a_scene-nvs-v2/lab.html"));
}

TEST_F(ViewerLaboratory, IsStoppedByTheUserOrByItsOwnEnd) {
  const std::string script = "echo $$ > " + state_.output + "/pid; echo 'lab: begun'; sleep 1000";
  const auto child = [&] { return std::atoi(testing::read_bytes(state_.output + "/pid").c_str()); };
  auto laboratory = std::make_unique<Laboratory>([] {}, program(script));
  const auto begin = [&] {
    laboratory->update(state_);
    laboratory->carry_out(state_, view::RunLabCommand{});
    EXPECT_TRUE(testing::wait_until([&] {
      laboratory->update(state_);
      return state_.lab.run.work == "begun";
    }));
  };
  begin();
  EXPECT_EQ(::kill(child(), 0), 0);
  laboratory->carry_out(state_, view::CancelLabCommand{});
  finish(*laboratory);
  EXPECT_TRUE(state_.lab.run.was_cancelled);
  EXPECT_TRUE(state_.lab.run.errors.empty());
  EXPECT_NE(::kill(child(), 0), 0);
  begin();
  laboratory.reset();
  EXPECT_NE(::kill(child(), 0), 0);
}

TEST_F(ViewerLaboratory, PagesGoToTheDesktopOrToASentence) {
  const std::string path = std::getenv("PATH");
  const fs::path bin = scratch_.path() / "bin";
  fs::create_directories(bin);
  const auto desktop = [&](const std::string& script) {
    std::ofstream(bin / "xdg-open") << "#!/bin/sh\n" << script << "\n";
    ::chmod((bin / "xdg-open").c_str(), 0755);
  };
  Laboratory laboratory([] {});
  const view::OpenPageCommand page{state_.output + "/a page's/lab.html"};
  desktop("printf %s \"$*\" > '" + state_.output + "/opened.part' && mv '" + state_.output +
          "/opened.part' '" + state_.output + "/opened'");
  ::setenv("PATH", (bin.string() + ":" + path).c_str(), 1);
  laboratory.carry_out(state_, page);
  EXPECT_TRUE(testing::wait_until([&] { return fs::exists(state_.output + "/opened"); }));
  EXPECT_EQ(testing::read_bytes(state_.output + "/opened"), page.path);

  desktop("exit 4");
  laboratory.carry_out(state_, page);
  EXPECT_TRUE(testing::wait_until([&] {
    laboratory.update(state_);
    return !state_.lab.page_error.empty();
  }));
  EXPECT_THAT(state_.lab.page_error, HasSubstr("ended with 4"));
  EXPECT_THAT(state_.lab.page_error, HasSubstr(page.path));

  fs::remove(bin / "xdg-open");
  ::setenv("PATH", bin.c_str(), 1);
  laboratory.carry_out(state_, page);
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_THAT(state_.lab.page_error, HasSubstr("there is no xdg-open"));
  EXPECT_THAT(state_.lab.page_error, HasSubstr(page.path));
}

// The panel on ImGui without a window.
class ViewerLabPanel : public ViewerLaboratory {
 protected:
  ViewerLabPanel() {
    ImGui::CreateContext();
    ImGuiIO& io = ImGui::GetIO();
    io.IniFilename = nullptr;
    io.DisplaySize = {1280, 720};
    unsigned char* pixels = nullptr;
    int width = 0;
    int height = 0;
    io.Fonts->GetTexDataAsRGBA32(&pixels, &width, &height);
    ui_.draw_pane = [](int, const PaneDrawing&) { return nullptr; };
    ui_.texture_of = [](const view::ImagePtr&) { return nullptr; };
  }
  ~ViewerLabPanel() override { ImGui::DestroyContext(); }

  void draw(Script* script = nullptr) {
    if (script != nullptr) {
      script->inject(ui_);
    }
    ImGui::NewFrame();
    draw_viewer(state_, ui_);
    ImGui::Render();
  }

  // Clicks the item and gives the commands that came of it.
  std::deque<view::Command> click(const std::string& item) {
    state_.commands.clear();
    draw();
    draw();
    Script script(nlohmann::json::array({{{"click", item}}}));
    while (!script.is_done()) {
      draw(&script);
    }
    return state_.commands;
  }

  Ui ui_;
};

TEST_F(ViewerLabPanel, ButtonsDoWhatTheySay) {
  Laboratory laboratory([] {});
  laboratory.update(state_);
  EXPECT_EQ(click("probe/lab/run").size(), 1U);
  EXPECT_TRUE(std::holds_alternative<view::RunLabCommand>(state_.commands.front()));
  EXPECT_EQ(ui_.items.count("probe/lab/page"), 0U);
  click("probe/lab");
  EXPECT_EQ(std::string(ImGui::GetClipboardText()),
            "parallax lab 'assets/a scene' --model nvs-v2 --output " + state_.output +
                "/lab/a_scene-nvs-v2 --resume");
  state_.lab.folder.page = "out/lab.html";
  EXPECT_EQ(std::get<view::OpenPageCommand>(click("probe/lab/page").front()).path, "out/lab.html");
  click("probe/lab/path");
  EXPECT_EQ(std::string(ImGui::GetClipboardText()), fs::absolute("out/lab.html"));
  state_.lab.run.is_running = true;
  EXPECT_TRUE(std::holds_alternative<view::CancelLabCommand>(click("probe/lab/cancel").front()));
  EXPECT_EQ(ui_.items.count("probe/lab/run"), 0U);
}

TEST_F(ViewerLabPanel, NothingRunsWithoutAProbeOrAView) {
  Laboratory laboratory([] {});
  choose_lab_probes(nlohmann::json::array(), state_.lab);
  laboratory.update(state_);
  EXPECT_TRUE(click("probe/lab/run").empty());
  choose_lab_probes({"ascent"}, state_.lab);
  EXPECT_EQ(click("probe/lab/run").size(), 1U);
  state_.reads = {0, 0, 0, 0};
  laboratory.update(state_);
  EXPECT_TRUE(click("probe/lab/run").empty());
}

}  // namespace
}  // namespace parallax
