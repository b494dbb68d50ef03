#!/bin/sh
# pyvo 1.9.1 (astropy 8.0.2): no way to write a frequency range suits both SIA2 and SODA.
#
# Searching images takes a tuple of two quantities and fails on an array of two with units; cutting them out takes the
# array and fails on the tuple, with the message that exactly two values are needed. A single frequency, which SIA2
# documents, raises "Quantity truthiness is ambiguous": only a wavelength as a plain number of metres works.
#
# Seen: (1 GHz, 2 GHz): SIA2 BAND 0.1499 0.2998, SODA ValueError; [1, 2] GHz: SIA2 ValueError, SODA the same BAND.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check pyvo==1.9.1 astropy==8.0.2 numpy==2.4.6
venv/bin/python - <<'END'
from astropy import units as u
from pyvo.dal.adhoc import SodaQuery
from pyvo.dal.sia2 import SIA2Query


def band(service: type, value: object) -> str:
    try:
        found = service("http://localhost/", band=value)["BAND"]
    except ValueError as error:
        return f"ValueError: {error}"
    return found if isinstance(found, str) else found[0]


pair, array = (1 * u.GHz, 2 * u.GHz), [1, 2] * u.GHz
found = {(query.__name__, str(value)): band(query, value) for query in (SIA2Query, SodaQuery) for value in (pair, array)}
for key, answer in found.items():
    print(*key, answer)
right = "0.14989622900000002 0.29979245800000004"
assert band(SIA2Query, pair) == band(SodaQuery, array) == right
assert "truthiness" in band(SIA2Query, array) and "exactly two values" in band(SodaQuery, pair)
assert "truthiness" in band(SIA2Query, 1.4 * u.GHz)
END
