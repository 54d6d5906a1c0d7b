"""The installed wheel parallax_ttt against plain PyTorch.

    python3 tests/python/wheel_test.py
"""

import inspect

import parallax_ttt
import torch

torch.manual_seed(0)
batch, tokens, width, chunk = 2, 12, 4, 4
q, k, v = (torch.randn(batch, tokens, width, dtype=torch.float64, requires_grad=True) for _ in range(3))
w1 = torch.randn(batch, width, width, dtype=torch.float64, requires_grad=True)

# Variant 6 over chunks is linear attention with a mask of chunks.
reads = torch.arange(tokens)[None, :] // chunk <= torch.arange(tokens)[:, None] // chunk
expected = q @ w1 + ((q @ k.mT) * reads) @ v
for form in ("recurrent", "parallel"):
    got = parallax_ttt.ttt_layer(q, k, v, None, w1, None, variant="6", form=form, chunk=chunk)
    torch.testing.assert_close(got, expected)
    for a, b in zip(
        torch.autograd.grad(got.square().sum(), (q, k, v, w1), retain_graph=True),
        torch.autograd.grad(expected.square().sum(), (q, k, v, w1), retain_graph=True),
    ):
        torch.testing.assert_close(a, b)

# The published layer, whose two forms agree.
w0, w2 = (torch.randn(batch, width, 6, dtype=torch.float64) for _ in range(2))
w1 = torch.randn(batch, 6, width, dtype=torch.float64)
lr0, lr1, lr2 = (torch.rand(batch, tokens, 1, dtype=torch.float64) * 0.01 for _ in range(3))
both = [
    parallax_ttt.ttt_layer(q, k, v, w0, w1, w2, lr0=lr0, lr1=lr1, lr2=lr2, form=form)
    for form in ("recurrent", "parallel")
]
torch.testing.assert_close(*both)

torch.testing.assert_close(parallax_ttt.swiglu(q, k), torch.nn.functional.silu(q) * k)
orthogonal = parallax_ttt.newton_schulz(torch.randn(1, 8, 8), 10)
assert (torch.linalg.svdvals(orthogonal) - 1).abs().max() < 0.5

# Every operator of the library has its function, with the same arguments.
for name in torch.ops.parallax:
    schema = getattr(torch.ops.parallax, name).default._schema
    function = getattr(parallax_ttt, name)
    assert [a.name for a in schema.arguments] == list(inspect.signature(function).parameters), name
    assert name in parallax_ttt.__all__
print(f"parallax_ttt {parallax_ttt.__version__} on PyTorch {torch.__version__}: passed")
