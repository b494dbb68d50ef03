"""The desk: cutouts in an order that serves, labels that people give them and that are never lost, how far people
agree, and what becomes of the labels: ``pieces``, ``answers``, ``order``, ``labels``, ``agreement``, ``export``."""
