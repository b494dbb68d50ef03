"""Shelf of labelled data sets: one file a data set or folder layout, found by walking this folder.

A file holds a docstring (source, licence, citation), ``TITLE``, ``LABEL_NAMES`` (or None where the folder says) and
``load(root, *, seed=0, count=None) -> DataSet``; it may hold ``matches(root) -> bool`` to recognise its own folder.

``load`` gives every item in an order that does not change, or ``items.subsample(items, count, seed)``, and raises
DatasetError where the folder is not this data set or lacks files. Nothing is divided here, see ``splits``: an ``Item``
says only what the authors do (``fold``, ``split``) and where it lies (``ra``, ``dec``, for splits by sky). Its
``source`` is a ``functools.partial`` of a function of the module, because items travel to loader processes; with a
``key`` (``cache.file_key``) stretched images are kept from run to run. Facts that ``DataSet`` lacks stay unknown to
every checkpoint trained on it: survey, frequency, beam, pixel scale, unit, licence.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from ..foreign import mapped, reason
from ..measure import TO_JY_BEAM
from ..schema import ConfigError, DatasetError, InputSpec, RunConfig
from .items import DataSet, Item

__all__ = ["DATASETS", "DataSet", "Item", "input_spec", "is_made", "load", "recognise"]

PASSED_ON = ("clip_sigma", "softening", "percentiles", "nan_fill")
PIXELS = ("stretch", "normalisation", "field_of_view", "in_chans", "colour")


def _discover() -> dict[str, ModuleType]:
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "load")}


def load(name: str, root: Path | str | None, *, seed: int = 0, count: int | None = None) -> DataSet:
    """Data set ``name`` of the shelf from the folder ``root`` (None for data made in memory).

    "class_folders" on a folder that a more specific file recognises is read by that file, so that orientation, survey
    and licence are right. Raises DatasetError with the reason where the folder cannot be used.
    """
    if name not in DATASETS:
        raise DatasetError(f"Unknown data set {name!r}; known are {', '.join(DATASETS)}.")
    folder = None if root is None or str(root) == "" else Path(root)
    if name == "class_folders" and folder is not None:
        name = recognise(folder)
    data_set: DataSet = DATASETS[name].load(folder, seed=seed, count=count)
    return data_set


def recognise(root: Path | str) -> str:
    """Name of the shelf file that recognises a folder, "class_folders" where none does."""
    claims = [name for name, module in DATASETS.items() if hasattr(module, "matches") and module.matches(Path(root))]
    return claims[0] if claims else "class_folders"


def is_made(name: str) -> bool:
    """True for a data set that is made in memory, not read: it knows its labels and recognises no folder."""
    module = DATASETS.get(name)
    return getattr(module, "LABEL_NAMES", None) is not None and not hasattr(module, "matches")


def input_spec(
    data_set: DataSet,
    config: RunConfig,
    mean: tuple[float, ...] = (0.0,),
    std: tuple[float, ...] = (1.0,),
    start: InputSpec | None = None,
) -> InputSpec:
    """Model input that a run's configuration and its data set decide; mean and std are measured by the trainer.

    Where the data set knows its pixel scale, images without coordinates get the same field of view in pixels.
    ``start`` is the input of the weights that the run starts from: what no option of a run says is as they know it,
    see ``taken_over``.
    """
    pixels = config.field_of_view_pixels
    if data_set.pixel_scale_arcsec:
        pixels = round(config.field_of_view / data_set.pixel_scale_arcsec)
    with mapped(lambda error: ConfigError(f"This model input is impossible: {reason(error, 200)}.")):
        spec = InputSpec(
            stretch=config.stretch,
            field_of_view=config.field_of_view,
            field_of_view_pixels=pixels,
            normalisation=config.normalisation,
            img_size=config.img_size,
            in_chans=config.in_chans,
            mean=mean,
            std=std,
            survey=data_set.survey,
            frequency_ghz=data_set.frequency_ghz,
            beam_arcsec=data_set.beam_arcsec,
            pixel_scale_arcsec=data_set.pixel_scale_arcsec,
            unit=data_set.unit,
            simulated=data_set.simulated,
            colour=data_set.colour and config.in_chans == 3,
        )
    return spec if start is None else taken_over(spec, start)


def taken_over(spec: InputSpec, start: InputSpec) -> InputSpec:
    """The input of a run whose starting weights were trained with ``start``, so that both see the same pixels.

    Mean and std are passed on, too, where nothing that decides pixel values differs; see ``same_pixels``.
    """
    convertible = spec.unit in TO_JY_BEAM and start.unit in TO_JY_BEAM
    spec = replace(
        spec,
        **{key: getattr(start, key) for key in PASSED_ON},
        colour=start.colour if spec.in_chans == start.in_chans else spec.colour,
        unit=start.unit if convertible else spec.unit,
    )
    return replace(spec, mean=start.mean, std=start.std) if same_pixels(spec, start) else spec


def same_pixels(spec: InputSpec, start: InputSpec) -> bool:
    """True where two inputs have the same pixel values before mean and std, whatever their size."""
    return all(getattr(spec, key) == getattr(start, key) for key in (*PASSED_ON, *PIXELS))


DATASETS: Mapping[str, ModuleType] = _discover()
