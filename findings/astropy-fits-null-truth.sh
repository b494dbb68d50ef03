#!/bin/sh
# astropy 8.0.2 (fitsio 1.4.2): a missing truth comes back from a FITS table as True or as False, never as missing.
#
# A masked column of truths is written without its mask: the masked cell is filled with True. A null logical (a zero
# byte, FITS Standard 4.0, 7.3.3.1) is read as False, by astropy with a warning in the log, by fitsio without one; the
# column has no mask. Masked numbers and texts of the same table survive.
#
# Seen: masked False is stored as T and read as True; a stored null is read as False.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check astropy==8.0.2 fitsio==1.4.2 numpy==2.4.6
venv/bin/python - <<'END'
from pathlib import Path

import fitsio
import numpy as np
from astropy.io import fits
from astropy.table import MaskedColumn, Table

mask = [False, True, False]
Table({"seen": MaskedColumn([True, False, True], mask=mask), "n": MaskedColumn([1, 2, 3], mask=mask)}).write("a.fits")
written = Table.read("a.fits")
print(written)
assert written["seen"].tolist() == [True, True, True] and written["n"].tolist() == [1, None, 3]

fits.BinTableHDU.from_columns([fits.Column("seen", "L", array=np.array([True, False, True]))]).writeto("b.fits")
content = bytearray(Path("b.fits").read_bytes())
content[2 * 2880 + 1] = 0  # the second row: T, null, T
Path("b.fits").write_bytes(content)
read = Table.read("b.fits")["seen"]
print(read.tolist(), fitsio.read("b.fits")["seen"].tolist())
assert read.tolist() == fitsio.read("b.fits")["seen"].tolist() == [True, False, True]
assert not hasattr(read, "mask")
END
