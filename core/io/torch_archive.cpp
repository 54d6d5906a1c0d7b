// Finds and checks the pickle of a file that torch.save wrote.
#include "core/io/torch_archive.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <optional>

#include "core/base/error.h"
#include "core/io/pickle/pickle.h"

namespace parallax {
namespace {

constexpr std::uint64_t kLargestPickle = std::uint64_t{64} << 20;
constexpr std::string_view kPickleName = "/data.pkl";

// Throws the Error for a zip archive without a pickle of torch.save's.
[[noreturn]] void refuse_other_zip(const ZipArchive& archive) {
  constexpr const char* kRemedy = "Load it and save a dictionary of tensors with torch.save.";
  const std::string where = archive.file().name();
  for (const auto& [name, entry] : archive.entries()) {
    if (name.ends_with(".npy")) {
      throw Error(
          {.what = "this is NumPy's archive of arrays (.npz)", .where = where, .remedy = kRemedy});
    }
    if (name.ends_with("/archive_format")) {
      throw Error({.what = "this is a program of torch.export (.pt2), not a checkpoint",
                   .where = where,
                   .remedy = "Load it with torch.export.load and save its state_dict with "
                             "torch.save."});
    }
  }
  throw Error({.what = "this zip archive was not written by torch.save (it has no data.pkl)",
               .where = where,
               .remedy = "If the checkpoint is packed in it, unpack it."});
}

// The archive's only folder, which torch.save names after the file.
std::string find_root(const ZipArchive& archive) {
  std::optional<std::string> root;
  for (const auto& [name, entry] : archive.entries()) {
    if (name.ends_with(kPickleName) && std::count(name.begin(), name.end(), '/') == 1) {
      if (root) {
        throw Error({.what = "the archive holds two pickles", .where = archive.file().name()});
      }
      root = name.substr(0, name.size() - kPickleName.size());
    }
  }
  if (!root) {
    refuse_other_zip(archive);
  }
  return *root;
}

void check_kind(const ZipArchive& archive, const std::string& root) {
  const std::string where = archive.file().name();
  if (archive.contains(root + "/constants.pkl")) {
    throw Error({.what = "this is a TorchScript archive, a program rather than a checkpoint",
                 .where = where,
                 .remedy = "Load it with torch.jit.load and save its state_dict() with "
                           "torch.save."});
  }
  // Files from before PyTorch 2.1 do not name their byte order; they are little-endian in practice.
  const std::string order = root + "/byteorder";
  if (archive.contains(order) && archive.read(order) != "little") {
    throw Error({.what = "the file's byte order is not supported",
                 .where = where,
                 .expected = "little",
                 .got = printable(archive.read(order)),
                 .remedy = "Save it again on a little-endian machine."});
  }
  if (archive.size(root + std::string(kPickleName)) > kLargestPickle) {
    throw Error({.what = "the file's pickle is too large",
                 .where = where,
                 .expected = c10::str("at most ", kLargestPickle, " bytes"),
                 .remedy = "Save tensors alone."});
  }
}

// The pickle of an archive that passes check_kind().
PickleDocument read_pickle(const ZipArchive& archive, const std::string& root) {
  check_kind(archive, root);
  return unpickle(archive.read(root + std::string(kPickleName)), archive.file().name());
}

}  // namespace

TorchArchive::TorchArchive(const InputFile& file)
    : zip_(file),
      folder_(find_root(zip_)),
      document_(read_pickle(zip_, folder_)),
      tensors_(zip_, folder_) {}

}  // namespace parallax
