// The files in which data sets say what their images show, as they are written: rows of an image
// and the words for its classes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace parallax {

// One image's entry.
struct TruthRow {
  std::string image;               // a path or name, perhaps without extension; empty: by position
  std::vector<std::string> words;  // WordNet ids, names or numbers; several all count; may be empty
  int line = 0;                    // in the file, from 1; in JSON the entry
};

// How the images are named and what numbers mean.
struct TruthTable {
  std::filesystem::path path;
  std::vector<TruthRow> rows;
  bool by_position = false;  // row i is the image whose name ends in "_val_", then i + 1
  int columns = 2;           // of a table of text
};

// Reads any of
//   tables of text with or without header, separated by tabs, semicolons, commas or blanks, fields
//     perhaps quoted (RFC 4180): two columns, or more such as Tiny-ImageNet's val_annotations.txt
//     and Kaggle's LOC_val_solution.csv ("n01443537 x y x y n01443537 …")
//   one column: WordNet ids or names in the order of ILSVRC's validation images, or ILSVRC's ids,
//     which a list beside it translates (see read_ilsvrc_ids)
//   JSON, whole or a line each (see read_truth_json)
// Throws Error naming the file and the line.
TruthTable read_truth_table(const std::filesystem::path& path);

}  // namespace parallax
