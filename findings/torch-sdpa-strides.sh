#!/bin/sh
# torch 2.15.0 on a processor: scaled_dot_product_attention leaves its fused kernel where the channels of a head are not
# side by side in memory.
#
# Query, key or value that was transposed into place, so that the stride of its channels is not 1, gets the unfused path,
# which writes all scores into memory, without a warning. The answer is the same but for rounding; a contiguous copy
# before the call gives the fused kernel back, at a fraction of what it saves.
#
# Seen: fused for contiguous tensors, with and without a float mask; unfused where query, key or value alone has its
# channels last but one. Printed with it: the time of both, on one thread. Installs torch, several GB; minutes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check torch==2.15.0 numpy==2.4.6
venv/bin/python - <<'END'
import time

import torch
from torch.nn.functional import scaled_dot_product_attention as attend
from torch.profiler import ProfilerActivity, profile

torch.set_num_threads(1)
FUSED, UNFUSED = "aten::_scaled_dot_product_flash_attention_for_cpu", "aten::_scaled_dot_product_attention_math"


def kernel(*parts, mask):
    with torch.inference_mode(), profile(activities=[ProfilerActivity.CPU]) as seen:
        attend(*parts, attn_mask=mask)
    names = {event.key for event in seen.key_averages()}
    return next(name for name in (FUSED, UNFUSED) if name in names)


def seconds(*parts, mask):
    best = float("inf")
    with torch.inference_mode():
        for _ in range(10):
            began = time.perf_counter()
            attend(*parts, attn_mask=mask)
            best = min(best, time.perf_counter() - began)
    return best


torch.manual_seed(0)
aslant = [torch.randn(8, 4, 48, 256).transpose(2, 3) for _ in range(3)]  # (batch, head, token, channel)
straight = [part.contiguous() for part in aslant]
for mask in (None, torch.randn(1, 4, 256, 256)):
    assert kernel(*straight, mask=mask) == FUSED
    assert kernel(*aslant, mask=mask) == UNFUSED
    for place in range(3):
        mixed = [aslant[at] if at == place else straight[at] for at in range(3)]
        assert kernel(*mixed, mask=mask) == UNFUSED
    torch.testing.assert_close(attend(*aslant, attn_mask=mask), attend(*straight, attn_mask=mask))
    times = seconds(*aslant, mask=mask) * 1e3, seconds(*straight, mask=mask) * 1e3
    print(f"{'no mask' if mask is None else 'a mask'}: {times[0]:.1f} ms unfused, {times[1]:.1f} ms fused")
END
