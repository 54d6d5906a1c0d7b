// Manners of the command line: names that were misspelt, help, versions, models' names, folders of
// results, and what results say of their origin.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>

#include "apps/shell/usage.h"
#include "core/base/error.h"
#include "core/base/progress.h"
#include "core/image/image.h"
#include "tests/support/program.h"
#include "tests/support/scene_fixture.h"
#include "tests/support/scratch_folder.h"
#include "vision/models/model_files.h"
#include "vision/scene/image_size.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;

using nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

using Arguments = std::vector<std::string>;

const fs::path kAssetsFolder = fs::path(PARALLAX_SOURCE_DIR) / "assets";
const std::string kSceneA = (kAssetsFolder / "scenes" / "procedural_a").string();
const std::string kSceneB = (kAssetsFolder / "scenes" / "procedural_b").string();

fs::path bundled(const std::string& name) {
  return kAssetsFolder / "models" / (name + ".safetensors");
}

// One form and no video, so that the runs are quick.
Arguments quick_render(const Arguments& more) {
  Arguments arguments = {"render", "--turntable", "0", "--form", "parallel"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

json read_json(const fs::path& path) { return json::parse(read_bytes(path)); }

TEST(CommandLine, SaysWhichNameWasProbablyMeant) {
  const std::vector<std::pair<Arguments, std::string>> cases = {
      {{"rendr", kSceneA}, "parallax: there is no command 'rendr'; did you mean 'render'?"},
      {{"classfiy"}, "did you mean 'classify'?"},
      {{"comp"}, "did you mean 'comp"},
      {{"train", "nsv"}, "parallax: train: there is no command 'nsv'; did you mean 'nvs'?"},
      {{"render", kSceneA, "--siez", "64"},
       "parallax: render: there is no option --siez; did you "
       "mean '--size'?"},
      {{"render", "--siez=64", kSceneA}, "did you mean '--size'?"},
      {{"render", kSceneA, "4", "--input-view", "4"}, "did you mean '--input-views'?"},
      {{"train", "nvs", "--evalute-every", "5"}, "did you mean '--evaluate-every'?"},
      {{"help", "rendr"}, "did you mean 'render'?"}};
  for (const auto& [arguments, words] : cases) {
    const ProgramResult result = run_program(arguments);
    EXPECT_EQ(result.exit_code, 2) << words;
    EXPECT_THAT(result.err, HasSubstr(words));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_EQ(result.out, "");
  }
  EXPECT_THAT(run_program({"xyzzy"}).err, Not(HasSubstr("did you mean")));
  EXPECT_THAT(run_program({"render", kSceneA, "-x"}).err, HasSubstr("there is no option -x"));
}

TEST(CommandLine, NearestNames) {
  const std::vector<std::string> names = {"render", "compare", "completion", "view", "info"};
  EXPECT_EQ(nearest_name("redner", names), "render");  // neighbours swapped: one mistake
  EXPECT_EQ(nearest_name("compar", names), "compare");
  EXPECT_EQ(nearest_name("inof", names), "info");
  EXPECT_EQ(nearest_name("viewer", names), "view");
  EXPECT_EQ(nearest_name("x", names), "");
  EXPECT_EQ(nearest_name("", names), "");
  EXPECT_EQ(nearest_name("benchmarking", names), "");
}

TEST(CommandLine, ErrorsHaveOneStyle) {
  const std::vector<std::pair<Arguments, std::string>> cases = {
      {{"render"}, "parallax: render: SCENE is required"},
      {{"render", kSceneA, "--threads", "5000"},
       "parallax: render: --threads: the value is not usable (expected a whole number from 0 to "
       "1024, got '5000')"},
      {{"render", kSceneA, "--threads", "many"},
       "(expected a whole number from 0 to 1024, got "
       "'many')"},
      {{"render", kSceneA, "--threads", "1.5"}, "got '1.5'"},
      {{"train", "nvs", "--ema", "2"}, "(expected a number from 0 to 1, got '2')"},
      {{"render", kSceneA, "--size"}, "--size: a value is missing"},
      {{"render", kSceneA, "--size", "wide"}, "parallax: --size: "},
      {{"variants", "9"}, "parallax: there is no variant '9'"}};
  for (const auto& [arguments, words] : cases) {
    const ProgramResult result = run_program(arguments);
    EXPECT_EQ(result.exit_code, 2) << words;
    EXPECT_THAT(result.err, StartsWith("parallax: "));
    EXPECT_THAT(result.err, HasSubstr(words));
  }
}

TEST(CommandLine, HelpIsWhereOneLooksForIt) {
  const std::string help = run_program({"--help"}).out;
  EXPECT_THAT(help, HasSubstr("Subcommands:"));
  const ProgramResult alone = run_program({});
  EXPECT_EQ(alone.exit_code, 2);
  EXPECT_EQ(alone.err, help);
  EXPECT_EQ(run_program({"help"}).out, help);
  EXPECT_EQ(run_program({"train"}).err, run_program({"train", "--help"}).out);
  const std::string train = run_program({"train", "nvs", "--help"}).out;
  EXPECT_EQ(run_program({"help", "train", "nvs"}).out, train);
  for (const char* words : {"Steps and optimiser:", "General:", "[2000; with --scene: 1500]"}) {
    EXPECT_THAT(train, HasSubstr(words));
  }
  EXPECT_THAT(train, Not(HasSubstr("INT:")));
  EXPECT_THAT(train, Not(HasSubstr("00000]")));  // 0.002, not 0.002000
}

TEST(CommandLine, VersionsSayWhatTheProgramWasBuiltFrom) {
  const ProgramResult version = run_program({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  for (const char* words : {"parallax ", "commit ", "LibTorch ", "kernels ", "CUDA: "}) {
    EXPECT_THAT(version.out, HasSubstr(words));
  }
  EXPECT_EQ(run_program({"-V"}).out, version.out);
  EXPECT_EQ(run_program({"version"}).out, version.out);
}

TEST(CommandLine, VariantsAreExplainedEachForItself) {
  const ProgramResult text = run_program({"variants", "4"});
  ASSERT_EQ(text.exit_code, 0) << text.err;
  for (const char* words : {"only the last layer W1 is updated",
                            "no weight normalisation",
                            "no per-token learning rate",
                            "o = q (W1 + ",
                            "25.70 dB"}) {
    EXPECT_THAT(text.out, HasSubstr(words));
  }
  const ProgramResult later = run_program({"variants", "gated-delta"});
  ASSERT_EQ(later.exit_code, 0) << later.err;
  for (const char* words : {"multiplied by a gate",
                            "o = q (W1 + Σ kᵀ v̂) with v̂ = η (v − f(k))",
                            "times the later decays",
                            "ViT³ makes one update per image",
                            "arXiv 2412.06464"}) {
    EXPECT_THAT(later.out, HasSubstr(words));
  }
  const ProgramResult all = run_program({"variants", "--json", "-"});
  ASSERT_EQ(all.exit_code, 0) << all.err;
  std::map<std::string, bool> parallel;
  const json table = json::parse(all.out);
  for (const json& row : table.at("variants")) {
    parallel[row.at("name")] = row.at("parallel_over_several_ranges");
    EXPECT_EQ(row.at("why_no_parallel_form").is_null(), row.at("parallel_over_several_ranges"));
  }
  // The table of docs/dev/spec.md, section 4.
  for (const char* name : {"2", "3", "4", "5", "6", "gated-full", "delta"}) {
    EXPECT_TRUE(parallel.at(name)) << name;
  }
  for (const char* name : {"0", "1", "mse"}) {
    EXPECT_FALSE(parallel.at(name)) << name;
  }
  EXPECT_TRUE(parallel.contains("mixed-inputs"));  // ViT³'s own
}

TEST(CommandLine, OnesOwnModelsAreListedApart) {
  const ScratchFolder scratch;
  const fs::path own = scratch.path() / "parallax" / "models" / "mine.safetensors";
  fs::create_directories(own.parent_path());
  fs::copy_file(bundled("nvs-v6"), own);
  const ProgramOptions options{.environment = {{"XDG_DATA_HOME", scratch.path().string()}}};
  const std::string text = run_program_with({"info"}, options).out;
  EXPECT_GT(text.find("  mine: "), text.find("yours, in"));
  EXPECT_LT(text.find("  nvs-v6: "), text.find("yours, in"));
  const ProgramResult result = run_program_with({"info", "--json", "-"}, options);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::vector<std::string> users;
  const json listing = json::parse(result.out);
  for (const json& model : listing.at("models")) {
    if (!model.at("bundled").get<bool>()) {
      users.push_back(model.at("name"));
    }
  }
  EXPECT_THAT(users, ElementsAre("mine"));
}

TEST(ModelNames, ModelsOfARunGetDistinctNames) {
  const ScratchFolder scratch;
  const auto run = [&](const std::string& name) {
    fs::create_directories(scratch.path() / name);
    return scratch.write(name + "/model.safetensors", "x").string();
  };
  const std::string a = run("adapt");
  const std::string b = run("lr=0.1");
  const std::string c = run("other/adapt");
  const auto names = [](const Arguments& words) {
    Arguments all;
    for (const std::string& word : with_distinct_names(words)) {
      const ModelWord model = parse_model_word(word);
      all.push_back(model_name(model, find_model_file(model.where, [] { return Arguments(); })));
    }
    return all;
  };
  EXPECT_THAT(names({a}), ElementsAre("model"));
  EXPECT_THAT(names({a, b}), ElementsAre("adapt", "lr=0.1"));
  EXPECT_THAT(names({fs::path(a).parent_path().string() + "/", b}), ElementsAre("adapt", "model"));
  EXPECT_THAT(names({"mine=" + a, b}), ElementsAre("mine", "model"));
  EXPECT_THAT(names({"mine=" + b, "nvs"}), ElementsAre("mine", "nvs"));
  EXPECT_THAT(names({"mine=nvs", "nvs"}), ElementsAre("mine", "nvs"));
  EXPECT_THAT(names({a, a}), ElementsAre("model", "model (2)"));
  const Arguments alike = names({a, c});
  EXPECT_NE(alike[0], alike[1]);
  EXPECT_THAT(alike[1], HasSubstr("adapt"));
  EXPECT_THROW(with_distinct_names({"mine=" + a, "mine=" + b}), UsageError);
  EXPECT_THAT(names({a + "#ema", a + "#model"}), ElementsAre("model (ema)", "model (model)"));
  EXPECT_THAT(names({"mine=" + a + "#ema", a}), ElementsAre("mine", "model"));
  EXPECT_THAT(names({a + "#ema", b + "#ema"}), ElementsAre("adapt (ema)", "lr=0.1 (ema)"));
  const ModelWord averaged = parse_model_word("x=" + b + "#ema.module");
  EXPECT_EQ(averaged.where, b);
  EXPECT_EQ(averaged.key, "ema.module");
  const std::string numbered = scratch.write("run #3.pt", "x").string();
  EXPECT_EQ(parse_model_word(numbered).where, numbered);
  EXPECT_EQ(parse_model_word(numbered + "#ema").where, numbered);
  EXPECT_EQ(parse_model_word(b + "#").where, b + "#");
}

TEST(ModelNames, TwoRunsAreComparedUnderTheNamesOfTheirFolders) {
  const ScratchFolder scratch;
  Arguments arguments = {"compare", kSceneA, "--input-views", "2", "--target-views", "1"};
  arguments.insert(arguments.end(), {"--repeats", "1", "-o", (scratch.path() / "out").string()});
  arguments.emplace_back("--model");
  for (const char* name : {"first", "second"}) {
    fs::create_directories(scratch.path() / name);
    fs::copy_file(bundled("nvs-v6"), scratch.path() / name / "model.safetensors");
    arguments.push_back((scratch.path() / name / "model.safetensors").string());
  }
  const ProgramResult result = run_program(arguments);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("first"));
  EXPECT_THAT(result.out, HasSubstr("second"));
}

// The camera of a view of an opencv_cameras.json, as camera paths have it: its pose is the inverse
// of a rigid motion.
json path_camera(const json& view) {
  cv::Matx44d w2c;
  for (int row = 0; row < 4; ++row) {
    for (int column = 0; column < 4; ++column) {
      w2c(row, column) = view.at("w2c").at(row).at(column);
    }
  }
  const cv::Matx44d c2w = w2c.inv(cv::DECOMP_LU);
  json rows = json::array();
  for (int row = 0; row < 4; ++row) {
    rows.push_back({c2w(row, 0), c2w(row, 1), c2w(row, 2), c2w(row, 3)});
  }
  rows[3] = {0, 0, 0, 1};
  json camera = {{"c2w", rows}};
  for (const char* field : {"h", "w", "fx", "fy", "cx", "cy"}) {
    camera[field] = view.at(field);
  }
  return camera;
}

TEST(Render, ACameraPathPassesThroughItsKeyframes) {
  const ScratchFolder scratch;
  const json views = read_json(fs::path(kSceneA) / "opencv_cameras.json");
  const fs::path path =
      scratch.write("path.json",
                    json({{"frames", 3},
                          {"frames_per_second", 10},
                          {"keyframes", {path_camera(views[5]), path_camera(views[6])}}})
                        .dump());
  const fs::path out = scratch.path() / "out";
  const ProgramResult result = run_program(quick_render({kSceneA,
                                                         "--input-views",
                                                         "0,1,2",
                                                         "--target-views",
                                                         "5,6",
                                                         "--path",
                                                         path.string(),
                                                         "-o",
                                                         out.string()}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto same = [&](const char* frame, const char* view) {
    return cv::norm(
        read_image(out / "path_parallel" / frame), read_image(out / "views" / view), cv::NORM_INF);
  };
  EXPECT_LE(same("0000.png", "0005_parallel.png"), 1);
  EXPECT_LE(same("0002.png", "0006_parallel.png"), 1);
  EXPECT_GT(same("0001.png", "0005_parallel.png"), 1);
  const json forms = read_json(out / "summary.json").at("forms");
  EXPECT_TRUE(fs::exists(out / forms.at("parallel").at("path")));

  const fs::path broken = scratch.write("broken.json", R"({"frames": 3})");
  const fs::path nothing = scratch.path() / "nothing";
  EXPECT_EQ(run_program(quick_render({kSceneA, "--path", broken.string(), "-o", nothing.string()}))
                .exit_code,
            1);
  EXPECT_FALSE(fs::exists(nothing));
}

TEST(Render, SeveralScenesGetFoldersOfTheirOwn) {
  const ScratchFolder scratch;
  const fs::path out = scratch.path() / "out";
  const ProgramResult result = run_program(quick_render({kSceneA,
                                                         "/nonexistent",
                                                         kSceneB,
                                                         "--target-views",
                                                         "1",
                                                         "-o",
                                                         out.string(),
                                                         "--json",
                                                         "-"}));
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr("/nonexistent"));
  EXPECT_EQ(json::parse(result.out).size(), 2);
  for (const char* scene : {"procedural_a", "procedural_b"}) {
    EXPECT_EQ(read_json(out / scene / "summary.json").at("scene").at("name"), scene);
  }
}

TEST(Render, ANewRunLeavesNothingOfTheOneBefore) {
  const ScratchFolder scratch;
  const fs::path out = scratch.path() / "out";
  const auto render = [&](const char* views) {
    return run_program(
        quick_render({kSceneA, "--target-views", views, "-o", out.string(), "--size", "32"}));
  };
  ASSERT_EQ(render("6").exit_code, 0);
  fs::create_directories(out / "my notes");
  const ProgramResult second = render("2");
  ASSERT_EQ(second.exit_code, 0) << second.err;
  EXPECT_THAT(second.err, HasSubstr("moved to"));
  const auto count = [](const fs::path& folder) {
    return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
  };
  EXPECT_EQ(count(out / "views"), 2 * 2);  // truth and render
  EXPECT_EQ(count(out / "previous" / "views"), 2 * 6);
  EXPECT_TRUE(fs::exists(out / "my notes"));
  ASSERT_EQ(render("1").exit_code, 0);
  EXPECT_EQ(count(out / "previous" / "views"), 2 * 6);  // stays
  EXPECT_EQ(count(out / "previous-2" / "views"), 2 * 2);

  // A square by one number, and what the result says of itself.
  const json summary = read_json(out / "summary.json");
  EXPECT_EQ(summary.at("scene").at("height"), 32);
  EXPECT_EQ(summary.at("scene").at("width"), 32);
  for (const char* field : {"version", "commit", "command", "date", "machine"}) {
    EXPECT_NE(summary.at("provenance").at(field).get<std::string>(), "") << field;
  }
  EXPECT_THAT(summary.at("provenance").at("command").get<std::string>(),
              HasSubstr("--target-views 1"));
}

TEST(Render, SaysThatThereIsNothingToMeasure) {
  const ScratchFolder scratch;
  const ProgramResult result = run_program(quick_render(
      {kSceneA, "--input-views", "32", "--size", "16", "-o", scratch.path().string()}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("there is nothing to measure"));
  EXPECT_THAT(result.err, Not(HasSubstr("held-out views, ")));
}

TEST(CommandLine, PathsThatDoNotExistFailBeforeAnythingIsWritten) {
  const ScratchFolder scratch;
  const std::string out = (scratch.path() / "out").string();
  const std::vector<Arguments> cases = {
      {"classify", "nothere", "-o", out},
      {"classify", kSceneA, "nothere", "-o", out},
      {"scenes", out, "--mesh", "nothere.glb"},
      {"view", "nothere"},
      {"render", "nothere", "-o", out},
      {"compare", "nothere", "--model", "nvs-v0", "-o", out},
      {"train", "nvs", "--scene", "nothere", "-o", out},
      {"train", "classify", "--data", "nothere", "--validation", "nothere", "-o", out}};
  for (const Arguments& arguments : cases) {
    const ProgramResult result = run_program(arguments);
    EXPECT_THAT(result.exit_code, ::testing::AnyOf(1, 2)) << arguments[0];
    EXPECT_THAT(result.err, HasSubstr("nothere"));
    EXPECT_FALSE(fs::exists(out)) << arguments[0];
  }
}

TEST(CommandLine, ScenesOfTwoRunsDoNotMix) {
  const ScratchFolder scratch;
  const Arguments arguments = {"scenes", scratch.path().string(), "--views", "2", "--size", "8"};
  ASSERT_EQ(run_program(arguments).exit_code, 0);
  const ProgramResult again = run_program(arguments);
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_THAT(again.err, HasSubstr("holds scenes already"));
}

TEST(CommandLine, SizesAreWidthByHeight) {
  EXPECT_EQ(parse_image_size("64x48", "--size").width, 64);
  EXPECT_EQ(parse_image_size("64x48", "--size").height, 48);
  EXPECT_EQ(parse_image_size("64", "--size").height, 64);
  EXPECT_EQ(size_text(64, 48), "64x48");
  for (const char* wrong : {"", "x", "64x", "x64", "64x48x3", "0", "-4", "99999", "1.5", "64 48"}) {
    EXPECT_THROW(parse_image_size(wrong, "--size"), UsageError) << wrong;
  }
}

TEST(Progress, TimeLeftMindsTheTimeAllowed) {
  EXPECT_DOUBLE_EQ(seconds_left(10, 100, 20, 0), 180);
  EXPECT_DOUBLE_EQ(seconds_left(10, 100, 20, 60), 40);
  EXPECT_DOUBLE_EQ(seconds_left(90, 100, 20, 60), 20.0 / 9);
  EXPECT_DOUBLE_EQ(seconds_left(10, 100, 70, 60), 0);
}

}  // namespace
}  // namespace parallax::testing
