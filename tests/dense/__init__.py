"""Attention rollout written out once more, independent of the package: dense float64 matrices, one a layer."""
