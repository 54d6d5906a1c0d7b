"""The operators that libparallax_torch.so gives PyTorch, against plain PyTorch.

    python3 tests/python/torch_library_test.py build/release/libparallax_torch.so 2.11.0

Exits with 77 if no PyTorch of the library's version can be imported.
"""

import sys

try:
    import torch
    import torch.nn.functional as F
except (ImportError, OSError) as error:
    print(f"no PyTorch can be imported: {error}")
    sys.exit(77)

if torch.__version__.split("+")[0] != sys.argv[2]:
    print(f"PyTorch is {torch.__version__}, the library was built with {sys.argv[2]}")
    sys.exit(77)

torch.ops.load_library(sys.argv[1])
ops = torch.ops.parallax
torch.manual_seed(0)


def close(got, expected, tolerance, what):
    error = (got - expected).abs().max() / expected.abs().max()
    assert error < tolerance, f"{what}: {error}"
    print(f"{what}: {error:.1e}")


def double(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def check_linear_attention():
    """Variant 6 over chunks is linear attention with a mask of chunks."""
    batch, tokens, width, chunk = 2, 12, 4, 4
    q, k, v = (double(batch, tokens, width) for _ in range(3))
    w1 = double(batch, width, width)
    reads = torch.arange(tokens)[None, :] // chunk <= torch.arange(tokens)[:, None] // chunk
    expected = q @ w1 + ((q @ k.mT) * reads) @ v
    for form in ("recurrent", "parallel"):
        got = ops.ttt_layer(q, k, v, None, w1, None, variant="6", form=form, chunk=chunk)
        close(got, expected, 1e-12, f"variant 6, {form}")
        gradients = torch.autograd.grad(got.square().sum(), (q, k, v, w1), retain_graph=True)
        wanted = torch.autograd.grad(expected.square().sum(), (q, k, v, w1), retain_graph=True)
        for name, a, b in zip("q k v w1".split(), gradients, wanted):
            close(a, b, 1e-12, f"variant 6, {form}, gradient of {name}")


def check_delta_rule():
    """The gated delta rule, token by token as its papers have it: a gate per token, or per channel."""
    for variant, channels in (("gated-delta", 1), ("kda", 8)):
        check_gated_delta_rule(variant, channels)


def check_gated_delta_rule(variant, channels):
    batch, tokens, width = 2, 40, 8
    q, v, w1 = double(batch, tokens, width), double(batch, tokens, width), double(batch, width, width)
    k = F.normalize(double(batch, tokens, width), dim=-1)
    rate, decay = (torch.rand(batch, tokens, n, dtype=torch.float64, requires_grad=True) for n in (1, channels))
    state, outputs = w1, []
    for t in range(tokens):
        key = k[:, t : t + 1]
        state = decay[:, t : t + 1].mT * state
        state = state + key.mT @ (rate[:, t : t + 1] * (v[:, t : t + 1] - key @ state))
        outputs.append(q[:, t : t + 1] @ state)
    expected = torch.cat(outputs, 1)
    for form in ("recurrent", "parallel"):
        got = ops.ttt_layer(
            q, k, v, None, w1, None, lr1=rate, decay=decay, variant=variant, form=form, chunk=1
        )
        close(got, expected, 1e-12, f"{variant}, {form}")
        leaves = (q, v, w1, rate, decay)
        gradients = torch.autograd.grad(got.square().sum(), leaves, retain_graph=True)
        wanted = torch.autograd.grad(expected.square().sum(), leaves, retain_graph=True)
        for name, a, b in zip("q v w1 rate decay".split(), gradients, wanted):
            close(a, b, 1e-11, f"{variant}, {form}, gradient of {name}")


def check_gated_unit():
    """ViT³'s inner net trained by autograd, as the method defines it."""
    heads, images, tokens, width, scale = 2, 3, 10, 4, 0.03
    q, k, v = (double(heads, images, tokens, width) for _ in range(3))
    w1, w2 = (double(heads, width, width) for _ in range(2))

    def net(x, a, b):
        return (x @ a) * F.silu(x @ b)

    a, b = (w[:, None].expand(-1, images, -1, -1).detach().requires_grad_() for w in (w1, w2))
    inner = (net(k.detach(), a, b) * v.detach()).sum() * scale
    steps = torch.autograd.grad(inner, (a, b))
    trained = [w + g / (g.norm(dim=-2, keepdim=True) + 1) for w, g in zip((a, b), steps)]
    expected = net(q, *trained).permute(1, 2, 0, 3).flatten(2)
    close(ops.vit3_glu(q, k, v, w1, w2, scale=scale), expected, 1e-12, "gated unit")


def check_depthwise():
    x, weight, bias = double(2, 6, 5, 3), double(1, 9, 3), double(3)
    kernel = weight[0].T.reshape(3, 1, 3, 3)
    expected = F.conv2d(x.permute(0, 3, 1, 2), kernel, bias, padding=1, groups=3).permute(0, 2, 3, 1)
    got = ops.depthwise_convolution(x, weight, bias)
    close(got, expected, 1e-12, "depthwise convolution")
    for name, a, b in zip(
        "x weight bias".split(),
        torch.autograd.grad(got.square().sum(), (x, weight, bias)),
        torch.autograd.grad(expected.square().sum(), (x, weight, bias)),
    ):
        close(a, b, 1e-12, f"depthwise convolution, gradient of {name}")


def check_errors():
    try:
        ops.ttt_layer(None, double(1, 2, 3), double(1, 2, 3), None, double(1, 3, 3), None, variant="7")
    except RuntimeError as error:
        assert "variant" in str(error), error
    else:
        raise AssertionError("an unknown variant was taken")


check_linear_attention()
check_delta_rule()
with torch.device("cpu"):  # whatever the default device is: these two operators run on no other
    check_gated_unit()
    check_depthwise()
check_errors()
print("passed")
