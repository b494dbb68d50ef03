#!/bin/sh
# regions 0.12 (astropy 8.0.2): the corners of a box of CASA become its size on the sky.
#
# A CRTF "box" is given by two corners. Their difference in right ascension is taken as the width of a
# RectangleSkyRegion, which is an angle on the sky: at declination 60 the box covers twice the right ascension that it
# says.
#
# Seen: corners at RA 10.0 and 10.2, Dec 60: a width of 0.2 deg (0.0998 on the sky would be right); the region holds
# RA 10.25, outside of the box. No warning.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check regions==0.12 astropy==8.0.2 numpy==2.4.6
venv/bin/python - <<'END'
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from regions import Regions

(box,) = Regions.parse("#CRTFv0\nbox[[10deg, 60deg], [10.2deg, 60.1deg]], coord=ICRS\n", format="crtf")
sky = WCS(naxis=2)
sky.wcs.ctype = ["RA---SIN", "DEC--SIN"]
sky.wcs.crval, sky.wcs.crpix, sky.wcs.cdelt = [10.1, 60.05], [200, 200], [-2 / 3600, 2 / 3600]
inside, outside = SkyCoord([10.1, 10.25], [60.05, 60.05], unit="deg")
print("width", box.width, "holds RA 10.1:", box.contains(inside, sky), "holds RA 10.25:", box.contains(outside, sky))
assert abs(box.width.to_value("deg") - 0.2) < 1e-9
assert box.contains(inside, sky) and box.contains(outside, sky)
END
