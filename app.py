"""VLASS Explorer in the browser: `make app`, or `streamlit run app.py`. Page configuration and navigation, no more."""

from pathlib import Path
from typing import Literal

import streamlit as st

from ui import boundary

HERE = Path(__file__).parent
ICON = str(HERE / "assets" / "icon.png")
SIDEBAR: Literal["collapsed"] | int = "collapsed" if boundary.viewport().narrow else boundary.SIDEBAR
st.set_page_config(page_title="VLASS Explorer", page_icon=ICON, layout="wide", initial_sidebar_state=SIDEBAR)

PAGES = {  # file in pages/: title, icon
    "explore": ("Explore", ":material/explore:"),
    "attention": ("Attention", ":material/grid_view:"),
    "explain": ("Explain", ":material/troubleshoot:"),
    "compare": ("Compare", ":material/compare:"),
    "anatomy": ("Anatomy", ":material/account_tree:"),
    "sky": ("Sky", ":material/travel_explore:"),
    "source": ("Source", ":material/layers:"),
    "desk": ("Desk", ":material/style:"),
    "batch": ("Batch", ":material/table_view:"),
    "train": ("Train", ":material/model_training:"),
    "runs": ("Runs", ":material/monitoring:"),
    "checkpoints": ("Checkpoints", ":material/inventory_2:"),
    "data": ("Data", ":material/dataset:"),
}
LOOK = (
    "explore",
    "attention",
    "explain",
    "compare",
    "anatomy",
    "sky",
    "source",
    "desk",
    "batch",
)  # the others: training

groups: dict[str, list[st.Page]] = {"Look": [], "Train": []}
for name, (title, icon) in PAGES.items():
    page = st.Page(HERE / "pages" / f"{name}.py", title=title, icon=icon)
    groups["Look" if name in LOOK else "Train"].append(page)
# Hidden until the window is known: in a narrow one the sidebar is closed from its first frame. Expanded, since
# Streamlit (1.67, docs of st.navigation) shows ten of more than twelve pages and hides the others behind "View more".
page = st.navigation(groups, position="sidebar" if boundary.is_measured() else "hidden", expanded=True)
body = st.container()
boundary.probe()  # early, so that the browser keeps its word before anything can be dropped
with body, boundary.guarded():
    boundary.opening()
    from ui import state  # here, so that something is drawn before torch is loaded

    broken = st.container()
    state.restore()
    boundary.wait_for_window()
    try:
        page.run()
    finally:
        state.keep()
        boundary.broken_links(broken, page.url_path)
