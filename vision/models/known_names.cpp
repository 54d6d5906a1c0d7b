// Models that Parallax does not run, and others that end up under the wrong command, told by names.
#include <algorithm>
#include <array>
#include <string_view>

#include "vision/models/model_checkpoint.h"

namespace parallax {
namespace {

using Names = std::set<std::string>;

// A kind of checkpoint, which has names that contain each of `parts`.
struct KnownNames {
  const char* what;
  std::vector<std::string_view> parts;
};

// The first row that fits is taken: the particular before the general.
const std::vector<KnownNames>& known_names() {
  static const std::vector<KnownNames> rows = {
      {"one process's part of a model that FSDP flattened; save it again with the state dict type "
       "FULL_STATE_DICT",
       {"_flat_param"}},
      {"LoRA adapters, which are of no use without their model", {".lora_A"}},
      {"an object detector with ViT³ as its backbone (mmdetection); Parallax runs the classifier",
       {"backbone.", ".attn.w3", "rpn_head."}},
      {"an object detector with ViT³ as its backbone (mmdetection); Parallax runs the classifier",
       {"backbone.", ".attn.w3", "bbox_head."}},
      {"a segmentation model with ViT³ as its backbone (mmsegmentation); Parallax runs the "
       "classifier",
       {"backbone.", ".attn.w3", "decode_head."}},
      {"an object detector (mmdetection)", {"backbone.", "rpn_head."}},
      {"an object detector (mmdetection)", {"backbone.", "bbox_head."}},
      {"a segmentation model (mmsegmentation)", {"backbone.", "decode_head."}},
      {"LaCT's language model; of it, Parallax has the layer alone",
       {"embeddings.weight", ".attn.qk_scale", ".attn.lr_proj."}},
      {"an LVSM, the model from which LaCT-NVS was derived", {"image_tokenizer.", "transformer"}},
      {"an LVSM, the model from which LaCT-NVS was derived", {"target_pose_tokenizer."}},
      {"a LaCT-NVS model, for `parallax render`", {"input_linear.weight", ".module_list.1.f.w1"}},
      {"a ViT³ classifier, for `parallax classify`", {"head.weight", "blocks.0.attn.w3"}},
      {"a ViT³ backbone without a classifier's head", {"blocks.0.attn.w3"}},
      {"a diffusion transformer (DiT)", {"x_embedder.", "t_embedder."}},
      {"a diffusion model's U-Net", {"down_blocks.", "up_blocks."}},
      {"a DeiT with a distillation token", {"dist_token", "blocks.0.attn.qkv."}},
      {"a DeiT or plain ViT (timm)", {"cls_token", "pos_embed", "blocks.0.attn.qkv."}},
      {"a plain ViT (timm)", {"pos_embed", "blocks.0.attn.qkv."}},
      {"a Swin transformer", {"relative_position_bias_table"}},
      {"a ViT of torchvision", {"class_token", "encoder.pos_embedding"}},
      {"a ViT of Hugging Face's transformers", {"embeddings.cls_token", "encoder.layer"}},
      {"a CLIP model", {"logit_scale", "visual"}},
      {"a CLIP model", {"logit_scale", "vision_model."}},
      {"a ResNet", {"layer1.0.conv1.weight", "layer4.0.conv1.weight"}},
      {"a ConvNeXt", {"downsample_layers.", ".dwconv."}},
      {"a ConvNeXt (timm)", {"stages.0.", ".conv_dw."}},
      {"a language model", {"embed_tokens.weight", ".self_attn."}},
      {"a language model", {"lm_head.weight"}},
      {"a language model (GPT-2)", {"wte.weight", "h.0.attn."}},
  };
  return rows;
}

bool any_contains(const Names& names, std::string_view part) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return name.find(part) != std::string::npos;
  });
}

}  // namespace

std::string what_names_look_like(const Names& names) {
  for (const KnownNames& row : known_names()) {
    if (std::all_of(row.parts.begin(), row.parts.end(), [&](std::string_view part) {
          return any_contains(names, part);
        })) {
      return row.what;
    }
  }
  return "";
}

}  // namespace parallax
