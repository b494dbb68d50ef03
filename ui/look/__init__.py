"""The room of the pages that look at cutouts: Explore, Explain, Compare."""
