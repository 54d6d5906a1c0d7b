// `parallax models`: fetching from a server that answers as the Hub does, and finding what is
// there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/net/sha256.h"
#include "tests/support/faults.h"
#include "tests/support/program.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/wait_until.h"
#include "vision/models/lact_nvs/model_store.h"
#include "vision/models/published_models.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::ProgramResult;
using testing::read_bytes;
using testing::RunningProgram;
using testing::ScratchFolder;

constexpr const char* kName = "lact-nvs/obj_res256";
constexpr const char* kCommit = "0123456789abcdef0123456789abcdef01234567";

std::string hash_of(const std::string& bytes) {
  Sha256 hash;
  hash.add(bytes.data(), bytes.size());
  return hash.finish();
}

TEST(Sha256, IsThatOfTheStandard) {
  EXPECT_EQ(hash_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 pieces;
  for (int i = 0; i < 1000; ++i) {
    const std::string piece(1000, 'a');
    pieces.add(piece.data(), 1);
    pieces.add(piece.data(), 999);
  }
  EXPECT_EQ(pieces.finish(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// The server, and a Hub cache of the test's own.
class HubFetch : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(scratch_.path() / "files");
    torch::manual_seed(4);
    const LactNvsOptions options{.dim = 32,
                                 .layers = 1,
                                 .attention_head_dim = 16,
                                 .ttt_head_dim = 32,
                                 .inter_multi = 1,
                                 .mlp_inter_multi = 1};
    const fs::path made = scratch_.path() / "made.safetensors";
    save_nvs_model(made, LactNvs(options), {}, torch::kFloat);
    Checkpoint checkpoint = load_checkpoint(made);
    checkpoint.metadata.clear();  // as the published files, which have no card
    save_safetensors(scratch_.path() / "files" / "obj_res256.pt", checkpoint);
    content_ = read_bytes(scratch_.path() / "files" / "obj_res256.pt");
    server_.emplace(
        std::vector<std::string>{std::string(PARALLAX_SOURCE_DIR) + "/tests/support/hub_server.py",
                                 scratch_.path().string()},
        testing::ProgramOptions{.program = "/usr/bin/python3"});
    ASSERT_TRUE(testing::wait_until(
        [&] { return fs::exists(scratch_.path() / "port") || server_->has_ended(); }));
    std::ifstream(scratch_.path() / "port") >> port_;
    ASSERT_GT(port_, 0) << "the server needs python3";
  }
  void TearDown() override { server_->send(9); }

  void control(const nlohmann::json& json) const { scratch_.write("control.json", json.dump()); }
  std::string address() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::vector<std::pair<std::string, std::string>> environment() const {
    return {{"HF_HOME", (scratch_.path() / "hf").string()},
            {"HF_ENDPOINT", address()},
            {"XDG_DATA_HOME", (scratch_.path() / "data").string()},
            {"HF_TOKEN", ""},
            {"HF_HUB_CACHE", ""},
            {"HUGGINGFACE_HUB_CACHE", ""},
            {"HF_HUB_OFFLINE", ""},
            {"no_proxy", "*"}};
  }
  ProgramResult run(const std::vector<std::string>& arguments,
                    const std::vector<std::pair<std::string, std::string>>& more = {}) const {
    auto all = environment();
    all.insert(all.end(), more.begin(), more.end());
    return testing::run_program_with(arguments,
                                     {.folder = scratch_.path().string(), .environment = all});
  }
  ProgramResult fetch(const std::vector<std::pair<std::string, std::string>>& more = {}) const {
    return run({"models", "fetch", kName}, more);
  }
  fs::path repository() const { return scratch_.path() / "hf/hub/models--airsplay--lact_nvs"; }
  fs::path blob() const { return repository() / "blobs" / hash_of(content_); }
  fs::path partial() const { return blob().string() + ".incomplete"; }
  fs::path snapshot() const { return repository() / "snapshots" / kCommit / "obj_res256.pt"; }
  std::vector<std::string> requests() const {
    std::ifstream file(scratch_.path() / "log");
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) {
      lines.push_back(line);
    }
    return lines;
  }
  void write_partial(const std::string& bytes) const {
    fs::create_directories(partial().parent_path());
    std::ofstream(partial()) << bytes;
  }

  ScratchFolder scratch_;
  std::string content_;
  std::optional<RunningProgram> server_;
  int port_ = 0;
};

TEST_F(HubFetch, FillsTheCacheAsTheHubsToolsDo) {
  const ProgramResult fetched = fetch();
  ASSERT_EQ(fetched.exit_code, 0) << fetched.err;
  EXPECT_EQ(read_bytes(blob()), content_);
  EXPECT_EQ(fs::read_symlink(snapshot()).string(), "../../blobs/" + hash_of(content_));
  EXPECT_EQ(read_bytes(repository() / "refs/main"), kCommit);
  EXPECT_FALSE(fs::exists(partial()));
  EXPECT_THAT(fetched.out, HasSubstr("LaCT-NVS model, variant 0"));
  EXPECT_THAT(fetched.out, HasSubstr("published for 256x256 and 20 input views"));
  EXPECT_THAT(fetched.out, HasSubstr("of memory for its weights"));
  EXPECT_THAT(fetched.err, HasSubstr("parallax render SCENE --model lact-nvs/obj_res256"));
  EXPECT_THAT(fetched.err, HasSubstr("weights: not stated"));
  const size_t asked = requests().size();
  EXPECT_EQ(fetch({{"HF_HUB_OFFLINE", "1"}}).exit_code, 0);
  EXPECT_EQ(requests().size(), asked) << "what is here was asked for again";
  EXPECT_THAT(run({"models"}).out, HasSubstr("20  yes"));
  EXPECT_EQ(run({"info", kName}).exit_code, 0);
}

TEST_F(HubFetch, ModelsAreUsedByNameAndNeverFetchedUnasked) {
  const std::string scene = std::string(PARALLAX_SOURCE_DIR) + "/assets/scenes/procedural_a";
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"render", scene, "--model", kName},
        std::vector<std::string>{"info", kName}}) {
    const ProgramResult missing = run(command);
    EXPECT_NE(missing.exit_code, 0);
    EXPECT_THAT(missing.err, HasSubstr("`parallax models fetch lact-nvs/obj_res256` fetches them"));
  }
  const ProgramResult classifier = run({"classify", scene, "--model", "h-vit3-t"});
  EXPECT_EQ(classifier.exit_code, 2);
  EXPECT_THAT(classifier.err, HasSubstr("`parallax models fetch h-vit3-t`"));
  EXPECT_THAT(requests(), IsEmpty());
  EXPECT_EQ(run({"models", "fetch", "obj_res256"}).exit_code, 2);

  ASSERT_EQ(fetch().exit_code, 0);
  const ProgramResult rendered = run({"render",
                                      scene,
                                      "--model",
                                      kName,
                                      "--target-views",
                                      "1",
                                      "--turntable",
                                      "0",
                                      "--form",
                                      "parallel",
                                      "-o",
                                      "out"});
  ASSERT_EQ(rendered.exit_code, 0) << rendered.err;
  EXPECT_THAT(rendered.out, HasSubstr("256x256, 20 input views"));
}

