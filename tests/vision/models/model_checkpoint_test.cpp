// Checkpoints as training code and libraries write them: the same weights come out of every form,
// or the error says what the file is. tests/weights/make.py wrote the samples with the real tools.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <functional>

#include "core/base/error.h"
#include "tests/support/scratch_folder.h"
#include "vision/models/lact_nvs/model_store.h"
#include "vision/models/vit3/model_store.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::ScratchFolder;

// The samples, unpacked once.
const fs::path& samples() {
  static const ScratchFolder folder;
  static const fs::path path = [] {
    const std::string command = "tar -C '" + folder.path().string() + "' -xzf '" +
                                PARALLAX_SOURCE_DIR + "/tests/weights/samples.tar.gz'";
    EXPECT_EQ(std::system(command.c_str()), 0);  // NOLINT(concurrency-mt-unsafe)
    return folder.path();
  }();
  return path;
}

Checkpoint load_sample(const std::string& file, const std::string& key = "") {
  return load_model_checkpoint(samples() / file, key, classifier_names());
}

const TensorMap& plain() {
  static const TensorMap tensors = load_checkpoint(samples() / "plain.safetensors").tensors;
  return tensors;
}

bool equals_plain(const TensorMap& tensors, torch::Dtype through = torch::kFloat) {
  return tensors.size() == plain().size() &&
         std::all_of(plain().begin(), plain().end(), [&](const auto& item) {
           const auto found = tensors.find(item.first);
           return found != tensors.end() && torch::equal(found->second.to(torch::kFloat),
                                                         item.second.to(through).to(torch::kFloat));
         });
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string sample_error(const std::string& file, const std::string& key = "") {
  return message_of([&] { load_classifier((samples() / file).string(), "", key); });
}

// A checkpoint of tensors of one element under these names.
fs::path file_of_names(const ScratchFolder& folder, const std::vector<std::string>& names) {
  Checkpoint checkpoint;
  for (const std::string& name : names) {
    checkpoint.tensors.emplace(name, torch::zeros({1}));
  }
  fs::path path = folder.path() / "model.safetensors";
  save_safetensors(path, checkpoint);
  return path;
}

TEST(ModelCheckpoint, EveryFormHoldsTheSameWeights) {
  for (const char* file : {"plain.safetensors",
                           "compiled.pt",
                           "parallel_compiled.pth",
                           "compiled_parallel.bin",
                           "activation_checkpoint.pt",
                           "compiled_blocks.safetensors",
                           "model_prefix.safetensors",
                           "lightning.ckpt",
                           "averaged_model.pt",
                           "model_and_averaged.pt",
                           "model_and_ema.pt",
                           "model_and_model_ema.pt",
                           "model_and_ema_model.pt",
                           "timm.pth.tar",
                           "ema_module.pt",
                           "incomplete_ema.pt",
                           "ema_shadow.pt",
                           "model_and_upper_ema.pt",
                           "model_and_numbered_ema.pt",
                           "torch_ema.pt",
                           "partial_torch_ema.pt",
                           "lit_ema.ckpt",
                           "named_moments.pt",
                           "both.safetensors",
                           "tutorial_loss.pt",
                           "unusual_key_beside_step.pt",
                           "mp_rank_00_model_states.pt",
                           "trainer.pth",
                           "shards",
                           "shards/model.safetensors.index.json",
                           "bin_shards",
                           "bin_shards/pytorch_model.bin.index.json",
                           "parameters_with_attributes.pt",
                           "tensors_with_attributes.pt",
                           "dtensor.pt"}) {
    SCOPED_TRACE(file);
    EXPECT_TRUE(equals_plain(load_sample(file).tensors));
    EXPECT_NO_THROW(load_classifier((samples() / file).string()));
  }
}

// THOP's counts are no weights.
TEST(ModelCheckpoint, AProfiledModelIsReadLikeAnyOther) {
  const std::string profiled = (samples() / "profiled.pt").string();
  EXPECT_EQ(load_classifier(profiled).card.options.num_classes, 3);
}

TEST(ModelCheckpoint, SaysWhereTheWeightsWere) {
  EXPECT_EQ(load_sample("unusual_key_beside_step.pt").source, "read from 'generator'");
  EXPECT_EQ(load_sample("plain.safetensors").source, "");
  EXPECT_EQ(load_sample("lightning.ckpt").source,
            "read from 'state_dict', prefix 'model._orig_mod.' removed from the names");
  EXPECT_THAT(load_sample("parallel_compiled.pth").source, HasSubstr("'module._orig_mod.'"));
  EXPECT_THAT(load_sample("activation_checkpoint.pt").source,
              HasSubstr("prefix 'module.' removed from the names, '_checkpoint_wrapped_module.' "
                        "removed inside names"));
  const std::string both = load_sample("model_and_ema.pt").source;
  EXPECT_THAT(both, HasSubstr("read from 'ema'"));
  EXPECT_THAT(both, HasSubstr("also under 'model' (--checkpoint-key chooses)"));
  EXPECT_THAT(load_sample("model_and_averaged.pt").source, HasSubstr("read from 'swa'"));
  EXPECT_THAT(load_sample("both.safetensors").source, HasSubstr("prefix 'model_ema.'"));
  EXPECT_THAT(load_sample("incomplete_ema.pt").source, HasSubstr("read from 'model'"));
  EXPECT_THAT(load_sample("ema_shadow.pt").source, HasSubstr("read from 'ema.shadow'"));
  EXPECT_EQ(load_sample("named_moments.pt").source, "read from 'model'");
  EXPECT_THAT(load_sample("torch_ema.pt").source, HasSubstr("read from 'ema.shadow_params'"));
  EXPECT_THAT(load_sample("partial_torch_ema.pt").source,
              HasSubstr("'ema.shadow_params' were passed over: a list without names"));
  EXPECT_THAT(load_sample("lit_ema.ckpt").source, HasSubstr("prefix 'model_ema.' removed"));
}

TEST(ModelCheckpoint, AKeyChooses) {
  for (const char* file : {"model_and_ema.pt", "both.safetensors", "model_and_averaged.pt"}) {
    SCOPED_TRACE(file);
    EXPECT_FALSE(equals_plain(load_sample(file, "model").tensors));
    EXPECT_EQ(load_sample(file, "model").tensors.size(), plain().size());
  }
  const auto loaded = [](const std::string& word) {
    return load_classifier((samples() / word).string()).source;
  };
  EXPECT_THAT(loaded("model_and_ema.pt#model"), HasSubstr("read from 'model'"));
  EXPECT_THAT(loaded("model_and_ema.pt#ema"), HasSubstr("read from 'ema'"));
  EXPECT_TRUE(equals_plain(load_sample("lightning_net.ckpt", "state_dict.net").tensors));
  EXPECT_TRUE(equals_plain(load_sample("ema_module.pt", "ema").tensors));
  EXPECT_TRUE(equals_plain(load_sample("ema_module.pt", "ema.module").tensors));
  const std::string error = sample_error("model_and_ema.pt", "teacher");
  EXPECT_THAT(error, HasSubstr("no weights under 'teacher'"));
  EXPECT_THAT(error, HasSubstr("'ema', 'model'"));
}

// As a LightningModule's `self.net` and people's own dictionaries have it.
TEST(ModelCheckpoint, TheOnlyWeightsAreReadWhateverTheyAreUnder) {
  for (const auto& [file, place] : {std::pair("lightning_net.ckpt", "read from 'state_dict.net'"),
                                    std::pair("net_and_accuracy.pt", "read from 'net'"),
                                    std::pair("application.pt", "read from 'app.model'")}) {
    const Checkpoint loaded = load_sample(file);
    EXPECT_TRUE(equals_plain(loaded.tensors)) << file;
    EXPECT_EQ(loaded.source, place);
  }
}

TEST(ModelCheckpoint, OfSeveralUnknownPlacesAllAreNamed) {
  const std::string prefixes = sample_error("distillation.ckpt");
  EXPECT_THAT(prefixes, HasSubstr("begin with 'student.', 'teacher.'"));
  EXPECT_THAT(prefixes, HasSubstr("--checkpoint-key state_dict.student"));
  EXPECT_THAT(sample_error("student_and_teacher.pt"),
              HasSubstr("tensors under 'student', 'teacher'"));
  EXPECT_TRUE(equals_plain(load_sample("student_and_teacher.pt", "teacher").tensors));
}

TEST(ModelCheckpoint, FoldersThatSayWhichOfTheirFoldersCounts) {
  EXPECT_TRUE(equals_plain(load_sample("deepspeed").tensors));
  EXPECT_TRUE(equals_plain(load_sample("models--someone--vit3").tensors));
}

TEST(ModelCheckpoint, ArchivesOfOtherKindsAreNamed) {
  EXPECT_THAT(sample_error("arrays.npz"), HasSubstr(".npz"));
  EXPECT_THAT(sample_error("exported.pt2"), HasSubstr("torch.export.load"));
}

TEST(ModelCheckpoint, Float8IsRead) {
  for (const char* file : {"float8.pt", "float8.safetensors"}) {
    EXPECT_TRUE(equals_plain(load_sample(file).tensors, torch::kFloat8_e4m3fn)) << file;
    EXPECT_NO_THROW(load_classifier((samples() / file).string())) << file;
  }
}

TEST(ModelCheckpoint, OtherTensorsAreNamedWithWhatHelps) {
  for (const char* file : {"uint16.pt", "uint16.safetensors"}) {
    EXPECT_THAT(sample_error(file), HasSubstr("head.bias (UInt16)"));
    EXPECT_THAT(sample_error(file), HasSubstr(".view(torch.bfloat16)"));
  }
  EXPECT_THAT(sample_error("sparse.pt"), HasSubstr("'head.weight': this tensor is sparse"));
  EXPECT_THAT(sample_error("meta.pt"), HasSubstr("meta device"));
  EXPECT_THAT(sample_error("numpy.pt"), HasSubstr("torch.from_numpy"));
  EXPECT_THAT(sample_error("zero3.pt"), HasSubstr("zero_to_fp32.py"));
  EXPECT_THAT(sample_error("whole_module.pt"), HasSubstr("pickled model object"));
  const std::string shard = sample_error("dtensor_shard.pt");
  EXPECT_THAT(shard, HasSubstr("DTensor"));
  EXPECT_THAT(shard, HasSubstr("full_tensor()"));
}

TEST(ModelCheckpoint, WeightsOfADivergedRunAreRefused) {
  for (const float bad : {NAN, -INFINITY}) {
    const ScratchFolder folder;
    Checkpoint diverged;
    for (const auto& [name, tensor] : plain()) {
      diverged.tensors.emplace(name, tensor.clone());
    }
    diverged.tensors.at("blocks.0.attn.w3")[2][0][1][1] = bad;
    diverged.tensors.at("norm.bias").fill_(3e38F);  // finite, though their sum is not
    const fs::path path = folder.path() / "last.safetensors";
    save_safetensors(path, diverged);
    const std::string error = message_of([&] { load_classifier(path.string()); });
    EXPECT_THAT(error, HasSubstr("'blocks.0.attn.w3'"));
    EXPECT_THAT(error, HasSubstr("NaN or infinity"));
  }
}

TEST(ModelCheckpoint, MeasuresBesideAFileAreNoCard) {
  const ScratchFolder folder;
  const fs::path path = folder.path() / "best.safetensors";
  fs::copy_file(samples() / "plain.safetensors", path);
  for (const char* text : {R"({"epoch": 3, "acc1": 77.1})", "[77.0, 77.1]"}) {
    folder.write("best.json", text);
    EXPECT_FALSE(load_classifier(path.string()).card.has_card);
  }
  folder.write("best.json", R"({"model": "lact_nvs"})");
  EXPECT_THROW(load_classifier(path.string()), Error);
}

// nlohmann-json makes any int of a number that none can hold.
TEST(ModelCheckpoint, NumbersOfACardAreHeldOrRefused) {
  const ScratchFolder folder;
  const fs::path path = folder.path() / "best.safetensors";
  fs::copy_file(samples() / "plain.safetensors", path);
  folder.write("best.json", R"({"model": "vit3", "config": {"dims": [922337203685477580728]}})");
  EXPECT_THAT(message_of([&] { load_classifier(path.string()); }),
              HasSubstr("field 'dims': the field has the wrong type or is out of range (expected a "
                        "list, each element a whole number of 32 bits"));
  const fs::path nvs = folder.path() / "nvs.safetensors";
  for (const auto& [card, field] : std::vector<std::pair<std::string, std::string>>{
           {R"("config": {"layers": 4294967302})", "layers"},
           {R"("config": {"layers": -4294967290})", "layers"},
           {R"("config": {"base_lr": "fast"})", "base_lr"},
           {R"("image_size": [1e30, 64])", "image_size"},
           {R"("image_size": [64])", "image_size"},
           {R"("image_size": [64, -64])", "image_size"},
           {R"("total_steps": 18446744073709551615)", "total_steps"}}) {
    folder.write("nvs.json", R"({"model": "lact_nvs", )" + card + "}");
    EXPECT_THAT(message_of([&] { read_model_card(nvs, Checkpoint()); }),
                AllOf(HasSubstr("model card, field '" + field + "': the field has "),
                      HasSubstr("expected ")))
        << card;
  }
}

TEST(ModelCheckpoint, ShardsAreWholeOrExplained) {
  EXPECT_THAT(sample_error("shards/model-00002-of-00003.safetensors"),
              HasSubstr("this is shard 2 of 3 of a checkpoint; 'model.safetensors.index.json' "
                        "beside it"));
  const ScratchFolder folder;
  const auto copy = [&](const char* file) {
    fs::copy(samples() / "shards" / file, folder.path() / file);
  };
  copy("model-00001-of-00003.safetensors");
  const auto error = [&] { return message_of([&] { open_checkpoint(folder.path()); }); };
  EXPECT_THAT(error(), HasSubstr("but not their index"));
  copy("model.safetensors.index.json");
  EXPECT_THAT(error(), HasSubstr("2 of 3 shards"));
  EXPECT_THAT(error(), HasSubstr("'model-00003-of-00003.safetensors'"));
  for (const char* file :
       {"model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors"}) {
    fs::copy(samples() / "shards/model-00001-of-00003.safetensors", folder.path() / file);
  }
  EXPECT_THAT(error(), HasSubstr("does not hold the tensor"));
  const auto index_error = [&](const std::string& text) {
    return message_of([&] { open_checkpoint(folder.write("model.safetensors.index.json", text)); });
  };
  EXPECT_THAT(index_error(R"({"weight_map": {"a": "../a.bin"}})"), HasSubstr("own folder"));
  EXPECT_THAT(index_error(R"({"weight_map": {"a": 1}})"), HasSubstr("own folder"));
  EXPECT_THAT(index_error(R"({"hidden_size": 8})"), HasSubstr("not the index"));
  EXPECT_THAT(index_error("{"), HasSubstr("not the index"));
  EXPECT_THAT(index_error(R"({"weight_map": {"a": "model.safetensors.index.json"}})"),
              HasSubstr("not a checkpoint"));
}

TEST(ModelCheckpoint, OtherModelsAreNamedAsWhatTheyLookLike) {
  const ScratchFolder folder;
  const auto classifier_error = [&](const std::vector<std::string>& names) {
    const fs::path path = file_of_names(folder, names);
    return message_of([&] { load_classifier(path.string()); });
  };
  const auto nvs_error = [&](const std::vector<std::string>& names) {
    const fs::path path = file_of_names(folder, names);
    return message_of([&] { load_nvs_model(path.string()); });
  };
  const std::vector<std::string> deit = {"cls_token",
                                         "dist_token",
                                         "pos_embed",
                                         "patch_embed.proj.weight",
                                         "blocks.0.attn.qkv.weight",
                                         "head.weight"};
  EXPECT_THAT(classifier_error(deit), HasSubstr("DeiT"));
  EXPECT_THAT(nvs_error(deit), HasSubstr("DeiT"));
  EXPECT_THAT(classifier_error({"backbone.layers.0.blocks.0.attn.w3",
                                "neck.fpn_convs.0.conv.weight",
                                "rpn_head.rpn_conv.weight",
                                "roi_head.bbox_head.fc_cls.weight"}),
              HasSubstr("object detector with ViT³"));
  EXPECT_THAT(nvs_error({"image_tokenizer.1.weight",
                         "target_pose_tokenizer.1.weight",
                         "transformer_blocks.0.attn.to_qkv.weight",
                         "image_token_decoder.1.weight"}),
              HasSubstr("LVSM"));
  EXPECT_THAT(nvs_error({"model.embeddings.weight",
                         "model.layers.0.attn.w0",
                         "model.layers.0.attn.qk_scale",
                         "model.layers.0.attn.lr_proj.weight",
                         "lm_head.weight"}),
              HasSubstr("LaCT's language model"));
  EXPECT_THAT(nvs_error({"layer1.0.conv1.weight", "layer4.0.conv1.weight", "fc.weight"}),
              HasSubstr("a ResNet"));
  EXPECT_THAT(nvs_error({"a", "b"}), HasSubstr("2 tensors, such as 'a'"));
  EXPECT_THAT(message_of([] { load_nvs_model((samples() / "compiled.pt").string()); }),
              HasSubstr("a ViT³ classifier, for `parallax classify`"));
  EXPECT_THAT(message_of([] { load_classifier("nvs"); }), HasSubstr("for `parallax render`"));
}

TEST(ModelCheckpoint, LactModelsLoadBehindWrappersToo) {
  const ScratchFolder folder;
  torch::manual_seed(2);
  const LactNvsOptions options{.dim = 32,
                               .layers = 1,
                               .attention_head_dim = 16,
                               .ttt_head_dim = 32,
                               .inter_multi = 1,
                               .mlp_inter_multi = 1};
  const auto plain_path = folder.path() / "plain.safetensors";
  save_nvs_model(plain_path, LactNvs(options), {}, torch::kFloat);
  Checkpoint wrapped;
  for (const auto& [name, tensor] : load_checkpoint(plain_path).tensors) {
    const std::string inner = name.starts_with("blocks.0.")
                                  ? "blocks.0._checkpoint_wrapped_module." + name.substr(9)
                                  : name;
    wrapped.tensors.emplace("model.module._orig_mod." + inner, tensor);
  }
  const auto path = folder.path() / "wrapped.safetensors";
  save_safetensors(path, wrapped);
  const NvsModel loaded = load_nvs_model(path.string());
  EXPECT_EQ(loaded.card.options.dim, 32);
  EXPECT_THAT(loaded.source, HasSubstr("model.module._orig_mod."));
  const NvsModel expected = load_nvs_model(plain_path.string());
  for (const auto& item : expected.module->named_parameters()) {
    EXPECT_TRUE(torch::equal(loaded.module->named_parameters()[item.key()], item.value()));
  }
}

// What torch.compile and Lightning wrote of the golden case's H-ViT³.
TEST(ModelCheckpoint, SharedCasesHoldTheGoldenWeights) {
  const fs::path shared = fs::path(PARALLAX_SOURCE_DIR).parent_path() / "shared";
  const fs::path cases = shared / "cases/weights/checkpoint-prefixes";
  const fs::path golden = shared / "golden/checkpoint_io_h_vittt/model_f32.safetensors";
  if (!fs::exists(cases) || !fs::exists(golden)) {
    GTEST_SKIP() << "there is no " << cases;
  }
  const TensorMap expected = load_checkpoint(golden).tensors;
  for (const auto& [file, prefix] :
       {std::pair{"compiled.pth", "'_orig_mod.'"}, std::pair{"lightning.ckpt", "'model.'"}}) {
    SCOPED_TRACE(file);
    const Checkpoint checkpoint = load_model_checkpoint(cases / file, "", classifier_names());
    EXPECT_THAT(checkpoint.source, HasSubstr(prefix));
    ASSERT_EQ(checkpoint.tensors.size(), expected.size());
    for (const auto& [name, tensor] : expected) {
      const Tensor& got = checkpoint.tensors.at(name);  // float16
      EXPECT_TRUE(torch::equal(got, tensor.to(got.scalar_type()))) << name;
    }
  }
}

}  // namespace
}  // namespace parallax
