"""The desk: cutouts in an order that serves, labels that people give, how far people agree, and what becomes of it.

Modules: ``pieces`` and ``classified``, ``drawing``, ``answers``, ``order``, ``labels`` and ``records``, ``agreement``,
``export``, ``training_set``.
"""
