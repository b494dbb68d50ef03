"""Entry of ``python -m vlass_explorer``."""

import io
import sys

from .cli import main

if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # File names that are no valid UTF-8 are printed as they were given.
            stream.reconfigure(errors="surrogateescape")
    sys.exit(main())
