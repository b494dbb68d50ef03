"""A data set whose cutouts are brought to one beam: VLASS for a model that starts from what another learnt on FIRST."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from .. import match
from ..datasets import DataSet, Item
from ..schema import ConfigError, Cutout, InputSpec

PIXELS = 3.0
"""Pixels across the beam, as FIRST has them (1.8 arcsec for 5.4 arcsec)."""


def at_beam(data_set: DataSet, beam: float) -> DataSet:
    """The data set at a round ``beam`` (arcsec, FWHM), its pixels a third as large; the same one for a beam of 0.

    Cutouts are smoothed and regridded when they are read, as ``match`` does at prediction; those that cannot be (a beam
    that is larger or not known) are unreadable, with the reason. Raises ConfigError for data sets with masks.
    """
    if not beam:
        return data_set
    if data_set.is_masked:
        raise ConfigError("match_beam is for data sets of one label an image: masks would have to be smoothed, too.")
    items = tuple(
        replace(item, source=partial(_matched, item, beam), key=f"{item.key}|beam {beam}" if item.key else "")
        for item in data_set.items
    )
    return replace(data_set, items=items, beam_arcsec=(beam, beam), pixel_scale_arcsec=beam / PIXELS)


def _matched(item: Item, beam: float) -> Cutout:
    return match.to_training(item.source(), InputSpec(beam_arcsec=(beam, beam), pixel_scale_arcsec=beam / PIXELS))
