// Safetensors: round trips, and broken files that must end in an Error.
#include "core/io/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <random>

#include "core/base/error.h"
#include "core/io/atomic_file.h"
#include "tests/support/scratch_folder.h"

namespace parallax {
namespace {

using testing::ScratchFolder;

std::string file_of(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + header +
         std::string(data_bytes, '\0');
}

std::string error_of(const std::string& bytes) {
  static const ScratchFolder folder;
  try {
    load_checkpoint(folder.write("model.safetensors", bytes));
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

Checkpoint mixed_checkpoint() {
  torch::manual_seed(1);
  Checkpoint checkpoint;
  checkpoint.metadata = {{"variant", "baseline"}, {"note", "a \"quoted\" ∂ text"}};
  for (const auto dtype : {at::kDouble,
                           at::kFloat,
                           at::kHalf,
                           at::kBFloat16,
                           at::kLong,
                           at::kInt,
                           at::kShort,
                           at::kChar,
                           at::kByte,
                           at::kBool}) {
    checkpoint.tensors[c10::toString(dtype)] =
        torch::randint(0, 2, {3, 1, 5}, torch::TensorOptions().dtype(torch::kFloat)).to(dtype);
  }
  checkpoint.tensors["scalar"] = torch::tensor(2.5F);
  checkpoint.tensors["empty"] = torch::empty({0, 4});
  checkpoint.tensors["transposed"] = torch::arange(6).view({2, 3}).t();
  return checkpoint;
}

void expect_same_checkpoint(const Checkpoint& got, const Checkpoint& expected) {
  EXPECT_EQ(got.metadata, expected.metadata);
  EXPECT_EQ(got.tensors.size(), expected.tensors.size());
  for (const auto& [name, tensor] : expected.tensors) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(got.tensors.contains(name));
    EXPECT_EQ(got.tensors.at(name).scalar_type(), tensor.scalar_type());
    EXPECT_TRUE(got.tensors.at(name).is_contiguous());
    EXPECT_TRUE(torch::equal(got.tensors.at(name), tensor));
  }
}

TEST(Safetensors, RoundTripsEveryDtype) {
  const ScratchFolder folder;
  const auto path = folder.path() / "mixed.safetensors";
  const Checkpoint checkpoint = mixed_checkpoint();
  save_safetensors(path, checkpoint);
  expect_same_checkpoint(load_checkpoint(path), checkpoint);
  const std::string bytes = testing::read_bytes(path);
  std::uint64_t header_length = 0;
  std::memcpy(&header_length, bytes.data(), sizeof header_length);
  EXPECT_EQ(header_length % 8, 0U);
  // The same content gives the same file, and no temporary file stays behind.
  save_safetensors(path, load_checkpoint(path));
  EXPECT_EQ(testing::read_bytes(path), bytes);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(Safetensors, RoundTripsNothing) {
  const ScratchFolder folder;
  save_safetensors(folder.path() / "none", {});
  EXPECT_TRUE(load_checkpoint(folder.path() / "none").tensors.empty());
}

TEST(Safetensors, RefusesToWriteWhatTheFormatCannotHold) {
  const ScratchFolder folder;
  const auto path = folder.path() / "x.safetensors";
  const auto save = [&](const std::string& name, const Tensor& tensor) {
    save_safetensors(path, {.tensors = {{name, tensor}}});
  };
  EXPECT_THROW(save("c", torch::zeros({1}, torch::kComplexFloat)), Error);
  EXPECT_THROW(save("__metadata__", torch::zeros({1})), Error);
  EXPECT_THROW(save("bad\xff", torch::zeros({1})), Error);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Safetensors, RefusesBrokenHeaders) {
  const auto error = [](const std::string& header, std::size_t bytes = 8) {
    return error_of(file_of(header, bytes));
  };
  const auto tensor = [](const std::string& dtype,
                         const std::string& shape,
                         const std::string& at) {
    return R"("w":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + at + "}";
  };
  const std::string good = tensor(R"("F32")", "[2]", "[0,8]");
  EXPECT_EQ(error("{" + good + "}"), "no error");
  EXPECT_EQ(error("{" + good + "}    "), "no error");
  for (const auto& [header, expected] : std::vector<std::pair<std::string, std::string>>{
           {"{" + good, "not valid JSON"},
           {"{" + good + "," + good + "}", "key twice"},
           {"{\"w\xff\":1}", "not valid JSON"},
           {R"({"w":1})", "wrong type"},
           {R"({"w":{}})", "'dtype' is missing"},
           {R"({"w":{"a":{"b":{"c":{"d":1}}}}})", "nested too deeply"},
           {R"({"__metadata__":{"a":1},)" + good + "}", "wrong type"},
           {R"({"__metadata__":[],)" + good + "}", "wrong type"},
           {"{" + tensor(R"("F8")", "[2]", "[0,8]") + "}", "dtype is not supported"},
           {"{" + tensor("32", "[2]", "[0,8]") + "}", "dtype is not supported"},
           {"{" + tensor(R"("F32")", "2", "[0,8]") + "}", "wrong type"},
           {"{" + tensor(R"("F32")", "[-2]", "[0,8]") + "}", "extent"},
           {"{" + tensor(R"("F32")", "[2.0]", "[0,8]") + "}", "extent"},
           {"{" + tensor(R"("F32")", "[1e30]", "[0,8]") + "}", "extent"},
           {"{" + tensor(R"("F32")", "[18446744073709551615]", "[0,8]") + "}", "extent"},
           {"{" + tensor(R"("F32")", "[4294967296,4294967296]", "[0,8]") + "}", "too large"},
           {"{" + tensor(R"("F32")", "[0,4611686018427387904,4]", "[0,8]") + "}", "too large"},
           {"{" + tensor(R"("F32")", "[3]", "[0,8]") + "}", "do not match"},
           {"{" + tensor(R"("F32")", "[2]", "[8,0]") + "}", "do not match"},
           {"{" + tensor(R"("F32")", "[2]", "[0]") + "}", "begin and an end"},
           {"{" + tensor(R"("F32")", "[2]", "[-8,0]") + "}", "begin"},
           {"{" + tensor(R"("F32")", "[2]", "[8,16]") + "}", "beyond the end"},
           {"{" + tensor(R"("F32")", "[1]", "[4,8]") + "}", "hole"},
           {"{" + tensor(R"("F32")", "[1]", "[0,4]") + "}", "longer than"},
           {"{" + good + R"(,"v":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", "overlaps"},
       }) {
    EXPECT_THAT(error(header), ::testing::HasSubstr(expected)) << header;
  }
  std::string bools = file_of(R"({"b":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}})", 1);
  bools.back() = '\x02';
  EXPECT_THAT(error_of(bools), ::testing::HasSubstr("neither 0 nor 1"));
}

TEST(Checkpoint, RefusesForeignFiles) {
  std::string absurd = file_of("{}", 0);
  absurd[7] = '\x7f';
  EXPECT_THAT(error_of(absurd), ::testing::HasSubstr("length makes no sense"));
  EXPECT_THAT(error_of(""), ::testing::HasSubstr("empty"));
  EXPECT_THAT(error_of("<!DOCTYPE html>"), ::testing::HasSubstr("web page"));
  EXPECT_THAT(error_of("version https://git-lfs.github.com/spec/v1"),
              ::testing::HasSubstr("git lfs pull"));
  EXPECT_THAT(error_of("hello"), ::testing::HasSubstr("not a checkpoint"));
  const ScratchFolder folder;
  EXPECT_THROW(load_checkpoint(folder.path()), Error);
  EXPECT_THROW(load_checkpoint(folder.path() / "missing.pt"), Error);
}

TEST(Safetensors, EveryTruncationEndsInAnError) {
  const ScratchFolder folder;
  save_safetensors(folder.path() / "x", mixed_checkpoint());
  const std::string good = testing::read_bytes(folder.path() / "x");
  for (std::size_t size = 0; size < good.size(); ++size) {
    ASSERT_NE(error_of(good.substr(0, size)), "no error") << size;
  }
}

TEST(Safetensors, DamagedBytesLoadOrEndInAnError) {
  const ScratchFolder folder;
  save_safetensors(folder.path() / "x", mixed_checkpoint());
  const std::string good = testing::read_bytes(folder.path() / "x");
  std::mt19937 random(1);
  for (int i = 0; i < 4000; ++i) {
    std::string bytes = good;
    for (unsigned flips = 1 + random() % 3; flips > 0; --flips) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    try {
      load_checkpoint(folder.write("damaged", bytes));
    } catch (const Error&) {
      // fine: anything else fails the test
    }
  }
}

TEST(AtomicFile, ReplacesFollowsLinksAndExplainsFailures) {
  const ScratchFolder folder;
  const auto path = folder.write("a", "old");
  std::filesystem::create_symlink(path, folder.path() / "link");
  write_file_atomically(folder.path() / "link", "new");
  EXPECT_EQ(testing::read_bytes(path), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder.path() / "link"));
  const auto error = [](const std::filesystem::path& target) -> std::string {
    try {
      write_file_atomically(target, "x");
    } catch (const Error& caught) {
      return caught.what();
    }
    return "no error";
  };
  EXPECT_THAT(error(folder.path() / "missing" / "a"), ::testing::HasSubstr("Create the folder"));
  EXPECT_THAT(error(folder.path()), ::testing::HasSubstr("got a folder"));
  EXPECT_THAT(error("/dev/null"), ::testing::HasSubstr("special file"));
}

TEST(AtomicFile, LeavesTheOldContentWhenNotCommitted) {
  const ScratchFolder folder;
  const auto path = folder.write("a", "old");
  {
    AtomicFile file(path);
    file.write("new", 3);
  }
  EXPECT_EQ(testing::read_bytes(path), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

}  // namespace
}  // namespace parallax
