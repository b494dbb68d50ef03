#!/bin/sh
# umap-learn 0.5.12: where a new point lies depends on which others are transformed with it.
#
# UMAP.transform optimises the points of one call together and draws its random numbers in their order. With a fixed
# random_state two equal calls agree, but a point alone, and the same point in a batch, lie apart; the training set as
# a whole returns the embedding itself (it is recognised), a part of it does not. A map that adds one cutout at a
# time, or a page at a time, is not the map of all.
#
# Seen: 20 new points, one by one against in one call: up to 8 % of the width of the map apart; 100 of the 300
# training points: up to 10 %. Installs numba, about 200 MB in all; half a minute.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check umap-learn==0.5.12 scikit-learn==1.9.1 numba==0.68.1 scipy==1.17.1 numpy==2.4.6
venv/bin/python - <<'END'
import numpy as np
import umap

draw = np.random.default_rng(0)
points = np.concatenate([draw.normal(size=(150, 8)), draw.normal(size=(150, 8)) + 8]).astype(np.float32)
model = umap.UMAP(n_neighbors=10, n_epochs=100, random_state=0, n_jobs=1).fit(points)
width = np.ptp(model.embedding_, axis=0).max()
new = draw.normal(size=(20, 8)).astype(np.float32)
together = model.transform(new)
alone = np.concatenate([model.transform(new[i : i + 1]) for i in range(len(new))])
assert np.array_equal(together, model.transform(new))
assert np.array_equal(model.transform(points), model.embedding_)
apart = np.abs(together - alone).max() / width
part = np.abs(model.transform(points[:100]) - model.embedding_[:100]).max() / width
print(f"alone against together {apart:.1%}, part of the training set {part:.1%} of the width of the map")
assert apart > 0.01 and part > 0.01
END
