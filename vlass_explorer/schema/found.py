"""What an archive has at a position: its products, and one verdict for each, as a row of the table of cutouts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from .columns import KINDS, Cell, Column, Sentence, column, join_sentences, tidy
from .errors import ExplorerError

Verdict = Literal["found", "partly outside", "outside", "failed QA", "service failed", "blank"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


class ArchiveError(ExplorerError):
    """An archive, a list of positions or the cache of cutouts cannot be used."""


class ServiceError(ArchiveError):
    """A service did not give what it was asked for; the sentence holds its words, never a credential."""

    def __init__(self, service: str, words: str, status: int | None = None) -> None:
        self.service, self.words, self.status = service, words, status
        super().__init__(f"{service} {words}.")

    def __reduce__(self) -> tuple[type[ServiceError], tuple[str, str, int | None]]:
        return type(self), (self.service, self.words, self.status)


@dataclass(frozen=True)
class Target:
    """A position that was asked for, in degrees (ICRS), or the sentence that says why there is none."""

    id: str
    """What was given: a name, a position as text or the identifier of a table's row; unique in a list."""
    ra: float | None = None
    dec: float | None = None
    label: str = ""
    """Class of a source in a table that says it."""
    error: str = ""
    flux: float | None = None
    """Flux density in the table's own unit; only ratios within a table are used."""
    peak: float | None = None
    """Peak brightness in the table's own unit."""
    major: float | None = None
    """Full width at half maximum of the major axis without the beam in arcsec; 0 where not resolved."""
    pa: float | None = None
    """Position angle of that axis in degrees, north through east."""

    @property
    def position(self) -> tuple[float, float]:
        """(RA, Dec) in degrees; ValueError for a target without one."""
        if self.ra is None or self.dec is None:
            raise ValueError(f"{self.id} has no position.")
        return self.ra, self.dec


@dataclass(frozen=True)
class Product:
    """One image that a service has near a position."""

    service: str
    survey: str
    id: str
    """As the service names it."""
    name: str
    """File name, by which ``cutouts`` knows survey and product again."""
    kind: str = ""
    """Single Epoch, Quick Look, or what else the survey tells apart."""
    vlass_epoch: str = ""
    tile: str = ""
    failed_qa: bool = False
    url: str = ""
    rms_name: str = ""
    """Name and address of the survey's own noise image, where there is one."""
    rms_url: str = ""
    cautions: tuple[str, ...] = ()

    @property
    def group(self) -> tuple[str, str]:
        """Products that may be put together: of one survey and one VLASS epoch; others have no epoch."""
        return self.survey, self.vlass_epoch or self.id


@dataclass(frozen=True)
class Found:
    """One product for one target, whatever became of it: a row of the table of cutouts.

    ``verdict`` is None where nothing could be asked (``error`` says why). Missing numbers are None, texts printable.
    """

    id: str = column("meta.id;meta.main", "Target as given, or the identifier of its catalogue")
    ra: float | None = column("pos.eq.ra;meta.main", "ICRS right ascension asked for", "deg")
    dec: float | None = column("pos.eq.dec;meta.main", "ICRS declination asked for", "deg")
    verdict: str | None = column("meta.code.qual", "found, partly outside, outside, failed QA, service failed, blank")
    reason: Sentence | None = column("meta.note", "Why the verdict is not found, with the service's words")
    survey: str | None = column("meta.dataset", "Survey")
    service: str | None = column("meta.id;meta.curation", "Service that was asked")
    product: str | None = column("meta.id", "Products as the service names them, separated by |")
    kind: str | None = column("meta.code", "Kind of image, as Single Epoch or Quick Look")
    vlass_epoch: str | None = column("meta.version;meta.dataset", "Epoch of VLASS, as 2.1")
    tile: str | None = column("meta.id;instr.fov", "Tiles of the survey, separated by |")
    file: str | None = column("meta.id;meta.file", "Cutout, relative to the folder of the table")
    rms_file: str | None = column("meta.id;meta.file", "The survey's noise image, cut alike")
    covered: float | None = column("stat.value", "Share of the square asked for that holds data")
    size: float | None = column("phys.angSize", "Side of the square asked for", "arcsec")
    fetched: float | None = column("phys.angSize", "Side of the square fetched around it", "arcsec")
    rms: float | None = column("instr.det.noise", "Noise measured on the cutout", "Jy/beam")
    rms_survey: float | None = column(
        "instr.det.noise", "Noise of the survey's rms image around the position", "Jy/beam"
    )
    beam_major: float | None = column("phys.angSize;instr.beam;stat.fwhm", "Major FWHM of the beam", "arcsec")
    beam_minor: float | None = column("phys.angSize;instr.beam;stat.fwhm", "Minor FWHM of the beam", "arcsec")
    beam_pa: float | None = column("pos.posAng;instr.beam", "Position angle of the beam, north through east", "deg")
    url: str | None = column("meta.ref.url", "Where it came from, without credentials")
    time: str | None = column("time.creation", "When it was fetched, UTC, ISO 8601")
    bytes: int | None = column("phys.size;meta.file", "Size of the file", "byte")
    sha256: str | None = column("meta.checksum;meta.file", "SHA-256 of the file")
    label: str | None = column("src.class", "Class that the list of positions says")
    components: int | None = column("meta.number", "Rows of the list that were taken together as this source")
    component_ids: str | None = column("meta.id.assoc", "Identifiers of those rows, separated by |")
    placed_on: str | None = column("meta.code", "What ra, dec are where rows were taken together: core, middle, asked")
    offset: float | None = column(
        "pos.angDistance", "Distance of ra, dec from the position of id in the list", "arcsec"
    )
    extent: float | None = column("phys.angSize", "Largest distance between those rows, their sizes added", "arcsec")
    cautions: tuple[Sentence, ...] = column("meta.note", "What speaks against this source, separated by |", default=())
    notes: tuple[Sentence, ...] = column("meta.note", "What to know about the image, separated by |", default=())
    error: Sentence | None = column("meta.code.error", "Why nothing could be asked or kept")
    version: str | None = column("meta.version;meta.software", "Version of the program that wrote this row")

    def __post_init__(self) -> None:
        for name, annotation in _ANNOTATIONS.items():
            object.__setattr__(self, name, tidy(annotation, getattr(self, name)))
        if self.verdict not in (None, *VERDICTS):
            raise ValueError(f"{self.verdict} is no verdict.")

    @property
    def failed(self) -> bool:
        """True where asking again may help: a service or this machine failed, or the target is none."""
        return self.error is not None or self.verdict == "service failed"

    def cells(self) -> tuple[Cell, ...]:
        """The values in the order of ``found_columns``."""
        values = (getattr(self, item.name) for item in fields(self))
        return tuple(join_sentences(value) if isinstance(value, tuple) else value for value in values)

    def values(self) -> dict[str, Any]:
        """What is known, as JSON values by column; missing ones are left out."""
        return {name: value for name, value in asdict(self).items() if value not in (None, ())}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Found:
        """The row that ``values`` gave; keys that are no column are left out."""
        known = {name: value for name, value in values.items() if name in _ANNOTATIONS}
        return cls(**known | {name: tuple(known.get(name, ())) for name in ("notes", "cautions")})


_ANNOTATIONS = {item.name: str(item.type) for item in fields(Found) if item.metadata}


def found_columns() -> Sequence[Column]:
    """Columns of the table of cutouts, in order."""
    return tuple(Column(item.name, KINDS[str(item.type)], **item.metadata) for item in fields(Found))
