"""What runs in a process of its own: Lightning, ranks, turns on devices, signals. See ``python -m train --help``."""
