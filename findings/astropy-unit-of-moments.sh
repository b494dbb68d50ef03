#!/bin/sh
# astropy 8.0.2: the unit that CASA gives to moment maps, Jy/beam.km/s, is read as Jy / (beam km s).
#
# All that follows a slash up to the next one counts as denominator, km included. CASA (immoments) means
# Jy beam-1 km s-1, and FITS Standard 4.0 (section 4.3) says that normal mathematical precedence applies. The unit has
# the wrong dimension, which shows where it is converted, not where it is read.
#
# Seen: u.Unit("Jy/beam.km/s", format="fits") is Jy / (beam km s), without a warning, and does not convert to
# Jy/beam km/s.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check astropy==8.0.2 numpy==2.4.6
venv/bin/python - <<'END'
import warnings

from astropy import units as u

with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    found = u.Unit("Jy/beam.km/s", format="fits")
meant = u.Jy / u.beam * u.km / u.s
print(found, "|", meant, "|", [str(warning.message) for warning in told])
assert found == u.Jy / u.beam / u.km / u.s and not found.is_equivalent(meant)
assert not told
END
