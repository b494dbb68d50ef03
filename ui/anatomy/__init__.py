"""The Anatomy page: a model opened up on one cutout."""
