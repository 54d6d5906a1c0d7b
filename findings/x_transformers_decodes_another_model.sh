#!/usr/bin/env bash
# x-transformers 2.31.10: generate() with its cache of keys and values, as it comes, and with cache_kv=False are two
# models for some options of Decoder. Greedy, 24 tokens after each of 16 prompts, share of tokens that are alike:
#   shift_tokens=1: 16 %; attn_data_dependent_alibi: 69 %, and 14 % by the row;
#   rotary, ALiBi, relative and contextual positions, value residuals, or no option: 100 %.
# And the model called with a cache of 20 tokens and an input of 32 answers for the last one as if the 11 before it did
# not exist: its logits are 38 % off (norm) from those without a cache, with no option at all.
# Why: with a cache only the last token is computed. What depends on earlier tokens otherwise than by keys and values
# (the shifted half of the features, sums of gates) sees one token, and tokens between the cache and it are skipped.
# The library has a property for it (can_cache_kv) that is False for attn_selective, and True for these.
# What it means: perplexity, which has no cache, is fine and what is generated is not, as if training failed. A draft
# to verify, or a second prompt, needs a call for each token. Compare with cache_kv=False once.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps x-transformers==2.31.10 torch-einops-utils==0.2.0 einx==0.4.3 einops==0.8.2 frozendict==2.5.1 \
  loguru==0.7.3 numpy==2.2.6 packaging==25.0
python3 - <<'PY'
import torch
from x_transformers import AutoregressiveWrapper, Decoder, TransformerWrapper

torch.set_grad_enabled(False)

def build(**options):
    """A small decoder whose weights are large enough for attention to matter."""
    torch.manual_seed(0)
    layers = Decoder(dim=128, depth=2, heads=4, attn_dim_head=32, **options)
    net = TransformerWrapper(num_tokens=50, max_seq_len=64, attn_layers=layers).eval()
    for weight in net.parameters():
        if weight.ndim > 1:
            weight.normal_(0, 0.12)
    return net

right = {"no option": {}, "rotary": {"rotary_pos_emb": True}, "ALiBi": {"alibi_pos_bias": True, "alibi_num_heads": 4},
         "relative": {"rel_pos_bias": True}, "contextual": {"attn_use_cope": True},
         "value residual": {"add_value_residual": True}}
wrong = {"shift_tokens": {"shift_tokens": 1}, "data-dependent ALiBi": {"attn_data_dependent_alibi": True},
         "the same by row": {"attn_data_dependent_alibi": True, "attn_data_dependent_alibi_per_row": True}}
alike, off = {}, {}
for name, options in {**right, **wrong}.items():
    net = build(**options)
    generator = AutoregressiveWrapper(net).eval()
    torch.manual_seed(1)
    prompts, text = torch.randint(0, 50, (16, 16)), torch.randint(0, 50, (16, 32))
    cached, plain = (generator.generate(prompts, 24, temperature=0.0, cache_kv=cache) for cache in (True, False))
    assert torch.equal(cached, generator.generate(prompts, 24, temperature=0.0))
    alike[name] = float((cached == plain).float().mean())
    _, cache = net(text[:, :20], return_intermediates=True)
    more, _ = net(text, return_intermediates=True, cache=cache)
    true = net(text)[:, -1]
    off[name] = float((more[:, -1] - true).norm() / true.norm())
    # That earlier tokens' logits do not depend on later ones: what is generated token by token has one right answer.
    causal = float((net(text)[:, :20] - net(text[:, :20])).abs().max())
    print(f"{name}: {alike[name]:.0%} of the tokens alike; 12 tokens at once behind a cache: logits of the last are "
          f"{off[name]:.0%} off; can_cache_kv {net.can_cache_kv}, causal to {causal:.0e}")
    assert causal < 1e-4 and net.can_cache_kv
behaves = (all(alike[name] > 0.99 for name in right) and all(alike[name] < 0.9 for name in wrong)
           and all(value > 0.2 for value in off.values()))
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY
