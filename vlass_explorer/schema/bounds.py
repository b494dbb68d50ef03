"""Bounds that stand beside the type of an option, and the rules by which a class of options is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Gt, Interval

if TYPE_CHECKING:
    from pydantic import ConfigDict

Count = Annotated[int, Gt(0)]
Whole = Annotated[int, Ge(0)]
Positive = Annotated[float, Gt(0)]
NotNegative = Annotated[float, Ge(0)]
Share = Annotated[float, Interval(ge=0, le=1)]
ShareBelowOne = Annotated[float, Interval(ge=0, lt=1)]
ShareAboveZero = Annotated[float, Interval(gt=0, le=1)]

OPTION_RULES: ConfigDict = {
    "extra": "forbid",
    "allow_inf_nan": False,
    "coerce_numbers_to_str": True,
    "use_attribute_docstrings": True,
}
"""How pydantic reads them, see ``vlass_explorer.options``: known names and finite numbers only."""
