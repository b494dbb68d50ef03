#!/bin/sh
# crepes 0.9.1 (numpy 2.4.6, scikit-learn 1.9.1): a prediction set at confidence 0.8 holds labels whose p-value is 0.2.
#
# A label belongs to the set where its p-value exceeds the significance, which is computed as 1 - confidence: for 0.8 that
# is 0.19999999999999996, for 0.7 it is 0.30000000000000004. p-values are multiples of 1 / (n + 1), so that with n + 1
# divisible by 5 some are exactly 0.2, and those labels are in although 0.2 does not exceed 0.2; with 0.7 and 0.3 they
# are out. Coverage is one part in n + 1 higher than asked at one confidence, and as asked at the other.
#
# Seen: with 9 calibration scores 0.1 to 0.9, a score of 0.85 (p-value 0.2, as computed by the package itself) is in the
# set at 0.8; a score of 0.75 (p-value 0.3) is not in the set at 0.7.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check crepes==0.9.1 numpy==2.4.6 pandas==3.1.1 scikit-learn==1.9.1
venv/bin/python - <<'END'
import numpy as np
from crepes import ConformalClassifier

model = ConformalClassifier()
model.fit(np.arange(1, 10) / 10)
found = {}
for score, confidence in ((0.85, 0.8), (0.75, 0.7)):
    asked = np.array([[score]])
    p = float(np.asarray(model.predict_p(asked, smoothing=False)).ravel()[0])
    inside = int(np.asarray(model.predict_set(asked, confidence=confidence, smoothing=False)).ravel()[0])
    found[confidence] = (round(p, 12), inside)
print("confidence: (p-value, in the set):", found)
assert found == {0.8: (0.2, 1), 0.7: (0.3, 0)}
END
