// Augments training images: crops, mirroring, colours, random distortions, erased rectangles, and
// mixtures of two images.
#pragma once

#include <opencv2/core/mat.hpp>

#include "core/base/options.h"
#include "core/base/torch.h"
#include "vision/synth/random.h"

namespace parallax {

// How strongly and how often training images are varied.
struct AugmentOptions {
  double min_crop = 0.25;  // share of the image's area
  bool no_mirror = false;
  double jitter = 0.3;
  int distortions = 2;
  double distortion_strength = 0.5;
  double erase = 0.1;
  double mixup = 0.2;
  double cutmix = 1.0;
  double mix_probability = 0.5;
  double label_smoothing = 0.1;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("min_crop", self.min_crop, "smallest share of an image's area", OptionRange{0.01, 1});
    visitor("no_mirror", self.no_mirror, "never mirror (if text or left and right matter)");
    visitor("jitter",
            self.jitter,
            "brightness, contrast and saturation vary by this share",
            OptionRange{0, 0.99});
    visitor("distortions", self.distortions, "random distortions per image", OptionRange{0, 10});
    visitor("distortion_strength",
            self.distortion_strength,
            "strength of the distortions",
            OptionRange{0, 1});
    visitor("erase", self.erase, "probability that a rectangle is erased", OptionRange{0, 1});
    visitor("mixup", self.mixup, "alpha of mixup; 0: none", OptionRange{0, 100});
    visitor("cutmix", self.cutmix, "alpha of cutmix; 0: none", OptionRange{0, 100});
    visitor("mix_probability",
            self.mix_probability,
            "share of the batches that are mixed",
            OptionRange{0, 1});
    visitor("label_smoothing",
            self.label_smoothing,
            "probability spread evenly over all classes",
            OptionRange{0, 0.99});
  }
};

// Varies one training image: [side, side, 3] uint8 → the same shape.
cv::Mat augment_image(const cv::Mat& rgb, const AugmentOptions& options, Random& random);

// Fills a rectangle with noise, with the options' probability.
void erase_part(Tensor& image,  // [3, side, side] normalised
                const AugmentOptions& options,
                Random& random);

// Mixes each image with its counterpart counted from the batch's other end, and the targets
// likewise, by blending or by pasting a rectangle.
void mix_images(Tensor& images,   // [B, 3, side, side]
                Tensor& targets,  // [B, classes]
                const AugmentOptions& options,
                Random& random);

}  // namespace parallax
