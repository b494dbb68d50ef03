#!/bin/sh
# astropy 8.0.2: a machine-readable table (ascii.mrt) keeps one digit of numbers where one of them needs an exponent.
#
# A column of floats is written with the digits of its shortest number: 1e-05 beside 0.00123456 and 12.5 makes all three
# of one digit, without a warning, and 12.5 is read back as 10. Expected is what CDS and AAS tables hold and what the
# other formats of astropy write: every digit, or those of the column's format. A format on the column is heeded.
#
# Seen: 1e-05, 0.00123456, 12.5 are read back as 1e-05, 0.001, 10.0.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check astropy==8.0.2 numpy==2.4.6
venv/bin/python -W error - <<'END'
import io

from astropy.io import ascii
from astropy.table import Table


def read_back(**formats: str) -> list[float]:
    table = Table({"Name": ["a", "b", "c"], "Flux": [1e-05, 0.00123456, 12.5]})
    for name, form in formats.items():
        table[name].format = form
    stream = io.StringIO()
    table.write(stream, format="ascii.mrt")
    return [float(value) for value in ascii.read(stream.getvalue(), format="mrt")["Flux"]]


print("read back:", read_back(), "and with a format:", read_back(Flux="%.5e"))
assert read_back() == [1e-05, 0.001, 10.0]
assert read_back(Flux="%.5e") == [1e-05, 0.00123456, 12.5]
END
