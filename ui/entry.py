"""Every page through app.py, also when the first request to a fresh server is a link to a page.

Streamlit still knows an older kind of app, in which each file in pages/ runs on its own. It assumes that kind until
``st.navigation`` is called for the first time, so a deep link to a restarted server would miss app.py.
"""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager


def through_app() -> None:
    """Start again through app.py where this page was run on its own; call it first on a page."""
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()
