// Files of labels in JSON.
#pragma once

#include <string>
#include <vector>

#include "vision/images/truth_table.h"

namespace parallax {

// The rows of a file that begins as JSON does:
//   a list with a number or a list of numbers per image of ILSVRC's validation set, as
//     ImageNet-ReaL's real.json
//   an object from image to number, word or list of these
//   an object per line (JSON lines) with fields for the image and its class, as metadata.jsonl of
//     Hugging Face's imagefolder
// Throws Error naming the file and the entry.
void read_truth_json(TruthTable& table, const std::string& text);

}  // namespace parallax
