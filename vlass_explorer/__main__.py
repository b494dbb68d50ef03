"""Entry of ``python -m vlass_explorer``."""

import atexit
import gc
import io
import sys

gc.disable()  # what is imported stays, and looking for garbage among it takes a third of a start

from .cli import main  # noqa: E402
from .devices import reuse_memory  # noqa: E402
from .importing import ended, kept  # noqa: E402

if __name__ == "__main__":
    reuse_memory()
    kept()
    atexit.register(ended)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # File names that are no valid UTF-8 are printed as they were given.
            stream.reconfigure(errors="surrogateescape")
    sys.exit(main())
