"""The layout of sky panels side by side: linked axes, colour bars, titles, blink buttons and the stamp."""

from __future__ import annotations

from html import escape
from typing import Any

from .colours import NO_DATA
from .frame import Frame
from .marks import Box

LINES = 34
"""Pixels of the lines below the blink buttons."""


def panels(count: int, axes: Frame, box: Box, height: int, labelled: bool = True) -> dict[str, Any]:
    """Layout of ``count`` panels side by side on matching axes with square pixels; zooming one zooms all.

    Unless ``labelled`` the axes have neither ticks nor words.
    """
    bottom, top, left, right = box
    layout: dict[str, Any] = {
        "height": height,
        "margin": {"l": 80, "r": 12, "t": 28, "b": 130, "pad": 0},
        "annotations": [],
        "showlegend": False,
        "plot_bgcolor": NO_DATA,
        "dragmode": "zoom",
        "hoverlabel": {"font": {"size": 12}},
    }
    bare = {"ticks": "", "showticklabels": False}
    for i in range(count):
        suffix, gap = "" if i == 0 else str(i + 1), 0.035
        x_domain = [i / count + gap * i / count, (i + 1) / count - gap * (count - 1 - i) / count]
        base = {
            "constrain": "domain",
            "showgrid": False,
            "zeroline": False,
            "ticks": "outside",
            "ticklen": 4,
            "tickfont": {"size": 11},
            "nticks": 6,
            "ticklabeloverflow": "allow",  # else plotly (7.1) measures each label, a tenth of drawing a figure
            "showline": False,
            **({} if labelled else bare),
        }
        layout[f"xaxis{suffix}"] = {
            **base,
            **({"title": _axis_title(axes.titles[1])} if labelled else {}),
            "range": [left, right],
            "domain": x_domain,
            "anchor": f"y{suffix}",
        }
        layout[f"yaxis{suffix}"] = {**base, "range": [bottom, top], "domain": [0, 1], "anchor": f"x{suffix}"}
        if i == 0:  # the other panels follow, square pixels and all
            layout["yaxis"] |= {"scaleanchor": "x", "scaleratio": 1}
            layout["yaxis"] |= {"title": _axis_title(axes.titles[0])} if labelled else {}
        else:
            layout[f"xaxis{suffix}"]["matches"] = "x"
            layout[f"yaxis{suffix}"] |= {"matches": "y", "showticklabels": False}
    return layout


def _axis_title(text: str) -> dict[str, Any]:
    return {"text": text, "font": {"size": 12}, "standoff": 4}


def bar_place(layout: dict[str, Any], suffix: str) -> dict[str, Any]:
    """Put a colour bar under its panel's axis, at the same distance in pixels whatever the height."""
    x, y = layout[f"xaxis{suffix}"]["domain"], layout[f"yaxis{suffix}"]["domain"]
    below = 40 / _plot_height(layout)
    return {
        "x": (x[0] + x[1]) / 2,
        "xanchor": "center",
        "len": (x[1] - x[0]) * 0.9,
        "y": y[0] - below,
        "yanchor": "top",
    }


def instead_of_bar(layout: dict[str, Any], suffix: str, text: str) -> None:
    """Say where a colour bar would be why there is none."""
    place = bar_place(layout, suffix)
    layout["annotations"].append(
        {
            **{key: place[key] for key in ("x", "xanchor", "y", "yanchor")},
            "text": escape(text),
            "xref": "paper",
            "yref": "paper",
            "showarrow": False,
            "font": {"size": 12},
        }
    )


def title(layout: dict[str, Any], suffix: str, text: str) -> None:
    """Write a panel's title above its left edge, as text."""
    layout["annotations"].append(
        {
            "text": f"<b>{escape(text)}</b>",
            "x": 0,
            "xref": f"x{suffix} domain",
            "xanchor": "left",
            "y": 1,
            "yref": f"y{suffix} domain",
            "yanchor": "bottom",
            "yshift": 3,
            "showarrow": False,
            "font": {"size": 13},
        }
    )


def blink(layout: dict[str, Any], number: int, suffix: str, opacity: float) -> None:
    """Buttons below the explanation that show the sky, both or the map at once, without the server."""
    shares = {"sky": 0.0, "both": opacity, "map": 1.0}
    buttons = [
        {"label": label, "method": "restyle", "args": [{"opacity": share}, [number]]} for label, share in shares.items()
    ]
    x, below = layout[f"xaxis{suffix}"]["domain"], 100 / _plot_height(layout)
    layout["updatemenus"] = [
        {
            "type": "buttons",
            "direction": "right",
            "buttons": buttons,
            "active": 1,
            "showactive": True,
            "x": x[1],
            "xanchor": "right",
            "y": -below,
            "yanchor": "top",
            "pad": {"t": 0, "r": 0},
            "font": {"size": 10, "color": "#1b1f24"},  # the pressed one is white, whatever the theme
            "bgcolor": "#c8ced3",
            "bordercolor": "rgba(138,146,156,0.5)",
        }
    ]


def stamp(layout: dict[str, Any], *texts: str) -> None:
    """Write small texts at the lower left, in lines below the blink buttons where there are some; call it last.

    The annotation that is added last is drawn last.
    """
    has_buttons = "updatemenus" in layout
    if has_buttons:  # a panel may be as narrow as the buttons: no text fits beside them
        layout["height"] += LINES
        layout["margin"]["b"] += LINES
    layout["annotations"].append(
        {
            "text": ("<br>" if has_buttons else "   ").join(escape(text) for text in texts if text),
            "align": "left",
            "x": 0,
            "xref": "paper",
            "xanchor": "left",
            "y": 0,
            "yref": "paper",
            "yanchor": "top",
            "yshift": -138 if has_buttons else -104,
            "showarrow": False,
            "font": {"size": 9, "color": "#8a929c"},
        }
    )


def _plot_height(layout: dict[str, Any]) -> float:
    return float(layout["height"] - layout["margin"]["t"] - layout["margin"]["b"])


def colour_bar(title: str, **more: Any) -> dict[str, Any]:
    """A thin horizontal colour bar with its title below."""
    return {
        "title": {"text": title, "side": "bottom", "font": {"size": 12}},
        "orientation": "h",
        "thickness": 8,
        "outlinewidth": 0,
        "ticks": "outside",
        "ticklen": 3,
        "tickfont": {"size": 11},
        "ticklabeloverflow": "allow",
        **more,
    }
