#!/bin/sh
# astropy 8.0.2: a column of int8 becomes truths in a FITS table, and a valid 999999 beside a missing one is lost.
#
# FITS has no signed byte of its own (a TZERO of -128 would make one). Table.write stores int8 as logical: class
# numbers 0 to 3 come back as False, True, True, True. The null of a masked integer column is always 999999: a cell
# with that value is missing after reading. Neither gives a warning.
#
# Seen: int8 [0, 1, 2, 3] -> bool [False, True, True, True]; [999999, masked, 2] -> [masked, masked, 2].
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check astropy==8.0.2 numpy==2.4.6
venv/bin/python - <<'END'
import warnings

import numpy as np
from astropy.table import MaskedColumn, Table

warnings.simplefilter("error")
Table({"class": np.array([0, 1, 2, 3], np.int8)}).write("a.fits")
classes = Table.read("a.fits")["class"]
Table({"id": MaskedColumn([999999, 1, 2], mask=[False, True, False])}).write("b.fits")
ids = Table.read("b.fits")["id"]
print(classes.dtype, classes.tolist(), ids.tolist())
assert classes.dtype == bool and classes.tolist() == [False, True, True, True]
assert ids.tolist() == [None, None, 2]
END
