// The real program: its output for a real scene, and one clear message with the right exit code for
// every kind of broken input.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/image/image.h"
#include "tests/support/program.h"
#include "tests/support/scene_fixture.h"
#include "tests/support/scratch_folder.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;

const fs::path kAssets = fs::path(PARALLAX_SOURCE_DIR) / "assets";
const std::string kScene = (kAssets / "scenes" / "procedural_a").string();
const std::string kModel = (kAssets / "models" / "nvs-v2.safetensors").string();

int64_t count_lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

TEST(Program, RendersBothFormsOfARealScene) {
  const ScratchFolder scratch;
  const std::string out = (scratch.path() / "out").string();
  const ProgramResult result = run_program({"render",
                                            kScene,
                                            "--input-views",
                                            "4",
                                            "--target-views",
                                            "3",
                                            "--turntable",
                                            "4",
                                            "-o",
                                            out,
                                            "--json",
                                            "-"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json summary = nlohmann::json::parse(result.out);
  EXPECT_EQ(summary, nlohmann::json::parse(read_bytes(fs::path(out) / "summary.json")));
  for (const char* form : {"recurrent", "parallel"}) {
    EXPECT_GT(summary.at("forms").at(form).at("psnr").get<double>(), 18.0);
    EXPECT_TRUE(fs::exists(fs::path(out) / summary.at("forms").at(form).at("turntable")));
  }
  // Equal up to rounding: better than 100 dB.
  EXPECT_LT(summary.at("difference").at("max_absolute").get<double>(), 1e-4);
  const nlohmann::json between = summary.at("difference").at("psnr_between_forms");
  EXPECT_TRUE(between == "inf" || between.get<double>() > 100.0);

  const std::string lines = read_bytes(fs::path(out) / "metrics.jsonl");
  EXPECT_EQ(count_lines(lines), 6);
  std::istringstream stream(lines);
  for (std::string line; std::getline(stream, line);) {
    const nlohmann::json record = nlohmann::json::parse(line);
    const cv::Mat picture = read_image(fs::path(out) / record.at("picture"));
    EXPECT_EQ(picture.rows, 64);
    EXPECT_EQ(picture.cols, 64);
  }
  EXPECT_GT(read_image(fs::path(out) / "contact_sheet.png").cols, 500);
}

TEST(Program, RendersNonSquareSizesAndSaysWhatItCropped) {
  const ScratchFolder scratch;
  const ProgramResult result = run_program({"render",
                                            kScene,
                                            "--size",
                                            "70x42",
                                            "--input-views",
                                            "0,3,9",
                                            "--target-views",
                                            "1,",
                                            "--turntable",
                                            "0",
                                            "--form",
                                            "parallel",
                                            "-o",
                                            scratch.path().string()});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("cropped to 68x40"), std::string::npos) << result.err;
  EXPECT_EQ(read_image(scratch.path() / "views" / "0001_parallel.png").cols, 68);
}

TEST(Program, RunsInBfloat16) {
  const ScratchFolder scratch;
  const ProgramResult result = run_program({"render",
                                            kScene,
                                            "--dtype",
                                            "bfloat16",
                                            "--target-views",
                                            "2",
                                            "--turntable",
                                            "0",
                                            "-o",
                                            scratch.path().string(),
                                            "--json",
                                            "-",
                                            "--quiet"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(result.err.empty()) << result.err;
  EXPECT_GT(nlohmann::json::parse(result.out).at("forms").at("parallel").at("psnr").get<double>(),
            18.0);
}

TEST(Program, ComparesVariantsThatHaveWeights) {
  const ScratchFolder scratch;
  const std::string out = scratch.path().string();
  const ProgramResult result = run_program({"compare",
                                            kScene,
                                            "--input-views",
                                            "4",
                                            "--target-views",
                                            "2",
                                            "--repeats",
                                            "1",
                                            "--model",
                                            "nvs-v0",
                                            "--model",
                                            "nvs-v2",
                                            "-o",
                                            out});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json json = nlohmann::json::parse(read_bytes(scratch.path() / "compare.json"));
  EXPECT_EQ(json.at("scenes").at(0).at("models").size(), 2);
  EXPECT_EQ(count_lines(read_bytes(scratch.path() / "compare.csv")), 5);
  const std::string page = read_bytes(scratch.path() / "compare.html");
  EXPECT_NE(page.find("data:image/png;base64,"), std::string::npos);
  EXPECT_EQ(page.find("src=\"http"), std::string::npos);
}

TEST(Program, NeverShowsAVariantWithAnothersWeights) {
  const ProgramResult result = run_program({"render", kScene, "--model", kModel, "--variant", "1"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("trained as another variant"), std::string::npos) << result.err;
}

TEST(Program, InfoDescribesWhatItIsGiven) {
  const ProgramResult result = run_program({"info", kModel, kScene, kAssets.string()});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("LaCT-NVS model, variant 2"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("32 views"), std::string::npos) << result.out;
  EXPECT_EQ(run_program({"info"}).exit_code, 0);
  EXPECT_EQ(run_program({"info", "nvs", "classify"}).exit_code, 0);
  EXPECT_EQ(run_program({"info", "/nonexistent"}).exit_code, 1);
  EXPECT_EQ(run_program({"info", kModel, "/nonexistent"}).exit_code, 3);
}

// Their extension, .bin, is that of weights, too.
TEST(Program, InfoReadsTheTablesOfAColmapModel) {
  const ScratchFolder scratch;
  const fs::path out = scratch.path() / "converted";
  ASSERT_EQ(
      run_program({"scenes", "convert", kScene, out.string(), "--format", "colmap"}).exit_code, 0);
  const fs::path model = out / "sparse" / "0";
  for (const char* table : {"images.bin", "cameras.bin", "points3D.bin"}) {
    const ProgramResult result = run_program({"info", (model / table).string()});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_NE(result.out.find("colmap scene"), std::string::npos) << result.out;
    EXPECT_NE(result.out.find("32 views"), std::string::npos) << result.out;
  }
  fs::remove(model / "cameras.bin");
  const ProgramResult alone = run_program({"info", (model / "images.bin").string()});
  EXPECT_EQ(alone.exit_code, 1);
  EXPECT_NE(alone.err.find("cameras.bin"), std::string::npos) << alone.err;
}

// A scene to damage: a copy of the bundled one's first views.
class BrokenScene {
 public:
  BrokenScene()
      : json_(nlohmann::json::parse(read_bytes(fs::path(kScene) / "opencv_cameras.json"))) {
    fs::create_directories(scratch_.path() / "renderings");
    json_.erase(json_.begin() + 4, json_.end());
    for (const auto& view : json_) {
      const std::string file = view.at("file_path");
      fs::copy_file(fs::path(kScene) / file, scratch_.path() / file);
    }
  }

  nlohmann::json& json() { return json_; }
  fs::path image(int view) const { return scratch_.path() / json_.at(view).at("file_path"); }

  ProgramResult render(const std::vector<std::string>& more = {},
                       const std::string& input_views = "2") {
    write_text(scratch_.path() / "opencv_cameras.json", json_.dump());
    std::vector<std::string> arguments = {"render",
                                          scratch_.path().string(),
                                          "--input-views",
                                          input_views,
                                          "--turntable",
                                          "0",
                                          "-o",
                                          (scratch_.path() / "out").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }

  const fs::path& folder() const { return scratch_.path(); }

 private:
  ScratchFolder scratch_;
  nlohmann::json json_;
};

// Expects one message that begins with the program's name and contains `words`, and no stack trace.
void expect_sentence(const ProgramResult& result, int exit_code, const std::string& words) {
  EXPECT_EQ(result.exit_code, exit_code) << result.err;
  EXPECT_NE(result.err.find("parallax: "), std::string::npos) << result.err;
  EXPECT_NE(result.err.find(words), std::string::npos) << result.err << "\nlacks: " << words;
  EXPECT_EQ(result.err.find("frame #"), std::string::npos) << result.err;
  EXPECT_LE(count_lines(result.err), 2) << result.err;
}

TEST(Program, SoundCopyOfASceneRenders) {
  BrokenScene scene;
  EXPECT_EQ(scene.render().exit_code, 0);
}

TEST(Program, BrokenScenesEndInOneSentence) {
  const auto broken = [](const std::function<void(BrokenScene&)>& damage,
                         const std::string& words) {
    BrokenScene scene;
    damage(scene);
    expect_sentence(scene.render(), 1, words);
  };
  broken(
      [](BrokenScene& s) {
        for (int view = 0; view < 4; ++view) {
          fs::resize_file(s.image(view), 900);
        }
      },
      "_rgba.png");
  broken([](BrokenScene& s) { s.json() = nlohmann::json::array(); }, "no views");
  broken([](BrokenScene& s) { s.json() = {{"frames", 3}}; }, "opencv_cameras.json");
  broken(
      [](BrokenScene& s) {
        for (auto& view : s.json()) {
          view.erase("cx");
        }
      },
      "cx");
}

TEST(Program, OneBrokenViewLeavesTheOthersWithANote) {
  const auto broken = [](const std::function<void(BrokenScene&)>& damage,
                         const std::string& words) {
    BrokenScene scene;
    damage(scene);
    const ProgramResult result = scene.render({"--form", "parallel"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_NE(result.err.find("1 of 4 views is left out"), std::string::npos) << result.err;
    EXPECT_NE(result.err.find(words), std::string::npos) << result.err << "\nlacks: " << words;
  };
  for (int view = 0; view < 4; ++view) {  // whether it is read or rendered
    const std::string name = "0000000" + std::to_string(view) + "_rgba.png";
    broken([&](BrokenScene& s) { fs::resize_file(s.image(view), 900); }, name);
    broken([&](BrokenScene& s) { write_text(s.image(view), "not an image"); }, name);
  }
  broken([](BrokenScene& s) { fs::remove(s.image(1)); }, "00000001_rgba.png");
  broken([](BrokenScene& s) { s.json()[2]["w2c"][0][0] = nullptr; }, "view 2");
  broken([](BrokenScene& s) { s.json()[3]["fx"] = 0.0; }, "fx");
  broken([](BrokenScene& s) { s.json()[3]["fy"] = "wide"; }, "fy");
  broken([](BrokenScene& s) { s.json()[0].erase("cx"); }, "cx");
  broken([](BrokenScene& s) { s.json()[1]["w"] = 4000000000LL; }, "view 1");
  broken([](BrokenScene& s) { s.json()[1]["w2c"] = s.json()[1]["w2c"][0]; }, "view 1");
  broken(
      [](BrokenScene& s) {
        for (auto& row : s.json()[1]["w2c"]) {
          row = {0.0, 0.0, 0.0, 0.0};
        }
      },
      "view 1");
}

TEST(Program, AViewAskedForByItsIndexIsNotReplaced) {
  BrokenScene scene;
  write_text(scene.image(2), "not an image");
  expect_sentence(scene.render({}, "0,2"), 1, "view 2");
  EXPECT_EQ(scene.render({"--target-views", "3,"}, "0,1").exit_code, 0);
}

TEST(Program, WhereNoViewIsHeldOutNothingIsMeasured) {
  BrokenScene scene;
  const ProgramResult result = scene.render({"--form", "parallel"}, "4");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out.find("0.00"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("-  "), std::string::npos) << result.out;
  const auto form = nlohmann::json::parse(read_bytes(scene.folder() / "out" / "summary.json"))
                        .at("forms")
                        .at("parallel");
  for (const char* field :
       {"psnr", "ssim", "masked_psnr", "pooled_psnr", "render_seconds_per_view"}) {
    EXPECT_TRUE(form.at(field).is_null()) << field;
  }
}

// As photographs of old cameras and archives have it: a name in Latin-1.
TEST(Program, NamesThatAreNoUtf8AreEscapedInJson) {
  const ScratchFolder scratch;
  const fs::path folder = scratch.path() /
                          "stra\xdf"
                          "e";
  fs::create_directories(folder);
  BrokenScene scene;
  scene.render();
  for (const auto& entry : fs::directory_iterator(scene.folder())) {
    fs::copy(entry.path(), folder / entry.path().filename(), fs::copy_options::recursive);
  }
  const fs::path out = scratch.path() / "out";
  const ProgramResult result = run_program(
      {"render", folder.string(), "--input-views", "2", "--turntable", "0", "-o", out.string()});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto summary = nlohmann::json::parse(read_bytes(out / "summary.json"));
  EXPECT_EQ(summary.at("scene").at("name"), "stra\\xDFe");
}

TEST(Program, BrokenArgumentsEndInOneSentence) {
  const auto wrong = [](std::vector<std::string> arguments, int code, const std::string& words) {
    arguments.insert(arguments.begin(), {"render", kScene});
    expect_sentence(run_program(arguments), code, words);
  };
  wrong({"--size", "64x"}, 2, "--size");
  wrong({"--size", "3x3"}, 2, "--size");
  wrong({"--size", "99999x64"}, 2, "--size");
  wrong({"--input-views", "0"}, 2, "--input-views");
  wrong({"--input-views", "33"}, 2, "--input-views");
  wrong({"--input-views", "1,99"}, 2, "--input-views");
  wrong({"--input-views", "many"}, 2, "--input-views");
  wrong({"--target-views", "1,x"}, 2, "--target-views");
  wrong({"--form", "sideways"}, 2, "--form");
  wrong({"--variant", "9"}, 2, "variant");
  wrong({"--variant", "mse"}, 1, "variant mse");
  wrong({"--device", "tpu"}, 2, "device");
  wrong({"--dtype", "int4"}, 2, "dtype");
  wrong({"--background", "#12345"}, 2, "--background");
  wrong({"--normalise-poses", "maybe"}, 2, "--normalise-poses");
  wrong({"--model", "no-such-model"}, 2, "no-such-model");
  wrong({"-o", "/proc/nowhere"}, 1, "/proc/nowhere");
  EXPECT_EQ(run_program({"render"}).exit_code, 2);
  EXPECT_EQ(run_program({"dance"}).exit_code, 2);
  EXPECT_EQ(run_program({}).exit_code, 2);
  EXPECT_EQ(run_program({"render", kScene, "--turntable", "-1"}).exit_code, 2);
  EXPECT_EQ(run_program({"render", "/nonexistent"}).exit_code, 1);
  EXPECT_EQ(run_program({"--help"}).exit_code, 0);
  EXPECT_EQ(run_program({"render", "--help"}).exit_code, 0);
}

// A safetensors file's bytes without its metadata, and the model card that the metadata held.
std::pair<std::string, std::string> take_card_out(const std::string& bytes) {
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof(length));
  nlohmann::json header = nlohmann::json::parse(bytes.substr(sizeof(length), length));
  const std::string card = header.at("__metadata__").at("parallax");
  header.erase("__metadata__");
  const std::string text = header.dump();
  const uint64_t shorter = text.size();
  std::string without(sizeof(shorter), '\0');
  std::memcpy(without.data(), &shorter, sizeof(shorter));
  return {without + text + bytes.substr(sizeof(length) + length), card};
}

TEST(Program, BrokenCheckpointsEndInOneSentence) {
  const ScratchFolder scratch;
  const auto [sound, card] = take_card_out(read_bytes(kModel));
  const auto broken =
      [&](const std::string& content, const std::string& sidecar, const std::string& words) {
        const fs::path path = scratch.path() / "model.safetensors";
        write_text(path, content);
        fs::remove(scratch.path() / "model.json");
        if (!sidecar.empty()) {
          write_text(scratch.path() / "model.json", sidecar);
        }
        expect_sentence(run_program({"render", kScene, "--model", path.string()}), 1, words);
      };
  const auto with = [&, &card = card](
                        const char* section, const char* field, const nlohmann::json& value) {
    nlohmann::json json = nlohmann::json::parse(card);
    (*section == '\0' ? json : json[section])[field] = value;
    return json.dump();
  };
  broken("", card, "model.safetensors");
  broken("hello", card, "model.safetensors");
  broken(sound.substr(0, 5000), card, "model.safetensors");
  broken(sound.substr(0, sound.size() / 2), card, "model.safetensors");
  broken(std::string(8, '\xff') + sound.substr(8), card, "model.safetensors");
  broken(sound, "{", "model card");
  broken(sound, with("config", "layers", 7), "missing");
  broken(sound, with("config", "layers", 5), "surplus");
  broken(sound, with("config", "dim", 2000000000), "dim");
  broken(sound, with("config", "dim", "wide"), "dim");
  broken(sound, with("config", "dim", 65536), "does not fit into memory");
  broken(sound, with("config", "ttt_head_dim", 7), "ttt_head_dim");
  broken(sound, with("config", "inter_multi", 1.0), "wrong shape");
  broken(sound, with("config", "flavour", 1), "flavour");
  broken(sound, with("", "variant", 12), "variant");
  broken(sound, with("", "model", "something_else"), "LaCT-NVS");
  broken(sound, with("", "image_size", "big"), "model card");
}

}  // namespace
}  // namespace parallax::testing
