"""A checkpoint as an ONNX file, checked against the model it came from."""

from __future__ import annotations

import importlib.util
import logging
import warnings

import numpy as np
import torch

from ..foreign import mapped, reason
from ..schema import Checkpoint, CheckpointError
from .weights import load

TOLERANCE = 1e-4
"""Largest difference of a logit between the file in ONNX Runtime and the model."""
NEEDED = ("onnx", "onnxscript", "onnxruntime")


def to_onnx(card: Checkpoint) -> bytes:
    """The model with input ``image`` (1, C, S, S), what ``preprocess.to_tensor`` makes, and output ``logits`` (1, K).

    Raises CheckpointError where the packages are absent, the architecture cannot be exported, or ONNX Runtime gives
    other logits than the model.
    """
    if absent := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise CheckpointError(f"ONNX export needs {', '.join(absent)}: install them with pip.")
    import onnxruntime

    spec = card.input_spec
    model = load(card)
    image = torch.rand(1, spec.in_chans, spec.img_size, spec.img_size, generator=torch.Generator().manual_seed(0))
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with mapped(lambda error: CheckpointError(f"{card.architecture} cannot be written as ONNX: {reason(error)}.")):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch and its exporter talk about their own future
                program = torch.onnx.export(
                    model, (image,), dynamo=True, verbose=False, input_names=["image"], output_names=["logits"]
                )
            assert program is not None
            content = bytes(program.model_proto.SerializeToString())
            session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
            (found,) = session.run(["logits"], {"image": image.numpy()})
    finally:
        logger.setLevel(level)
    with torch.inference_mode():
        difference = float(np.abs(np.asarray(found) - model(image).numpy()).max())
    if not difference <= TOLERANCE:
        raise CheckpointError(f"The ONNX file of {card.name} gives logits that differ by {difference:.2g}; not exported.")
    return content
