#!/usr/bin/env bash
# flash-linear-attention 0.6.0 (fla-core): two forms of one operator, called alike with nothing but their inputs,
# compute different functions, since their parameters have different defaults.
#   fla.ops.linear_attn: the parallel forms (chunk_linear_attn, fused_chunk_linear_attn) divide by q·Σk
#     (normalize=True); the recurrent one and both plain ones do not (normalize=False).
#   fla.ops.rwkv7: chunk_rwkv7 scales queries by 1 (scale=1.0), fused_recurrent_rwkv7 by 1/sqrt(K) (scale=None).
# With positive features of 64 tokens the two readings of linear attention are 98 % apart (norm) and the factor
# between them is another one for each token, so that no scale makes up for it; states agree, which hides it.
# What it means: whoever trains with the chunks and decodes with the recurrence, or takes the plain form as a
# reference, passes `normalize` and `scale` always.
# Needs python3 with pip, and PyPI; no GPU: the kernels' defaults are read from their signatures, the effect is shown
# with the plain form under both. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its 3 GB of
# libraries. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps fla-core==0.6.0 einops==0.8.2 triton==3.6.0
python3 - <<'PY'
import inspect

import torch
from fla.ops import linear_attn, rwkv7
from fla.ops.linear_attn import naive

def default(function, parameter):
    value = inspect.signature(function).parameters[parameter].default
    print(f"{function.__module__}.{function.__name__}: {parameter}={value}")
    return value

parallel = [default(f, "normalize") for f in (linear_attn.chunk_linear_attn, linear_attn.fused_chunk_linear_attn)]
others = [default(f, "normalize") for f in (linear_attn.fused_recurrent_linear_attn,
                                            naive.naive_recurrent_linear_attn, naive.naive_chunk_linear_attn)]
scales = [default(rwkv7.chunk_rwkv7, "scale"), default(rwkv7.fused_recurrent_rwkv7, "scale")]

torch.manual_seed(0)
q, k, v = (torch.rand(1, 64, 2, 16) for _ in range(3))
plain, state = naive.naive_recurrent_linear_attn(q, k, v, output_final_state=True)
divided, (same_state, _) = naive.naive_recurrent_linear_attn(q, k, v, output_final_state=True, normalize=True)
apart = float((plain - divided).norm() / plain.norm())
factors = (plain / divided)[0, [0, -1], 0, 0].tolist()
print(f"plain and divided {apart:.0%} apart; factor {factors[0]:.2f} at the first token, {factors[1]:.1f} at the last")
behaves = (parallel == [True, True] and others == [False] * 3 and scales == [1.0, None] and apart > 0.5
           and factors[1] > 5 * factors[0] and torch.equal(state, same_state))
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY
