// What torch.save writes since PyTorch 1.6: a zip archive of one pickle and the storages of the
// tensors in it.
#pragma once

#include <string>

#include "core/io/input_file.h"
#include "core/io/pickle/pickle_value.h"
#include "core/io/torch_tensors.h"
#include "core/io/zip_archive.h"

namespace parallax {

// An opened file. Only the pickle is read at once; no code in it is run.
class TorchArchive {
 public:
  // Throws Error naming the file if it is no such archive or is damaged. `file` must outlive it.
  explicit TorchArchive(const InputFile& file);
  TorchArchive(const TorchArchive&) = delete;
  TorchArchive& operator=(const TorchArchive&) = delete;

  const PickleValue& root() const { return *document_.root; }  // what was saved
  TorchTensorReader& tensors() { return tensors_; }

 private:
  ZipArchive zip_;
  std::string folder_;  // the archive's only one, which torch.save names after the file
  PickleDocument document_;
  TorchTensorReader tensors_;
};

}  // namespace parallax
