"""Typed exceptions: each is one sentence for the user, never a bug."""

from __future__ import annotations


class ExplorerError(Exception):
    """Bad input, told in one sentence that says what is wrong and what to do; never a bug."""


class CutoutError(ExplorerError):
    """A file cannot be read as a cutout."""


class NeedsPart(CutoutError):
    """Which part of a readable image to cut out has to be said, or said anew: a position or a pixel box."""


class NoSuchPlane(CutoutError):
    """A cube or a TIFF has no such plane."""

    def __init__(self, plane: int, planes: int) -> None:
        self.plane, self.planes = plane, planes
        known = "the image has one plane" if planes == 1 else f"the cube has planes 0 to {planes - 1}"
        super().__init__(f"There is no plane {plane}: {known}.")

    def __reduce__(self) -> tuple[type[NoSuchPlane], tuple[int, int]]:
        """Errors are kept in caches and cross processes: made again from the fields, not from the sentence."""
        return type(self), (self.plane, self.planes)


class EmptyPlane(CutoutError):
    """A plane of a cube holds no data, as edge channels often do; other planes may."""

    def __init__(self, plane: int, planes: int) -> None:
        self.plane, self.planes = plane, planes
        super().__init__(f"Every pixel of plane {plane} is empty (NaN): choose another one, 0 to {planes - 1}.")

    def __reduce__(self) -> tuple[type[EmptyPlane], tuple[int, int]]:
        """As of ``NoSuchPlane``."""
        return type(self), (self.plane, self.planes)


class InputError(ExplorerError):
    """A cutout was read but this preprocessing cannot be applied to it."""


class MatchError(InputError):
    """A cutout cannot be brought to another beam or to other pixels; the sentence says why."""


class PairError(InputError):
    """Two images of a source cannot be compared; the sentence says why."""


class CheckpointError(ExplorerError):
    """A checkpoint folder cannot be listed, loaded or saved."""


class TakesNoArgument(CheckpointError):
    """An architecture has no such argument."""

    def __init__(self, architecture: str, argument: str) -> None:
        self.architecture, self.argument = architecture, argument
        super().__init__(f"{architecture} takes no {argument}: leave it out.")

    def __reduce__(self) -> tuple[type[TakesNoArgument], tuple[str, str]]:
        return type(self), (self.architecture, self.argument)


class UnsupportedError(ExplorerError):
    """A method does not apply to this architecture; the sentence says why."""


class DatasetError(ExplorerError):
    """A data set folder cannot be used for training or testing."""


class UnreadableItem(DatasetError):
    """One cutout of a data set cannot be read."""

    def __init__(self, item: str, why: str) -> None:
        self.item, self.why = item, why
        super().__init__(f"{item}: {why}")

    def __reduce__(self) -> tuple[type[UnreadableItem], tuple[str, str]]:
        return type(self), (self.item, self.why)


class ConfigError(ExplorerError):
    """A run configuration has an unknown key or an impossible value."""


class TableError(ExplorerError):
    """A table of results cannot be written or read."""


class CatalogueError(ExplorerError):
    """A classification of a catalogue cannot be planned, gone on with or merged."""


class ReportError(ExplorerError):
    """Values on a card or in a run folder are no report."""


class RunError(ExplorerError):
    """A run folder cannot be created, read or acted on."""
