"""One row of a table of results: all that is known of one cutout, each column with its unit, UCD and meaning.

This is the only place where columns are named; every format (``export.tables``) is written from it. A number that is
missing is None here and null or NaN in a file, a missing text is empty: no file holds a value that stands for none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from .columns import (
    KINDS,
    SENTENCES,
    Cell,
    Column,
    Sentence,
    column,
    join_labels,
    join_sentences,
    score_columns,
    split_labels,
    split_sentences,
    tidy,
)

RADIO = "phot.flux.density;em.radio"


@dataclass(frozen=True)
class Row:
    """One cutout, whatever became of it: a file that could not be read has all columns empty but a few and ``error``.

    Numbers that are not finite become None and texts printable (``columns.printable``), so that a Row equals itself
    after a round trip through any format. Raises ValueError without an ``id``.
    """

    id: str = column("meta.id;meta.main", "Identifier of the row: the file as given, or the one of its catalogue")
    name: str | None = column("meta.id;meta.file", "Name of the cutout's file")
    cutout_sha256: str | None = column("meta.checksum;meta.file", "SHA-256 of what was read, and of how it was cut")
    content: str | None = column("meta.checksum", "16 hex digits that stand for the pixels, whatever file holds them")

    ra: float | None = column("pos.eq.ra;meta.main", "ICRS right ascension asked for, else of the centre", "deg")
    dec: float | None = column("pos.eq.dec;meta.main", "ICRS declination asked for, else of the centre", "deg")
    position_given: bool | None = column("meta.code", "The position was asked for and not taken from the cutout")
    peak_ra: float | None = column("pos.eq.ra", "ICRS right ascension of the source's brightest pixel", "deg")
    peak_dec: float | None = column("pos.eq.dec", "ICRS declination of the source's brightest pixel", "deg")
    offset: float | None = column("pos.angDistance", "Distance of the brightest pixel from ra, dec", "arcsec")
    group_id: int | None = column("meta.id.parent", "Rows of one group, as copies of one source, share this number")
    detected: bool | None = column("meta.code", "There is a source near the centre: emission that reaches 5 rms")
    at_edge: bool | None = column("meta.code.qual", "The source touches the cutout's border or pixels without data")

    survey: str | None = column("meta.dataset", "Survey")
    product: str | None = column("meta.code", "Image product, as total intensity, rms or alpha")
    frequency: float | None = column("em.freq", "Frequency", "GHz")
    vlass_epoch: str | None = column("meta.version;meta.dataset", "Epoch of VLASS, as 2.1")
    tile: str | None = column("meta.id;instr.fov", "Tile or field of the survey")
    image_version: str | None = column("meta.version;meta.file", "Version of the survey's image")
    date: str | None = column("time.start", "Date of the observation, ISO 8601")
    quick_look: bool | None = column("meta.code", "VLASS Quick Look image")
    simulated: bool | None = column("meta.code;meta.modelled", "Simulated image")
    unit: str | None = column("meta.unit", "Brightness unit of the cutout's file")

    checkpoint: str | None = column("meta.id;meta.software", "Name of the checkpoint that was asked")
    checkpoint_sha256: str | None = column("meta.checksum;meta.software", "SHA-256 of the checkpoint's weights")
    seen: str | None = column(
        "meta.code", "What the checkpoint did with this cutout: trained, selected, unseen, unknown"
    )
    label: str | None = column("src.class", "Class of the highest score")
    score: float | None = column("stat.confidenceLevel;src.class;stat.max", "Highest softmax score, not calibrated")
    scores: Mapping[str, float] = field(default_factory=dict)
    """Class name → softmax score, a column each, not calibrated."""
    validity: str | None = column("meta.code.qual", "May the checkpoint be asked about this: ok, caution, outside")
    reasons: tuple[Sentence, ...] = column("meta.note", "Why it may not, or is untested, separated by |", default=())

    matched_label: str | None = column("src.class", "Class of the highest score at the beam of the training data")
    matched_score: float | None = column(
        "stat.confidenceLevel;src.class;stat.max", "Highest softmax score at the beam of training, not calibrated"
    )
    label_changes: str | None = column("meta.code", "yes where matched_label is not label, else no")
    matched_validity: str | None = column("meta.code.qual", "validity of the matched cutout: ok, caution, outside")
    matched_reasons: tuple[Sentence, ...] = column("meta.note", "reasons of the matched cutout", default=())
    matched_beam_major: float | None = column(
        "phys.angSize;instr.beam;stat.fwhm", "Major FWHM of the beam that the cutout was matched to", "arcsec"
    )
    matched_beam_minor: float | None = column("phys.angSize;instr.beam;stat.fwhm", "Minor FWHM of that beam", "arcsec")
    matched_beam_pa: float | None = column("pos.posAng;instr.beam", "Its position angle, north through east", "deg")
    matched_pixel_scale: float | None = column("instr.scale", "Side of a pixel of the matched cutout", "arcsec")
    matched_rms: float | None = column("instr.det.noise", "Noise of the whole matched cutout", "Jy/beam")
    in_beams_label: str | None = column(
        "src.class", "Class of the highest score, not smoothed, at the same scale in beams as the training data"
    )
    in_beams_score: float | None = column(
        "stat.confidenceLevel;src.class;stat.max", "Highest softmax score at the same scale in beams, not calibrated"
    )
    views_agree: str | None = column("meta.code", "yes where in_beams_label is matched_label, else no")
    views_agree_meaning: Sentence | None = column(
        "meta.note", "How often matched_label is right where the views agree and where not, as measured"
    )
    not_matched: Sentence | None = column("meta.code.error", "Why the cutout could not be matched, or not asked about")

    flip_noise: float | None = column(
        "instr.det.noise", "Total noise of the image's beam at which label flips in half of 16 draws", "Jy/beam"
    )
    flip_noise_times: float | None = column("instr.det.noise;arith.ratio", "The same over the measured rms")
    flip_beam_major: float | None = column(
        "phys.angSize;instr.beam;stat.fwhm", "Major FWHM of the larger beam at which label flips", "arcsec"
    )
    flip_beam_times: float | None = column("phys.angSize;instr.beam;arith.ratio", "The same over the cutout's beam")
    flip_shift: float | None = column("pos.angDistance", "Distance off centre at which label flips", "arcsec")
    flip_rotation: float | None = column("pos.posAng", "Turn, also mirrored, at which label flips", "deg")
    flip_notes: tuple[Sentence, ...] = column(
        "meta.note", "A sentence each on noise, smoothing, shift and rotation: where label flips", default=()
    )

    calibrated_label: str | None = column("src.class", "Class of the highest calibrated score")
    calibrated_score: float | None = column(
        "stat.probability;src.class", "Highest calibrated score: how often such answers were right, as measured"
    )
    prediction_set: str | None = column("src.class", "Classes that the cutout may be, a JSON list, the likeliest first")
    set_coverage: float | None = column("stat.probability", "Share of such sets that hold the class, as asked for")
    calibrated_beam: str | None = column("meta.code;instr.beam", "own or training: the beam that these speak of")
    not_calibrated: Sentence | None = column("meta.code.error", "Why there is no calibrated score and no set")
    training_percentile: float | None = column(
        "stat.rank", "Percent of held-out cutouts that are nearer to the training data; from 95 on unlike it"
    )
    nearest_labels: str | None = column("src.class", "Labels of the nearest training cutouts, a JSON list")
    nearest_names: str | None = column("meta.id", "Names of the nearest training cutouts, a JSON list")
    not_compared: Sentence | None = column("meta.code.error", "Why it was not compared with the training data")
    turned_same: int | None = column("meta.number", "Flips and turns, of eight, that get label")
    turned_lowest: float | None = column("stat.confidenceLevel;stat.min", "Lowest softmax score of label among them")
    turned_highest: float | None = column("stat.confidenceLevel;stat.max", "Highest softmax score of label among them")

    rms: float | None = column("instr.det.noise", "Noise of the whole cutout", "Jy/beam")
    rms_source: Sentence | None = column("meta.note", "How the noise was measured")
    rms_pixels: int | None = column("meta.number", "Pixels that the noise was measured on")
    peak: float | None = column(f"{RADIO};stat.max", "Brightest pixel of the source, else of the cutout", "Jy/beam")
    peak_fit: float | None = column(f"{RADIO};stat.fit", "Peak of the beam fitted to an unresolved source", "Jy/beam")
    peak_error: float | None = column(
        f"stat.error;{RADIO};stat.max", "Error of peak_fit, else noise of peak", "Jy/beam"
    )
    snr: float | None = column("stat.snr", "Peak over rms")
    bowl: float | None = column("instr.background", "Median background around the source", "Jy/beam")

    flux: float | None = column(RADIO, "Integrated flux density, corrected for what its footprint misses", "Jy")
    flux_error: float | None = column(f"stat.error;{RADIO}", "Statistical error of the flux", "Jy")
    flux_scale_error: float | None = column(
        f"stat.error.sys;{RADIO}", "Error of the flux by the survey's flux scale, not in flux_error", "Jy"
    )
    flux_scale_source: Sentence | None = column("meta.bib", "Where the survey's flux scale is published")
    flux_corrected: float | None = column(RADIO, "Flux after the survey's known scale offset", "Jy")
    flux_limit: float | None = column(f"{RADIO};stat.max", "3 sigma limit of the flux where there is no source", "Jy")
    flux_raw: float | None = column(f"{RADIO};stat.uncalib", "Plain sum over the flux footprint", "Jy")
    flux_beams: float | None = column("meta.number", "Area of the flux footprint in beams")
    blanked: int | None = column("meta.number", "Pixels without data in the flux footprint")

    angular_size: float | None = column("phys.angSize", "Largest extent above 3 rms, beam not removed", "arcsec")
    angular_size_beams: float | None = column("phys.angSize", "angular_size over the beam's mean FWHM")
    major: float | None = column("phys.angSize;stat.fwhm", "Deconvolved major FWHM", "arcsec")
    major_error: float | None = column("stat.error;phys.angSize", "Error of major", "arcsec")
    minor: float | None = column("phys.angSize;stat.fwhm", "Deconvolved minor FWHM", "arcsec")
    minor_error: float | None = column("stat.error;phys.angSize", "Error of minor", "arcsec")
    pa: float | None = column("pos.posAng", "Position angle of the major axis, north through east", "deg")
    major_beams: float | None = column("phys.angSize;stat.fwhm", "major over the beam's mean FWHM")
    size_limit: float | None = column("phys.angSize;stat.max", "3 sigma limit of major where unresolved", "arcsec")

    fr_ratio: float | None = column(
        "phys.angSize;arith.ratio", "Separation of the peaks over the extent, 0.5 and more for FR II, beam removed"
    )
    fr_ratio_error: float | None = column("stat.error;phys.angSize;arith.ratio", "Error of fr_ratio")
    core_fraction: float | None = column(f"{RADIO};arith.ratio", "Peak of the core over the flux")
    core_fraction_error: float | None = column(f"stat.error;{RADIO};arith.ratio", "Error of core_fraction")
    bending: float | None = column("pos.posAng;arith.diff", "Angle by which the sides deviate from a line", "deg")
    bending_error: float | None = column("stat.error;pos.posAng;arith.diff", "Error of bending", "deg")
    lobe_ratio: float | None = column(f"{RADIO};arith.ratio", "Flux of the brighter side over that of the other")
    lobe_ratio_error: float | None = column(f"stat.error;{RADIO};arith.ratio", "Error of lobe_ratio")

    beam_major: float | None = column("phys.angSize;instr.beam;stat.fwhm", "Major FWHM of the beam", "arcsec")
    beam_minor: float | None = column("phys.angSize;instr.beam;stat.fwhm", "Minor FWHM of the beam", "arcsec")
    beam_pa: float | None = column("pos.posAng;instr.beam", "Position angle of the beam, north through east", "deg")
    beam_assumed: bool | None = column("meta.code.qual", "The beam is the survey's nominal one, not the file's")
    beam_source: Sentence | None = column("meta.note;instr.beam", "Where the beam was read")
    pixel_scale: float | None = column("instr.scale", "Side of a square as large as a pixel", "arcsec")

    notes: tuple[Sentence, ...] = column("meta.note", "What is odd about the file, separated by |", default=())
    more_notes: tuple[Sentence, ...] = column("meta.note", "The less important rest of notes", default=())
    measurement_notes: tuple[Sentence, ...] = column(
        "meta.note", "Notes on the measurements, separated by |", default=()
    )
    not_measured: tuple[Sentence, ...] = column("meta.note", "Quantity: why it is missing, separated by |", default=())
    error: Sentence | None = column("meta.code.error", "Why there is no prediction")
    version: str | None = column("meta.version;meta.software", "Version of the program that wrote this row")

    def __post_init__(self) -> None:
        for name, annotation in _ANNOTATIONS.items():
            # Most columns of most rows hold nothing already.
            if (value := getattr(self, name)) is not None or annotation == SENTENCES:
                object.__setattr__(self, name, tidy(annotation, value))
        object.__setattr__(self, "scores", {label: float(score) for label, score in self.scores.items()})
        if not self.id:
            raise ValueError("A Row needs an id.")

    def cells(self, columns: Sequence[Column]) -> tuple[Cell, ...]:
        """The values in those columns; a class that this row's checkpoint does not know has no score."""
        return tuple(map(self._cell, columns))

    def _cell(self, place: Column) -> Cell:
        if place.label is not None:
            return self.scores.get(place.label)
        if place.name == CLASSES.name:
            return join_labels(self.scores)
        value: Any = getattr(self, place.name)
        return join_sentences(value) if isinstance(value, tuple) else value

    @classmethod
    def from_cells(cls, columns: Sequence[Column], cells: Iterable[Any]) -> Row:
        """The Row whose ``cells`` these are; an empty text and NaN count as missing."""
        values: dict[str, Any] = {}
        scores: dict[str, float] = {}
        labels: tuple[str, ...] = ()
        for place, cell in zip(columns, cells, strict=True):
            if place.label is not None:
                scores[place.label] = cell
            elif place.name == CLASSES.name:
                labels = split_labels(cell)
            else:
                values[place.name] = split_sentences(cell) if _ANNOTATIONS[place.name] == SENTENCES else cell
        return cls(**values, scores={label: scores[label] for label in labels})


CLASSES = Column(
    "classes", "text", "meta.note;src.class", "Classes that the checkpoint knows, a JSON list in the order of scores"
)
_ANNOTATIONS = {field.name: str(field.type) for field in fields(Row) if field.metadata}


def table_columns(label_names: Sequence[str] = ()) -> tuple[Column, ...]:
    """All columns of a table in order, one score column a class, and the names of the classes."""
    found: list[Column] = []
    for item in fields(Row):
        if item.name == "scores":
            found += [*score_columns(label_names), CLASSES]
        else:
            found.append(Column(item.name, KINDS[str(item.type)], **item.metadata))
    return tuple(found)


def class_names(rows: Iterable[Row]) -> tuple[str, ...]:
    """Classes of all rows in the order in which they first appear."""
    return tuple(dict.fromkeys(label for row in rows for label in row.scores))
