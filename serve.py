"""The app as `make app` serves it: app.py, with PyTorch loading in the background from the start of the server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st

from ui import boundary


@asynccontextmanager
async def loading(_: st.App) -> AsyncIterator[None]:
    """Begin the imports that the first visit would wait for."""
    boundary.loading()
    yield


app = st.App("app.py", lifespan=loading)
