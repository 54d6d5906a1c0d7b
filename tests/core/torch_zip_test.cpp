// PyTorch checkpoints: layouts, views, and broken files that must end in an Error.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "core/base/error.h"
#include "core/io/checkpoint.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/torch_file_builder.h"

namespace parallax {
namespace {

using testing::build_torch_file;
using testing::build_zip;
using testing::pickled_dict;
using testing::pickled_global;
using testing::pickled_int;
using testing::pickled_tensor;
using testing::pickled_text;
using testing::PickledTensor;
using testing::ScratchFolder;
using std::string_literals::operator""s;

Checkpoint load_bytes(const std::string& bytes) {
  static const ScratchFolder folder;
  return load_checkpoint(folder.write("model.pt", bytes));
}

// The message of the Error with which loading fails.
std::string error_of(const std::string& bytes) {
  try {
    load_bytes(bytes);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string file_of(const PickledTensor& tensor) {
  return build_torch_file(pickled_dict({{"w", pickled_tensor(tensor)}}));
}

Tensor only_tensor(const PickledTensor& tensor) {
  return load_bytes(file_of(tensor)).tensors.at("w");
}

std::string complete_file() {
  return build_torch_file(pickled_dict(
      {{"model",
        pickled_dict({{"module.a", pickled_tensor({})},
                      {"module.b", pickled_tensor({.shape = {3, 2}, .strides = {1, 3}})}})},
       {"epoch", pickled_int(123)},
       {"max_accuracy", "G\x40\x51\xd0\0\0\0\0\0"s},
       {"config", pickled_global("os", "system") + "(" + pickled_text("false") + "tR"}}));
}

// As torch 2.11 writes `view_as_complex(x).conj().imag`.
TEST(TorchZip, NegativeViewsHaveTheOppositeSign) {
  const Tensor plain = only_tensor({});
  EXPECT_TRUE(only_tensor({.is_negative_view = true}).equal(-plain));
  EXPECT_NE(error_of(file_of({.storage_type = "ByteStorage", .is_negative_view = true}))
                .find("not supported"),
            std::string::npos);
}

TEST(TorchZip, ReadsNestedStateDictScalarsAndSkipsObjects) {
  const Checkpoint checkpoint = load_bytes(complete_file());
  const Tensor expected = torch::arange(6, torch::kFloat32).view({2, 3});
  ASSERT_EQ(checkpoint.tensors.size(), 2U);
  EXPECT_TRUE(torch::equal(checkpoint.tensors.at("a"), expected));
  EXPECT_TRUE(torch::equal(checkpoint.tensors.at("b"), expected.t()));
  EXPECT_TRUE(checkpoint.tensors.at("b").is_contiguous());
  EXPECT_EQ(checkpoint.metadata.at("epoch"), "123");
  EXPECT_EQ(checkpoint.metadata.at("max_accuracy"), "71.25");
  EXPECT_FALSE(checkpoint.metadata.contains("config"));
}

TEST(TorchZip, PrefersTheAveragedModel) {
  const std::string bytes = build_torch_file(
      pickled_dict({{"model", pickled_dict({{"plain", pickled_tensor({})}})},
                    {"model_ema", pickled_dict({{"averaged", pickled_tensor({})}})}}));
  EXPECT_TRUE(load_bytes(bytes).tensors.contains("averaged"));
  const std::string official = build_torch_file(
      pickled_dict({{"model", pickled_dict({{"plain", pickled_tensor({})}})},
                    {"state_dict_ema", pickled_dict({{"averaged", pickled_tensor({})}})}}));
  EXPECT_TRUE(load_bytes(official).tensors.contains("averaged"));
  const std::string without = build_torch_file(
      pickled_dict({{"model_ema", "N"}, {"model", pickled_dict({{"w", pickled_tensor({})}})}}));
  EXPECT_TRUE(load_bytes(without).tensors.contains("w"));
}

TEST(TorchZip, KeepsThePrefixUnlessEveryNameHasIt) {
  const std::string bytes =
      build_torch_file(pickled_dict({{"module.a", pickled_tensor({})}, {"b", pickled_tensor({})}}));
  EXPECT_TRUE(load_bytes(bytes).tensors.contains("module.a"));
}

TEST(TorchZip, ReadsViewsParametersAndEmptyTensors) {
  const Tensor view = only_tensor({.offset = 1, .shape = {2, 2}, .strides = {3, 1}});
  EXPECT_TRUE(torch::equal(view, torch::tensor({{1.F, 2.F}, {4.F, 5.F}})));
  const Tensor scalar = only_tensor({.offset = 4, .shape = {}, .strides = {}});
  EXPECT_EQ(scalar.item<float>(), 4.F);
  EXPECT_EQ(only_tensor({.shape = {0, 3}, .strides = {3, 1}}).sizes(), (c10::IntArrayRef{0, 3}));
  const Tensor expanded = only_tensor({.offset = 2, .shape = {4}, .strides = {0}});
  EXPECT_TRUE(torch::equal(expanded, torch::full({4}, 2.F)));
  const std::string parameter =
      pickled_global("torch._utils", "_rebuild_parameter") + "(" + pickled_tensor({}) + "\x88}tR";
  EXPECT_TRUE(load_bytes(build_torch_file(pickled_dict({{"w", parameter}}))).tensors.contains("w"));
}

TEST(TorchZip, ReadsEveryStorageType) {
  for (const auto& [type, dtype, elements] : {std::tuple{"DoubleStorage", at::kDouble, 3},
                                              std::tuple{"FloatStorage", at::kFloat, 6},
                                              std::tuple{"HalfStorage", at::kHalf, 12},
                                              std::tuple{"BFloat16Storage", at::kBFloat16, 12},
                                              std::tuple{"LongStorage", at::kLong, 3},
                                              std::tuple{"IntStorage", at::kInt, 6},
                                              std::tuple{"ShortStorage", at::kShort, 12},
                                              std::tuple{"CharStorage", at::kChar, 24},
                                              std::tuple{"ByteStorage", at::kByte, 24}}) {
    SCOPED_TRACE(type);
    const Tensor got = only_tensor(
        {.storage_type = type, .storage_elements = elements, .shape = {elements}, .strides = {1}});
    EXPECT_EQ(got.scalar_type(), dtype);
    EXPECT_EQ(got.nbytes(), 24U);
  }
}

TEST(TorchZip, RefusesTensorsThatDoNotFitTheirStorage) {
  constexpr std::int64_t huge = std::int64_t{1} << 61;
  EXPECT_THAT(error_of(file_of({.storage_elements = 7})), ::testing::HasSubstr("too short"));
  EXPECT_THAT(error_of(file_of({.storage_elements = huge})), ::testing::HasSubstr("too"));
  EXPECT_THAT(error_of(file_of({.key = "1"})), ::testing::HasSubstr("no entry"));
  EXPECT_THAT(error_of(file_of({.offset = 1})), ::testing::HasSubstr("beyond its storage"));
  EXPECT_THAT(error_of(file_of({.offset = -1})), ::testing::HasSubstr("storage offset"));
  EXPECT_THAT(error_of(file_of({.shape = {-2, 3}})), ::testing::HasSubstr("extents"));
  EXPECT_THAT(error_of(file_of({.shape = {huge, 8}})), ::testing::HasSubstr("too large"));
  EXPECT_THAT(error_of(file_of({.strides = {huge, huge}})), ::testing::HasSubstr("beyond"));
  EXPECT_THAT(error_of(file_of({.strides = {-3, 1}})), ::testing::HasSubstr("strides"));
  EXPECT_THAT(error_of(file_of({.strides = {1}})), ::testing::HasSubstr("differ in length"));
  EXPECT_THAT(error_of(file_of({.shape = {1 << 20, 1}, .strides = {0, 0}})),
              ::testing::HasSubstr("far more memory"));
  EXPECT_THAT(error_of(file_of({.storage_type = "ComplexFloatStorage"})),
              ::testing::HasSubstr("not supported"));
  EXPECT_THAT(error_of(file_of({.storage_type = "BoolStorage", .storage_elements = 24})),
              ::testing::HasSubstr("neither 0 nor 1"));
}

TEST(TorchZip, RefusesBrokenPickles) {
  const auto error = [](const std::string& root) { return error_of(build_torch_file(root)); };
  EXPECT_THAT(error("\xff"), ::testing::HasSubstr("unknown opcode"));
  EXPECT_THAT(error("R"), ::testing::HasSubstr("underflow"));
  EXPECT_THAT(error("t"), ::testing::HasSubstr("no mark"));
  EXPECT_THAT(error("h\x07"), ::testing::HasSubstr("nothing remembered"));
  EXPECT_THAT(error("}(Nu"), ::testing::HasSubstr("without a value"));
  EXPECT_THAT(error("X\xff\xff\xff\xff"), ::testing::HasSubstr("ends too early"));
  EXPECT_THAT(error("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"), ::testing::HasSubstr("too early"));
  EXPECT_THAT(error("\x80\x09N"), ::testing::HasSubstr("protocol"));
  EXPECT_THAT(error("c"), ::testing::HasSubstr("no end"));
  EXPECT_THAT(error("(N"), ::testing::HasSubstr("open mark"));
  EXPECT_THAT(error("N"), ::testing::HasSubstr("no state dict"));
  EXPECT_THAT(error("K"), ::testing::HasSubstr("ends too early"));
  EXPECT_THAT(error("NQ"), ::testing::HasSubstr("persistent id"));
  EXPECT_THAT(error(pickled_dict({{"w", pickled_tensor({})}, {"w", pickled_tensor({})}})),
              ::testing::HasSubstr("key twice"));
  EXPECT_THAT(error(pickled_dict({{"w\xff", pickled_tensor({})}})), ::testing::HasSubstr("UTF-8"));
  // Nesting costs no stack, and values that contain themselves do no harm.
  EXPECT_THAT(error(std::string(100'000, ']') + std::string(99'999, 'a')),
              ::testing::HasSubstr("no state dict"));
  EXPECT_THAT(error("]q\x01h\x01"s + "a"), ::testing::HasSubstr("no state dict"));
}

TEST(TorchZip, RefusesMoreMemoriesThanValues) {
  EXPECT_THAT(error_of(build_torch_file("N" + std::string(4'000'001, '\x94'))),
              ::testing::HasSubstr("too many values"));
}

// A few bytes that recall a name make another value of it: 100 KB would become gigabytes.
TEST(TorchZip, RefusesNamesThatAreRepeatedWithoutEnd) {
  const std::string name(50'000, 'a');
  std::string by_text = "X\x50\xc3\0\0"s + name + "q\x01"s;
  std::string by_call = pickled_global("torch._utils", "_rebuild_" + name) + "q\x01"s;
  std::string by_class = pickled_global("a", name) + "q\x01"s;
  for (int i = 0; i < 10'000; ++i) {
    by_text += "h\x01h\x01\x93"s + "0";
    by_call += "h\x01)R0";
    by_class += "h\x01)\x81" + "0"s;
  }
  for (const std::string& pickle : {by_text, by_call, by_class}) {
    EXPECT_THAT(error_of(build_torch_file(pickle)), ::testing::HasSubstr("repeated too often"));
  }
}

TEST(TorchZip, RefusesForeignAndDamagedArchives) {
  const std::string good = file_of({});
  const auto with = [](const testing::ZipItem& item) {
    return build_torch_file(pickled_dict({{"w", pickled_tensor({})}}), {item});
  };
  EXPECT_EQ(error_of(with({"archive/byteorder", "little"})), "no error");
  EXPECT_THAT(error_of(with({"archive/byteorder", "big"})), ::testing::HasSubstr("byte order"));
  EXPECT_THAT(error_of(with({"archive/constants.pkl", ""})), ::testing::HasSubstr("TorchScript"));
  EXPECT_THAT(error_of(with({"archive/data/0", ""})), ::testing::HasSubstr("twice"));
  EXPECT_THAT(error_of(with({"other/data.pkl", ""})), ::testing::HasSubstr("two pickles"));
  EXPECT_THAT(error_of(build_zip({{"a.txt", "x"}})), ::testing::HasSubstr("no data.pkl"));
  EXPECT_THAT(error_of(build_zip({{"archive/data.pkl", "x", 8}})),
              ::testing::HasSubstr("compressed"));
  EXPECT_THAT(error_of("\x80\x02\x8a\nl\xfc\x9c"), ::testing::HasSubstr("old, non-zip"));
  std::string outside = good;
  outside[outside.size() - 3] = '\x7f';  // the directory's offset
  EXPECT_THAT(error_of(outside), ::testing::HasSubstr("outside"));
}

TEST(TorchZip, EveryTruncationEndsInAnError) {
  const std::string good = complete_file();
  for (std::size_t size = 0; size < good.size(); ++size) {
    ASSERT_NE(error_of(good.substr(0, size)), "no error") << size;
  }
}

TEST(TorchZip, DamagedBytesLoadOrEndInAnError) {
  const ScratchFolder folder;
  const std::string good = complete_file();
  std::mt19937 random(1);
  for (int i = 0; i < 4000; ++i) {
    std::string bytes = good;
    for (unsigned flips = 1 + random() % 3; flips > 0; --flips) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    try {
      load_checkpoint(folder.write("damaged.pt", bytes));
    } catch (const Error&) {
      // fine: anything else fails the test
    }
  }
}

}  // namespace
}  // namespace parallax