TEST_F(HubFetch, GoesOnWhereTheConnectionBroke) {
  control({{"drop_after", content_.size() / 3}});
  const ProgramResult fetched = fetch();
  ASSERT_EQ(fetched.exit_code, 0) << fetched.err;
  EXPECT_EQ(read_bytes(blob()), content_);
  EXPECT_THAT(fetched.err, HasSubstr("the connection broke after"));
  EXPECT_THAT(requests(),
              ::testing::Contains(HasSubstr(
                  "/store/obj_res256.pt bytes=" + std::to_string(content_.size() / 3) + "-")));
}

TEST_F(HubFetch, GoesOnWhereAnEarlierRunEnded) {
  write_partial(content_.substr(0, 1000));
  ASSERT_EQ(fetch().exit_code, 0);
  EXPECT_EQ(read_bytes(blob()), content_);
  EXPECT_THAT(requests().back(), HasSubstr("bytes=1000-"));
}

TEST_F(HubFetch, BeginsAgainWhereTheServerSendsTheWholeFile) {
  control({{"no_range", true}});
  write_partial("something else");
  ASSERT_EQ(fetch().exit_code, 0);
  EXPECT_EQ(read_bytes(blob()), content_);
}

TEST_F(HubFetch, ADamagedPartIsNotKept) {
  write_partial(std::string(1000, 'x'));
  const ProgramResult damaged = fetch();
  EXPECT_EQ(damaged.exit_code, 1);
  EXPECT_THAT(damaged.err, HasSubstr("SHA-256 " + hash_of(content_)));
  EXPECT_FALSE(fs::exists(blob()));
  EXPECT_FALSE(fs::exists(snapshot()));
  ASSERT_EQ(fetch().exit_code, 0);
  EXPECT_EQ(read_bytes(blob()), content_);
}

