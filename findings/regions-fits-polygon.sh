#!/bin/sh
# regions 0.12 (astropy 8.0.2): a triangle beside a larger polygon comes back from FITS with a corner at (0, 0).
#
# The X and Y columns of a FITS region table are as long as the longest polygon. Shorter ones are filled with zeros,
# and the reader takes the zeros for a vertex: the region that is read is another one, and grows across the image.
#
# Seen: x of the triangle 10, 20, 30 are read back as 10, 20, 30, 0; its area of 100 pixels becomes 200. No warning.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check regions==0.12 astropy==8.0.2 numpy==2.4.6
venv/bin/python - <<'END'
from regions import PixCoord, PolygonPixelRegion, Regions

triangle = PolygonPixelRegion(PixCoord([10, 20, 30], [10, 20, 10]))
square = PolygonPixelRegion(PixCoord([1, 5, 5, 1], [1, 1, 5, 5]))
alone = Regions.parse(Regions([triangle]).serialize(format="fits"), format="fits")[0]
beside = Regions.parse(Regions([triangle, square]).serialize(format="fits"), format="fits")[0]
print("x alone", alone.vertices.x, "beside a square", beside.vertices.x, "area", triangle.area, beside.area)
assert list(alone.vertices.x) == [10, 20, 30]
assert list(beside.vertices.x) == [10, 20, 30, 0] and list(beside.vertices.y) == [10, 20, 10, 0]
END
