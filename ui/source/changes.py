"""Two images of a source compared: difference, peak and flux of each, and whether they differ."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from vlass_explorer import epochs, quantities
from vlass_explorer.epochs import Comparison
from vlass_explorer.epochs.groups import Shown
from vlass_explorer.export import epochs as export
from vlass_explorer.figures import epochs as figures
from vlass_explorer.figures.colours import SkyView
from vlass_explorer.schema import ExplorerError

from .. import results
from ..boundary import Viewport
from ..text import plain
from . import cached
from .gather import Gathered


def draw(gathered: Gathered, screen: Viewport) -> None:
    """Draw the choice of two images, their difference, a table of fluxes, the sentences and the downloads."""
    pair = choose(gathered, "source_epoch", _usual(gathered))
    if pair is None:
        return
    one, other = pair
    try:
        with st.spinner("Comparing"):
            found = cached.comparison(one.cutout, other.cutout, gathered.position)
    except ExplorerError as error:
        st.info(plain(error), icon=":material/compare_arrows:")
        return
    columns = 1 if screen.narrow else 3
    side = min(max(screen.width // columns - 30, 220), 420)
    cells = st.grid(columns, min_column_width=250, gap="small")
    for place, image in enumerate((found.first, found.second)):
        with cells.cell():
            st.markdown(f"**{plain(found.names[place])}**, {plain(found.dates[place] or 'date not known')}")
            figure = figures.panel(image, SkyView(), side + results.AROUND)
            st.plotly_chart(figure, key=f"source_pair_{place}", config=results.CONFIG, alt=f"Sky {found.names[place]}")
    with cells.cell():
        noise = found.difference.noise
        told = "" if noise is None else f", σ {quantities.brightness(noise.rms, found.difference.unit)}"
        st.markdown(f"**{plain(found.difference.name)}**{plain(told)}")
        figure = figures.difference(found.difference, SkyView(), side + results.AROUND)
        st.plotly_chart(
            figure, key="source_difference", config=results.CONFIG, alt=f"Difference {found.difference.name}"
        )
    _table(found)
    st.markdown("\n".join(f"- {plain(line)}" for line in epochs.words.all_of(found)))
    _downloads(found)


def choose(gathered: Gathered, key: str, usual: tuple[int, int]) -> tuple[Shown, Shown] | None:
    """Draw the choice of two images; None, and a sentence, where there are no two."""
    shown = {one.name: one for one in gathered.shown}
    names = list(shown)
    if len(names) < 2:
        st.info(
            f"Only one image, {plain(names[0])}, shows this source: there is nothing to compare it with. The Sky page "
            "looks up other VLASS epochs and surveys."
        )
        return None
    picked = []
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for place, (label, start) in enumerate(zip(("First", "Second"), usual, strict=True)):
            widget = f"{key}_{place}"
            if st.session_state.get(widget) not in names:
                st.session_state[widget] = names[start]
            picked.append(st.selectbox(label, names, key=widget, width=200))
    return shown[picked[0]], shown[picked[1]]


def _usual(gathered: Gathered) -> tuple[int, int]:
    """First and last VLASS epoch, else the first two images."""
    epochs_of = [place for place, one in enumerate(gathered.shown) if one.is_vlass]
    return (epochs_of[0], epochs_of[-1]) if len(epochs_of) > 1 else (0, min(1, len(gathered.shown) - 1))


def _table(found: Comparison) -> None:
    rows = []
    for name, date, measured in zip(found.names, found.dates, found.target.measured, strict=True):
        scale = measured.flux_scale
        rows.append(
            {
                "Image": name,
                "Date": date or "",
                "Peak": quantities.brightness(measured.peak, "Jy/beam", measured.peak_error),
                "Peak with flux scale": _with(measured.peak, measured.peak_total, "/beam"),
                "Integrated flux": quantities.flux(measured.flux, measured.flux_error),
                "Flux with flux scale": _with(measured.flux, measured.flux_total, ""),
                "Flux scale": "not known" if scale is None else scale.source,
            }
        )
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, key="source_fluxes", placeholder="", alt="Peak and flux of each image"
    )
    st.caption(
        f"At the common beam of {plain(found.beam)}, so other than on Explore; errors are 1σ, first of the noise, then "
        "with the flux scale's."
    )


def _with(value: float, error: float | None, per: str) -> str:
    return "flux scale not known" if error is None else f"{quantities.flux(value, error)}{per}"


def _downloads(found: Comparison) -> None:
    with st.container(horizontal=True, gap="small"):
        for label, make, name, mime, text in (
            ("FITS", export.difference_fits, "difference.fits", "application/fits", "The difference with WCS and beam"),
            (
                "JSON",
                export.comparison_json,
                "epochs.json",
                "application/json",
                "Manifest: files, beam, shift, verdicts",
            ),
        ):
            st.download_button(
                label,
                partial(make, found),
                name,
                mime,
                on_click="ignore",
                icon=":material/download:",
                help=text,
                key=f"source_get_{label}",
            )
