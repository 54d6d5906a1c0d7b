// Builds the tensors that a PyTorch pickle describes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/torch.h"
#include "core/io/pickle/pickle_value.h"
#include "core/io/zip_archive.h"

namespace parallax {

// Reads storages on demand, each once. A tensor that spans its whole storage shares the storage's
// memory, so that tied weights stay tied; other views are copied.
class TorchTensorReader {
 public:
  // `root` is the archive's folder, "archive" by default. The archive must outlive the reader.
  TorchTensorReader(const ZipArchive& archive, std::string root);

  // `value` is of kind kTensor. Throws Error at `where` when its parts do not fit together.
  Tensor read(const PickleValue& value, const std::string& where);  // contiguous, on the CPU

  // Where in the archive's file the elements of a contiguous vector of bytes are, without reading
  // them. Throws Error at `where` for any other tensor.
  ByteRange place_of_bytes(const PickleValue& value, const std::string& where) const;

 private:
  // A tensor's place in its storage, in elements.
  struct View {
    std::int64_t offset = 0;
    std::vector<std::int64_t> shape;
    std::vector<std::int64_t> strides;
  };

  // A storage as the pickle describes it.
  struct Description {
    std::string key;
    at::ScalarType dtype;
    std::int64_t elements = 0;
    std::uint64_t bytes = 0;  // at most the size of the archive's entry
  };

  static View parse_view(const std::vector<PickleValue*>& arguments, const std::string& where);
  static const PickleValue& local_tensor(const PickleValue& value, const std::string& where);
  Tensor read_plain(const PickleValue& value, const std::string& where);
  // `named` is the dtype where the storage is untyped, else null.
  Description describe_storage(const PickleValue& value,
                               const PickleValue* named,
                               const std::string& where) const;
  std::string entry(const std::string& key) const { return root_ + "/data/" + key; }
  const Tensor& storage(const PickleValue& value,
                        const PickleValue* named,
                        const std::string& where);  // [elements]
  void charge(std::uint64_t bytes, const std::string& where);

  const ZipArchive& archive_;
  std::string root_;
  std::map<std::string, Tensor> storages_;  // by the archive's key
  std::uint64_t copied_bytes_ = 0;
};

}  // namespace parallax
