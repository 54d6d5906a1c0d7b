#!/usr/bin/env bash
# transformers 5.24.0: models with a recurrent state, given the cache of the first 32 tokens and then the other 16 in
# one call, answer as if the state were not there, without a word. Logits' distance (norm) from those of one call of 48:
#   Mamba, FalconMamba, Jamba: 18, 40 and 21 %, where 16 calls of one token each are right to 1e-5;
#   MiniMax: 63 % in one call, 22 in 16, and 63 in one with position_ids (0 in 16);
#   Bamba: 6 % in one call, 12 in 16, 0 with position_ids;
#   Mamba2, FalconH1, Rwkv, Llama: 0, however the text is cut.
# Why: Mamba's scan of several tokens begins with an empty state (the convolution before it does have its past), as in
# Jamba's layers of that kind. Bamba's positions begin at 0 in each call unless they are given. MiniMax asks a layer
# that counts no tokens how many there were, for positions and for the mask. Mamba2 was mended in 2026.
# What it means: a second prompt in a dialogue, a long one fed in pieces, drafts to be verified, and perplexity over a
# sliding window are of a model that has forgotten, and generate() itself looks well. Compare once with one call.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps transformers==5.24.0 tokenizers==0.23.3 huggingface_hub==2.4.0 httpx2==2.16.2 httpcore2==2.16.2 \
  anyio==4.16.0 h11==0.16.0 idna==3.20 truststore==0.10.5 safetensors==0.8.0 numpy==2.4.6 packaging==26.4 \
  pyyaml==6.0.4 regex==2026.11.19 tqdm==4.70.1
python3 - <<'PY'
import torch
import transformers as library

FIRST, ALL = 32, 48
basis = dict(vocab_size=64, hidden_size=32, num_hidden_layers=2)
attention = dict(intermediate_size=32, num_attention_heads=4, num_key_value_heads=2)
heads = dict(mamba_n_heads=4, mamba_d_head=16, mamba_d_state=8, mamba_n_groups=1, mamba_chunk_size=16)
models = {
    "Mamba": dict(state_size=8),
    "FalconMamba": dict(state_size=8),
    "Jamba": dict(**attention, attn_layer_period=2, attn_layer_offset=1, num_experts=2, use_mamba_kernels=False,
                  mamba_d_state=8),
    "MiniMax": dict(**attention, head_dim=8, block_size=16, num_local_experts=2,
                    layer_types=["linear_attention", "full_attention"]),
    "Bamba": dict(**attention, **heads, attn_layer_indices=[1]),
    "Mamba2": dict(state_size=8, num_heads=4, head_dim=16, n_groups=1, chunk_size=16),
    "FalconH1": dict(**attention, **heads, mamba_d_ssm=64),
    "Rwkv": dict(attention_hidden_size=32, context_length=128),
    "Llama": attention,
}

def off(got, right):
    return float((got - right).norm() / right.norm())

def run(model, kept, tokens, cuts, with_positions):
    """The logits of pieces of a text, each called with the cache of those before it."""
    cache, logits = {}, []
    for begin, end in zip([0] + cuts, cuts + [ALL]):
        positions = dict(position_ids=torch.arange(begin, end)[None]) if with_positions else {}
        answer = model(tokens[:, begin:end], use_cache=True, **cache, **positions)
        cache = {kept: answer[kept]}
        logits.append(answer.logits)
    return torch.cat(logits, 1)[:, FIRST:]

found = {}
for name, options in models.items():
    torch.manual_seed(0)
    model = library.AutoModelForCausalLM.from_config(getattr(library, name + "Config")(**basis, **options)).eval()
    for weight in model.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=weight.shape[-1] ** -0.5)
    kept = {"Mamba": "cache_params", "FalconMamba": "cache_params", "Mamba2": "cache_params",
            "Rwkv": "state"}.get(name, "past_key_values")
    tokens = torch.randint(3, 64, (1, ALL))
    with torch.no_grad():
        right = model(tokens, use_cache=False).logits[:, FIRST:]
        alone = off(model(tokens[:, FIRST:], use_cache=False).logits, right)
        single = off(run(model, kept, tokens, list(range(FIRST, ALL)), False), right)
        piece = off(run(model, kept, tokens, [FIRST], False), right)
        told = off(run(model, kept, tokens, [FIRST], True), right) if name in ("MiniMax", "Bamba", "Jamba") else None
    found[name] = single, piece, told, alone
    print(f"{name}: one by one {100 * single:.1f} % off, in one piece {100 * piece:.1f}, with position_ids "
          f"{'-' if told is None else f'{100 * told:.1f}'}; without the first {FIRST} {100 * alone:.1f}")
exact = 1e-4
behaves = (all(found[name][0] < exact and found[name][1] > 0.1 for name in ("Mamba", "FalconMamba", "Jamba"))
           and found["MiniMax"][0] > 0.1 and found["MiniMax"][1] > 0.4 and found["MiniMax"][2] > 0.4
           and found["Bamba"][0] > 0.03 and found["Bamba"][1] > 0.03 and found["Bamba"][2] < exact
           and all(max(found[name][:2]) < exact for name in ("Mamba2", "FalconH1", "Rwkv", "Llama")))
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY
