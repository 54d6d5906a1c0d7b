// The options of `parallax classify`.
#pragma once

#include <string>
#include <vector>

#include "apps/common/cli.h"
#include "vision/models/vit3/variants.h"

namespace parallax {

// The options of `parallax classify`.
struct ClassifyOptions {
  std::vector<std::string> paths;
  std::vector<std::string> models;
  std::vector<std::string> variants;
  std::string checkpoint_key;
  std::string form = "parallel";
  std::string device = "cpu";
  std::string dtype = "float32";
  std::string size;
  std::string labels;
  std::string truth;
  bool upright = false;
  std::string output = "output/classify";
  std::string json;
  int batch_size = 8;
  int workers = 2;
  int topk = 5;
  int thumbnails = 4000;
  bool resume = false;
  std::string shard;
  bool merge = false;
  double rank_timeout = 5;
  CommonOptions common;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("model",
            self.models,
            "bundled names or checkpoints (.safetensors, .pt, .pth, .ckpt, .bin); several are "
            "compared");
    visitor("variant",
            self.variants,
            "rows of the variant table; several are compared: " + vit3_variant_names());
    visitor("checkpoint_key", self.checkpoint_key, kCheckpointKeyHelp);
    visitor("form", self.form, "recurrent, parallel or both");
    visitor("device", self.device, "cpu, cuda or cuda:<index>");
    visitor("dtype", self.dtype, "float32 or bfloat16");
    visitor(
        "size", self.size, "input size WxH or a number (default: what the model was trained at)");
    visitor("labels",
            self.labels,
            "class names: a file of one per line, JSON, or a Hub model's config.json");
    visitor("truth",
            self.truth,
            "file of the images' classes, such as a CSV of image and class (default: from folders' "
            "names, else a file beside the images)");
    visitor("upright",
            self.upright,
            "turn images as their EXIF orientation says; published accuracies are without");
    visitor("output", self.output, "folder for the results");
    visitor("json", self.json, "also write the summary here; - is stdout");
    visitor("batch_size", self.batch_size, "images per pass", OptionRange{1, 4096});
    visitor("workers", self.workers, "threads that decode images", OptionRange{1, 256});
    visitor("topk", self.topk, "classes reported per image", OptionRange{1, 1000});
    visitor("thumbnails",
            self.thumbnails,
            "thumbnails on the page, at most; 0: none",
            OptionRange{0, 1e6});
    visitor("resume", self.resume, "go on where an earlier run into the same folder ended");
    visitor(
        "shard",
        self.shard,
        "I/N: classify every N-th image from the I-th on (1 to N), for jobs that know nothing of "
        "each other");
    visitor(
        "merge", self.merge, "the paths are the folders of all shards: put their results together");
    visitor("rank_timeout",
            self.rank_timeout,
            "seconds of silence after which another process's images are reassigned",
            OptionRange{1, 1e6});
  }
};

}  // namespace parallax