TEST_F(HubFetch, RefusesWhatIsNotTheListedFile) {
  control({{"wrong_bytes", true}});
  EXPECT_THAT(fetch().err, HasSubstr("is not the one that the server lists"));
  control({{"store_size", 100}});
  EXPECT_THAT(fetch().err, HasSubstr("another size"));
  EXPECT_FALSE(fs::exists(blob()));
}

TEST_F(HubFetch, TellsTheServerWhoAsksAndNobodyElse) {
  control({{"token", "hf_secret"}});
  const ProgramResult refused = fetch();
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("(401)"));
  EXPECT_THAT(refused.err, HasSubstr("HF_TOKEN"));
  fs::create_directories(scratch_.path() / "hf");
  scratch_.write("hf/token", "hf_secret\n");
  ASSERT_EQ(fetch().exit_code, 0);
  for (const std::string& request : requests()) {
    if (request.find("/store/") != std::string::npos) {
      EXPECT_THAT(request, EndsWith(" -")) << "the token went to the store";
    }
  }
  EXPECT_THAT(requests()[requests().size() - 2], HasSubstr("Bearer_hf_secret"));
}

TEST_F(HubFetch, FollowsARenamedRepository) {
  control({{"moved", true}});
  ASSERT_EQ(fetch().exit_code, 0);
  EXPECT_EQ(read_bytes(blob()), content_);
}

TEST_F(HubFetch, SaysWhyItCannot) {
  for (const auto& [status, words] :
       {std::pair{403, "refuses access (403)"}, std::pair{404, "no such file (404)"}}) {
    control({{"status", status}});
    const ProgramResult refused = fetch();
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_THAT(refused.err, HasSubstr(words));
    EXPECT_THAT(refused.err, HasSubstr("as the test wants"));
  }
  control({{"size", 1'000'000'000'000'000'000}});
  EXPECT_THAT(fetch().err, HasSubstr("not enough room on the disk"));
  control({});
  EXPECT_THAT(fetch({{"HF_HUB_OFFLINE", "1"}}).err, HasSubstr("HF_HUB_OFFLINE forbids"));
  const ProgramResult alone = fetch({{"HF_ENDPOINT", "http://127.0.0.1:1"}});
  EXPECT_EQ(alone.exit_code, 1);
  EXPECT_THAT(alone.err, HasSubstr("cannot be reached"));
  EXPECT_FALSE(fs::exists(snapshot()));
  // A server that is no Hub.
  EXPECT_THAT(fetch({{"HF_ENDPOINT", address() + "/link/obj_res256.pt"}}).err,
              HasSubstr("names no commit"));
}

