"""Parallax's test-time-training operators for PyTorch 2.11, on the CPU and differentiable.

    import torch
    import parallax_ttt

    y = parallax_ttt.ttt_layer(q, k, v, None, w1, None, variant="6", form="parallel", chunk=64)

Everything here is also torch.ops.parallax.*, which torch.compile and torch.export know. Shapes: B batch
times heads, N tokens, D head width, H hidden width.
"""

from pathlib import Path as _Path
from typing import Optional as _Optional

import torch as _torch
from torch import Tensor as _Tensor

__version__ = "@VERSION@"
__all__ = [
    "ttt_layer",
    "newton_schulz",
    "vit3_glu",
    "depthwise_convolution",
    "depthwise_correlation",
    "swiglu",
]

# Tensors' layout in memory is another in every minor version of PyTorch; loading the library into a
# wrong one would crash.
if not _torch.__version__.startswith("2.11."):
    raise ImportError(f"parallax_ttt {__version__} works with PyTorch 2.11, this is {_torch.__version__}")

_torch.ops.load_library(str(_Path(__file__).parent / "libparallax_torch.so"))
_ops = _torch.ops.parallax


def ttt_layer(
    q: _Optional[_Tensor],
    k: _Tensor,
    v: _Tensor,
    w0: _Optional[_Tensor],
    w1: _Tensor,
    w2: _Optional[_Tensor],
    *,
    lr0: _Optional[_Tensor] = None,
    lr1: _Optional[_Tensor] = None,
    lr2: _Optional[_Tensor] = None,
    momentum: _Optional[_Tensor] = None,
    decay: _Optional[_Tensor] = None,
    variant: str = "0",
    form: str = "parallel",
    chunk: int = 0,
    newton_schulz_steps: int = 5,
    order: str = "update-first",
    coefficients: str = "muon",
) -> _Tensor:
    """A test-time-training layer's output, [B, N, D].

    q, k, v are [B, N, D]; the fast weights are w1 [B, H, D] with w0 and w2 [B, D, H] of a SwiGLU net, or
    w1 [B, D, D] alone where the variant's net is linear. lr0, lr1, lr2, momentum and decay are gates a
    token, [B, N, 1]; the gated variants need a decay, "gla" and "kda" one per channel, [B, N, D].
    variant: "0" (the published layer) to "6" (linear attention), or any other that `parallax variants`
    explains: "gated", "delta", …
    form: "recurrent" or "parallel", which give the same numbers. chunk: tokens an update; 0: one update
    on all tokens, then the net is applied to all. order: "update-first", or "language-model", which applies
    the net to a chunk before it is updated with it. coefficients: of Newton-Schulz, "muon", "language-model"
    or "polar-express".
    """
    return _ops.ttt_layer(
        q,
        k,
        v,
        w0,
        w1,
        w2,
        lr0=lr0,
        lr1=lr1,
        lr2=lr2,
        momentum=momentum,
        decay=decay,
        variant=variant,
        form=form,
        chunk=chunk,
        newton_schulz_steps=newton_schulz_steps,
        order=order,
        coefficients=coefficients,
    )


def newton_schulz(gradient: _Tensor, steps: int = 5) -> _Tensor:
    """The matrices of a batch made orthogonal by Newton-Schulz iterations."""
    return _ops.newton_schulz(gradient, steps)


def vit3_glu(
    q: _Tensor,
    k: _Tensor,
    v: _Tensor,
    w1: _Tensor,
    w2: _Tensor,
    *,
    scale: float,
    sign: float = 1,
    gated: bool = True,
    trains_gate: bool = True,
    normalised: bool = True,
) -> _Tensor:
    """ViT³'s gated inner net, trained for one step on (k, v) and applied to q."""
    return _ops.vit3_glu(
        q, k, v, w1, w2, scale=scale, sign=sign, gated=gated, trains_gate=trains_gate, normalised=normalised
    )


def depthwise_convolution(x: _Tensor, weight: _Tensor, bias: _Optional[_Tensor] = None) -> _Tensor:
    """A 3x3 convolution of each channel: x [images, rows, columns, channels], weight [1, 9, channels]."""
    return _ops.depthwise_convolution(x, weight, bias)


def depthwise_correlation(x: _Tensor, values: _Tensor) -> _Tensor:
    """The gradient of such a convolution's output with respect to its weight."""
    return _ops.depthwise_correlation(x, values)


def swiglu(gate: _Tensor, value: _Tensor) -> _Tensor:
    """silu(gate) * value."""
    return _ops.swiglu(gate, value)
