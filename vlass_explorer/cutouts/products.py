"""What an image shows: by its header, then by the names that pipelines give to products; an object's name says nothing.

Names are read from their end, where CASA, WSClean, Aegean, PyBDSF and the survey archives put the product. A product at
their beginning counts for the images of CASDA, and where the unit is not one of brightness a beam.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from . import units
from .axes import MAX_AXES, SPECTRAL, STOKES, ctype

TOTAL = "total intensity"
RESAMPLED = "HiPS"
"""Cut from a HiPS by hips2fits: resampled, without unit and beam, whatever survey it shows."""
UNIT_KEYS = tuple(f"CUNIT{axis}" for axis in range(1, MAX_AXES + 1))
# Types of an axis that tell what the whole image is.
AXIS_TYPES = (
    (re.compile(r"^PSF$"), "psf"),
    (re.compile(r"^(FDEP|FARADAY|FARDEPTH|RMDEPTH|ROTMEAS|RM(-|$))"), "Faraday depth"),
)
# BTYPE as casacore and Miriad write it, TYPE and IMTYPE of pipelines; "Intensity" and "image" tell nothing more.
TYPES = (
    (
        re.compile(r"^polari[sz]ed|polari[sz]ed[ _]?int|pol(arised|arized)?[ _.]?int|^p?poli?$|lin(ear)?[ _]?pol"),
        "polarised intensity",
    ),
    (re.compile(r"fractional[ _]?pol"), "fractional polarisation"),
    (re.compile(r"position[ _]?angle|pol.*angle"), "polarisation angle"),
    (re.compile(r"faraday|rotation[ _]?measure|^rm$"), "Faraday depth"),
    (re.compile(r"spectral[ _]?ind|^spix|^alpha|^beta\b"), "alpha"),
    (re.compile(r"optical[ _]?depth"), "optical depth"),
    (re.compile(r"weight|^sumwt"), "weights"),
    (re.compile(r"primary[ _]?beam|^pb\b|sensitivity"), "primary beam"),
    (re.compile(r"^(dirty[ _]?)?beam|psf|point[ _]?spread"), "psf"),
    (re.compile(r"resid"), "residual"),
    (re.compile(r"model"), "model"),
    (re.compile(r"^mask"), "mask"),
    (re.compile(r"noise|\brms|uncertaint"), "rms"),
    (re.compile(r"background"), "background"),
    (re.compile(r"integrated|moment[ _-]*0|^mom0"), units.INTEGRATED),
    (re.compile(r"velocity|moment"), units.VELOCITIES),
)
RAD_M2 = re.compile(r"^rad[\s./*]*m(\s*/\s*m|[\s^*({-]*2)", re.IGNORECASE)
AIPS_CLASS = re.compile(r"(?:IM|OUT)CLASS\s*=\s*'([A-Z]+\d*)")
AIPS_CLASSES = (
    (re.compile(r"^[IQUVRL]BM\d+$"), "psf"),
    (re.compile(r"^[QUV](CL|IM|MAP)\d*$"), "stokes QUV"),
    (re.compile(r"^(POLI|POLC|PPOL)"), "polarised intensity"),
    (re.compile(r"^(POLA|PANG)"), "polarisation angle"),
    (re.compile(r"^FPOL"), "fractional polarisation"),
    (re.compile(r"^(SPIX|SPI)"), "alpha"),
    (re.compile(r"^RMSD?(MAP|IM)?$"), "rms"),
    (re.compile(r"^(RM|RMMAP)$"), "Faraday depth"),
)
OPERATION = re.compile(r"\b(?:mode|OPCODE)\s*=\s*[\"'](poli|polc|pola|lpoli|tpoli|spix)\b", re.IGNORECASE)
OPERATIONS = {
    "poli": "polarised intensity",
    "polc": "polarised intensity",
    "lpoli": "polarised intensity",
    "tpoli": "polarised intensity",
    "pola": "polarisation angle",
    "spix": "alpha",
}
OUTFILE = re.compile(r"\b(?:outfile|fitsimage)\s*=\s*[\"']([^\"']+)[\"']")

# CASDA puts the product first and the Stokes parameter second: noiseMap.image.i.SB9602.cont.taylor.0.restored.
CASDA = re.compile(
    r"^(noiseMap|meanMap)\.|^(?i:(weights?|psf|residual|sensitivity|model|mask|component\w*)"
    r"\.[\w.-]*\b(?:cont|taylor|SB\d+))"
)
CASDA_FIRST = {
    "noisemap": "rms",
    "meanmap": "background",
    "weights": "weights",
    "weight": "weights",
    "psf": "psf",
    "residual": "residual",
    "sensitivity": "rms",
    "model": "model",
    "mask": "mask",
    "componentmap": "model",
    "componentresidual": "residual",
}
TAYLOR = re.compile(r"(?:(?<![A-Za-z0-9])taylor[._]|(?<=[._-])tt)([1-9])(?![A-Za-z0-9])")
STOKES_NAME = re.compile(
    r"^(?:image|restored|weights)\.(?:restored\.)?([QUV])\.|\.v\d+\.(?:spw\d+\.)?([IQUV]+)\.iter|\.EPOCH\w+\.([QUV])\b"
    r"|-([QUV])-(?:image|dirty|residual|model)\b"
    r"|(?:^|[._-])(?:pol|stokes)[._-]?([QUV])(?:[._-]|$)|^RACS[\w+-]*[._]([QUV])\b",
    re.IGNORECASE,
)
PRIMARY_BEAM = re.compile(r"-beam-(?:\d{1,2}|I)\b")  # of WSClean, which gives it the unit of its images
CORRELATION = re.compile(r"-(XX|YY|XY|YX|RR|LL|RL|LR)i?-(?:image|dirty|residual|model)\b")  # of WSClean
FARADAY_NAME = re.compile(r"(?:^|[._-])(FDF|RMSF)[._-]", re.IGNORECASE)
WORDS = (
    (re.compile(r"^(rmsd?|rmsmap|noise|noisemap)$"), "rms"),
    (re.compile(r"^resid(ual)?s?$"), "residual"),
    (re.compile(r"^(psf|dirtybeam)$"), "psf"),
    (re.compile(r"^models?$"), "model"),
    (re.compile(r"^(bkg|background|meanmap)$"), "background"),
    (re.compile(r"^((pybds[fm])?mask\d*|pyrank)$"), "mask"),
    (re.compile(r"^dirty$"), "dirty"),
    (re.compile(r"^(pb|fluxscale)$"), "primary beam"),
    (re.compile(r"^(weights?|sumwt|gridwt)$"), "weights"),
    (re.compile(r"^(polint|poli|ppol|linpol)$"), "polarised intensity"),
    (re.compile(r"^(rmmap|faradaydepth)$"), "Faraday depth"),
    (re.compile(r"^(alpha|spx|spix|spindex)$"), "alpha"),
)
CORRECTED = ("image", "int", "flat", "residual", "model", "dirty")  # WSClean's -image-pb: for the primary beam
UNLIKELY = ("alpha", "primary beam")  # in Jy/beam, so that the unit outweighs a word in the name
# What may follow the product in a name: forms of a file, parts of an image, versions, tools, Stokes I.
FOLLOWS = re.compile(
    r"^(fits?|fts|gz|fz|bz2|z|png|jpe?g|tiff?|npy|subim(age)?|sub|cutout|crop(ped)?|cut|com|comp(ressed)?|conv(olved)?"
    r"|restored|smooth(ed)?|corr?|int|img|image|map|tt0|pbcor|i|mfs|final|copy|2d|(py)?bds[fm]|gaus|shap(elet)?s?|ch0"
    r"|error|v?\d+|s?\d+(arcmin|arcsec|asec)?|)$"
)


def product(
    name: str, header: Mapping[str, Any], unit: str | None, stokes: str | None, shown: tuple[str, str]
) -> str | None:
    """A product other than total intensity that header or name tell; None where they tell none.

    ``stokes`` is that of the plane (a name of ``axes.STOKES``), ``shown`` the types of the axes x and y.
    """
    is_brightness = (unit or "").endswith("Jy/beam")
    return _by_header(header, unit, stokes, shown) or by_name(name, is_brightness, stokes is None, not is_brightness)


def _by_header(header: Mapping[str, Any], unit: str | None, stokes: str | None, shown: tuple[str, str]) -> str | None:
    if any(kind.startswith((*SPECTRAL, "STOKES")) for kind in shown):
        return "position-velocity"
    if "hips2fits" in str(header.get("HISTORY") or "").lower():
        return RESAMPLED
    for axis in range(1, MAX_AXES + 1):
        if text := ctype(header, axis):
            for pattern, what in AXIS_TYPES:
                if pattern.match(text):
                    return what
    told = [str(header.get(key) or "").strip().upper() for key in ("STOKES", "POL")]
    stokes = stokes or next((text for text in told if text in STOKES.values()), None)
    if stokes not in (None, "I"):
        return of_stokes(stokes or "")
    if any(RAD_M2.match(str(header[key] or "").strip()) for key in (*UNIT_KEYS, "BUNIT") if key in header):
        return "Faraday depth"
    if (moment := units.moment(unit or "")) is not None:
        return moment
    for key in ("BTYPE", "TYPE", "IMTYPE", "IMAGETYP", "PRODUCT"):
        if not (text := str(header.get(key) or "").strip().lower()):
            continue
        for pattern, what in TYPES:
            if pattern.search(text):
                return what
        if order := TAYLOR.search(f".{text}"):
            return f"tt{order[1]}"
    if (named := of_word(str(header.get("EXTNAME") or "").strip().lower())) is not None:
        return named
    return by_name(in_pieces(header), False) or _by_history(str(header.get("HISTORY") or ""))


def in_pieces(header: Mapping[str, Any]) -> str:
    """File name that the VLASS pipeline left in pieces: FILNAM01 'VLASS3', FILNAM02 '1' and so on."""
    keys = sorted(key for key in header if key.startswith("FILNAM") and re.fullmatch(r"FILNAM\d\d", key))
    return ".".join(str(header[key]).strip() for key in keys)


def _by_history(history: str) -> str | None:
    """The last image that AIPS or CASA wrote, by its class or name, and the operation that made it."""
    if classes := AIPS_CLASS.findall(history):
        for pattern, what in AIPS_CLASSES:
            if pattern.match(classes[-1]):
                return what
    joined = re.sub(r"\n[ \t]*>", "", history)  # CASA continues a line with > on the next
    if operations := OPERATION.findall(joined):
        return OPERATIONS[operations[-1].lower()]
    if written := OUTFILE.findall(joined):
        return by_name(re.split(r"[/\\]", written[-1])[-1], False)
    return None


def of_stokes(stokes: str) -> str:
    """The product that a name of ``axes.STOKES`` is."""
    if stokes in ("Q", "U", "V"):
        return "stokes QUV"
    if stokes == "beam":
        return "psf"
    return f"{stokes} correlation" if len(stokes) == 2 and stokes.isupper() else stokes


def by_name(name: str, is_brightness: bool, tells_stokes: bool = True, tells_first: bool = False) -> str | None:
    """The product that a file's name tells, as pipelines put it; ``is_brightness``: the unit is Jy/beam.

    ``tells_stokes``: a letter for the Stokes parameter counts; ``tells_first``: so does a product at the beginning.
    """
    if (first := CASDA.match(name)) and (what := CASDA_FIRST.get((first[1] or first[2]).lower())):
        return what
    if tells_stokes and (pair := CORRELATION.search(name)):
        return f"{pair[1]} correlation"
    if tells_stokes and (letters := STOKES_NAME.search(name)):
        letter = next(group for group in letters.groups() if group).upper()
        if letter in ("Q", "U", "V"):
            return "stokes QUV"
    if PRIMARY_BEAM.search(name):
        return "primary beam"
    if FARADAY_NAME.search(name):
        return "Faraday depth"
    if what := _last_word(name, is_brightness):
        return what
    if order := TAYLOR.search(name):
        return f"tt{order[1]}"
    first_word = re.split(r"[^a-z0-9]+", name.lower())[0]
    return of_word(first_word) if tells_first else None


def _last_word(name: str, is_brightness: bool) -> str | None:
    """The product that stands last in a name, behind it only what may follow a product."""
    parts = re.split(r"([^a-z0-9]+|_)", name.lower())
    words, breaks = parts[::2], ["", *parts[1::2]]
    for i in range(len(words) - 1, -1, -1):
        what, before = of_word(words[i]), words[i - 1] if i else ""
        if what == "primary beam" and before in CORRECTED:
            return of_word(before)
        if what in UNLIKELY and is_brightness and not breaks[i].endswith("."):
            return None  # CASA's .alpha is one; W51_alpha in Jy/beam is not
        if what is not None:
            return what
        is_image = words[i] == "image" and breaks[i].endswith((".", "-"))  # of CASA (.image) and WSClean (-image)
        if is_image or not FOLLOWS.match(words[i]):
            return None
    return None


@lru_cache(maxsize=1024)  # of the words of a survey's names most are the same
def of_word(word: str) -> str | None:
    """The product that one word in lower case names, as pipelines call it."""
    return next((what for pattern, what in WORDS if pattern.match(word)), None)
