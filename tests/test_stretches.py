"""Pictures that do not say how they were stretched: what is tried, and that the answer names what it depends on."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from astropy.visualization import LogStretch
from PIL import Image
from torch import Tensor, nn

from vlass_explorer import cutouts, measure, pictures, predict, preprocess, stretches
from vlass_explorer.schema import Checkpoint, Cutout, InputSpec

SPEC = InputSpec(stretch="linear", img_size=64, field_of_view_pixels=64, survey="FIRST", beam_arcsec=(5.4, 5.4))


class Faint(nn.Module):
    """Says Wide where more than 300 pixels are brighter than a fifth of the brightest, as a log stretch makes them."""

    def forward(self, x: Tensor) -> Tensor:
        wide = ((x > 0.2).flatten(1).sum(dim=1) > 300).double()
        return torch.stack([4.0 * wide, 4.0 * (1.0 - wide)], dim=-1)


def card(name: str = "faint", sha256: str = "") -> Checkpoint:
    return Checkpoint(name, Path(), "none", "classification", ("Wide", "Narrow"), SPEC, sha256=sha256)


def picture(is_log: bool, colour: bool = False) -> bytes:
    y, x = np.indices((90, 90)) - 45
    image = np.exp(-(y**2 + x**2) / 40.0)
    image[image < 0.01] = 0.0
    grey = np.round(255 * (LogStretch(99.0)(image) if is_log else image)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.stack([grey, grey // 2, grey], axis=-1) if colour else grey).save(buffer, "PNG")
    return buffer.getvalue()


def asked(cutout: Cutout) -> predict.Prediction:
    return predict.predict(Faint(), card(), [cutout])[0]


def test_a_picture_is_tried_as_if_it_had_been_declared() -> None:
    content = picture(is_log=True)
    for name, cutout in stretches.tried(cutouts.read(content)).items():
        declared = cutouts.read(content, stretch=name)
        np.testing.assert_array_equal(cutout.pixels, declared.pixels)
        assert cutout.noise == declared.noise
        torch.testing.assert_close(preprocess.to_tensor(cutout, SPEC), preprocess.to_tensor(declared, SPEC))


def test_the_answer_says_that_it_depends_on_the_stretch() -> None:
    found = asked(cutouts.read(picture(is_log=True)))
    assert found.label == "Wide" and found.validity.level == "caution"
    assert found.validity.reasons[-1] == (
        "The label depends on the stretch, Wide under linear, sqrt and asinh:10, Narrow under log:100: "
        "declare the stretch."
    )
    declared = asked(cutouts.read(picture(is_log=True), stretch="log:100"))
    assert declared.label == "Narrow" and not any("depends on" in reason for reason in declared.validity.reasons)


def test_the_answer_says_that_it_does_not() -> None:
    y, x = np.indices((90, 90)) - 45
    block = ((abs(y) < 10) & (abs(x) < 10)).astype(np.float32)
    cutout = Cutout("block", 255 * block, unit="count", kind="image")
    said = asked(cutout).validity.reasons
    assert said[-1] == "The label is Wide under linear, sqrt, asinh:10 and log:100 alike."
    assert predict.predict(Faint(), card(), [cutout])[0].validity == asked(cutout).validity


def test_what_is_no_grey_picture_is_not_tried() -> None:
    grey = cutouts.read(picture(is_log=False))
    assert set(stretches.tried(grey)) == {"sqrt", "asinh:10", "log:100"}
    for other in (
        cutouts.read(picture(is_log=False, colour=True)),
        cutouts.read(picture(is_log=False), stretch="linear"),
        replace(grey, kind="array"),
        replace(grey, pixels=np.zeros_like(grey.pixels), noise=measure.noise(grey.pixels)),
        replace(grey, pixels=grey.pixels * 1e6),
    ):
        assert stretches.tried(other) == {}


def test_logits_are_those_of_before_whatever_is_tried_beside() -> None:
    grey = cutouts.read(picture(is_log=True))
    fits_like = replace(grey, kind="fits", unit="Jy/beam")
    outcomes = predict.predict_each(Faint(), card(), [fits_like, grey, fits_like], batch_size=2)
    logits = [outcome.logits.tolist() for _, outcome in outcomes if isinstance(outcome, predict.Prediction)]
    assert logits == [[4.0, 0.0]] * 3


@pytest.mark.parametrize("agrees", [True, False])
def test_what_an_agreement_means_belongs_to_the_weights_it_was_measured_with(agrees: bool) -> None:
    (sha256, known) = next(iter(pictures.MEASURED.items()))
    said = pictures.on_agreement(card("first-d4-resnet", sha256 + "0" * 48), agrees)
    assert said.startswith("Both views" if agrees else "The two views") and "says nothing" in said
    assert f"{known.views_agree.value:.2f} of {known.views_agree.of}" in said
    assert "not been measured for other" in pictures.on_agreement(card("other", "ab" * 32), agrees)


def test_only_what_differs_by_more_than_chance_is_told_to_tell() -> None:
    by_hash = {key: known.agreement_tells for key, known in pictures.MEASURED.items()}
    assert by_hash["4e5867a0796178a2"] and not by_hash["5747b8b4b2f23121"]
    for known in pictures.MEASURED.values():
        assert known.views_agree.of + known.views_differ.of == pictures.COUNT
        assert known.views_agree.right + known.views_differ.right == (
            known.native_agrees.right + known.native_differs.right
        )
