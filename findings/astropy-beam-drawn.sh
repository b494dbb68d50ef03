#!/bin/sh
# astropy 8.0.2 (matplotlib 3.11.2): the beam that add_beam draws ignores how the image lies on the sky.
#
# The angle is documented as "position angle of the beam on the sky", and the notes name unequal pixels only. It is
# drawn anticlockwise from the y axis whatever the WCS: right with north up and east left, mirrored where right
# ascension grows to the right, and off by the rotation on a rotated image.
#
# Seen: a beam of PA 30 is drawn at 30 from +y on all three; the sky has it at 30, -30 and -15.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check astropy==8.0.2 matplotlib==3.11.2 numpy==2.4.6
venv/bin/python - <<'END'
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.visualization.wcsaxes import add_beam
from astropy.wcs import WCS


def image(rotation: float, east_right: bool) -> WCS:
    sky, turn = WCS(naxis=2), np.radians(rotation)
    sky.wcs.ctype, sky.wcs.crval, sky.wcs.crpix = ["RA---SIN", "DEC--SIN"], [200, 60], [50, 50]
    sky.wcs.cdelt = [(1 if east_right else -1) / 3600, 1 / 3600]
    sky.wcs.pc = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    return sky


def drawn(sky: WCS) -> float:
    axes = plt.figure().add_subplot(projection=sky)
    axes.imshow(np.zeros((100, 100)))
    add_beam(axes, major=10 * u.arcsec, minor=5 * u.arcsec, angle=30 * u.deg)
    return axes.artists[-1].get_child().get_children()[0].angle


def on_sky(sky: WCS) -> float:
    end = sky.pixel_to_world(49, 49).directional_offset_by(30 * u.deg, 5 * u.arcsec)
    x, y = sky.world_to_pixel(end)
    return float(np.degrees(np.arctan2(49 - x, y - 49)))


found = [(drawn(sky), round(on_sky(sky), 6)) for sky in (image(0, False), image(0, True), image(45, False))]
print("drawn and right angle from +y:", found)
assert found == [(30.0, 30.0), (30.0, -30.0), (30.0, -15.0)]
END