TEST_F(HubFetch, TwoAtOnceFetchOnce) {
  const testing::ProgramOptions options{.folder = scratch_.path().string(),
                                        .environment = environment()};
  RunningProgram first({"models", "fetch", kName, "--quiet"}, options);
  RunningProgram second({"models", "fetch", kName, "--quiet"}, options);
  const ProgramResult one = first.wait();
  const ProgramResult two = second.wait();
  EXPECT_EQ(one.exit_code, 0) << one.err;
  EXPECT_EQ(two.exit_code, 0) << two.err;
  EXPECT_EQ(one.out, two.out);
  EXPECT_EQ(one.out, snapshot().string() + "\n");
  int sent = 0;
  for (const std::string& request : requests()) {
    sent += request.find("GET /store/") != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(sent, 1);
}

// The disk fails at a write of a download: no file under a final name is wrong, the error says what
// and where, and the same command fetches once the disk works.
TEST_F(HubFetch, FailingWritesLeaveNoWrongFile) {
  const fs::path cache = scratch_.path() / "hf";
  const std::vector<std::string> arguments = {"models", "fetch", kName, "--quiet"};
  const testing::ProgramOptions options{.folder = scratch_.path().string(),
                                        .environment = environment()};
  const auto faulty = [&](const std::string& kind, long at) {
    fs::remove_all(cache);
    return testing::run_with_fault(arguments, {.folder = cache, .kind = kind, .at = at}, options);
  };
  const long calls = faulty("io", 0).calls;
  ASSERT_GT(calls, 5);
  constexpr const char* kKinds[] = {"io", "full", "short"};
  const bool every = std::getenv("PARALLAX_ALL_FAULTS") != nullptr;
  size_t turn = 0;
  for (const long at : testing::calls_to_fail(calls, 3)) {
    for (size_t k = 0; k < (every ? std::size(kKinds) : 1); ++k) {
      const std::string kind = kKinds[every ? k : turn++ % std::size(kKinds)];
      const testing::FaultyRun run = faulty(kind, at);
      SCOPED_TRACE(kind + " at " + run.last_call + ": " + run.result.err);
      for (const fs::path& path : {blob(), snapshot()}) {
        if (fs::exists(path)) {
          ASSERT_EQ(read_bytes(path), content_) << path;
        }
      }
      if (run.result.exit_code != 0) {
        EXPECT_EQ(run.result.exit_code, 1);
        EXPECT_NE(kind, "short");
        EXPECT_THAT(run.result.err, HasSubstr(cache.string()));
        EXPECT_THAT(run.result.err,
                    HasSubstr(kind == "full" ? "No space left on device" : "Input/output error"));
        ASSERT_EQ(testing::run_program_with(arguments, options).exit_code, 0);
      }
      ASSERT_EQ(read_bytes(snapshot()), content_);
      ASSERT_EQ(read_bytes(repository() / "refs/main"), kCommit);
    }
  }
}

// A cache on a file system without symbolic links holds copies: half of one is none.
TEST_F(HubFetch, CopiesInPlaceOfLinksAreWhole) {
  const fs::path cache = scratch_.path() / "hf";
  const auto faulty = [&](const char* kind, long at) {
    fs::remove_all(cache);
    auto all = environment();
    all.emplace_back("PARALLAX_FAULT_LINKS", "none");
    all.emplace_back("PARALLAX_FAULT_LOCKS", "none");
    return testing::run_with_fault({"models", "fetch", kName, "--quiet"},
                                   {.folder = cache, .kind = kind, .at = at},
                                   {.environment = all});
  };
  const testing::FaultyRun whole = faulty("io", 0);
  ASSERT_EQ(whole.result.exit_code, 0) << whole.result.err;
  EXPECT_FALSE(fs::is_symlink(snapshot()));
  EXPECT_EQ(read_bytes(snapshot()), content_);
  bool has_copied = false;
  for (long at = whole.calls; at > 0 && !has_copied; --at) {
    const testing::FaultyRun run = faulty("kill", at);
    has_copied = run.last_call.find("copy_file_range") != std::string::npos ||
                 run.last_call.find("sendfile") != std::string::npos ||
                 run.last_call.starts_with("write " + (repository() / "snapshots").string());
    EXPECT_FALSE(fs::exists(snapshot()) && read_bytes(snapshot()) != content_) << run.last_call;
  }
  EXPECT_TRUE(has_copied);
  ASSERT_EQ(fetch().exit_code, 0);
  EXPECT_EQ(read_bytes(snapshot()), content_);
}

// Files that their publishers link and list no hash of.
TEST_F(HubFetch, LinksAreFetchedAndChecked) {
  setenv("XDG_DATA_HOME", (scratch_.path() / "data").c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  setenv("no_proxy", "*", 1);                                      // NOLINT(concurrency-mt-unsafe)
  const PublishedModel model{
      .name = "linked", .file = "linked.pth", .url = address() + "/link/obj_res256.pt"};
  const fs::path target = scratch_.path() / "data/parallax/models/linked.pth";
  const fs::path part = target.parent_path() / ".linked.pth.incomplete";
  control({{"page", true}});
  EXPECT_THROW(fetch_published(model, true), Error);
  EXPECT_FALSE(fs::exists(target));
  EXPECT_FALSE(fs::exists(part));
  // A part of another file under the same link is not continued.
  control({});
  std::ofstream(part) << "part of an older file";
  std::ofstream(part.string() + ".tag") << "\"older\"";
  EXPECT_EQ(fetch_published(model, true), target);
  EXPECT_EQ(read_bytes(target), content_);
  fs::remove(target);
  control({{"drop_after", 5000}});
  fetch_published(model, true);
  EXPECT_EQ(read_bytes(target), content_);
  EXPECT_THAT(requests().back(), HasSubstr("bytes="));
  EXPECT_FALSE(fs::exists(part.string() + ".tag"));
  unsetenv("XDG_DATA_HOME");  // NOLINT(concurrency-mt-unsafe)
}

TEST(PublishedModels, AreTenAndSix) {
  EXPECT_EQ(published_models().size(), 16U);
  for (const PublishedModel& model : published_models()) {
    EXPECT_NE(model.repository.empty(), model.url.empty()) << model.name;
    EXPECT_EQ(find_published_model(model.name), &model);
  }
  EXPECT_EQ(published_model_of_file("a/scene_res536x960.pt")->width, 960);
  EXPECT_EQ(published_model_of_file("vit3-t.pth"), nullptr);
}

}  // namespace
}  // namespace parallax
