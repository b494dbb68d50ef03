"""Widgets drawn from a function's signature: an explainer's options appear without any page knowing them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

import streamlit as st


def draw(parameters: Mapping[str, inspect.Parameter], texts: Mapping[str, str], prefix: str) -> dict[str, Any]:
    """Draw one widget a parameter, with its help text, and return the values by name; ``prefix`` keeps keys apart.

    Literal: a select box; bool: a toggle; int and float: a number (a slider where the default lies in [0, 1] and is
    a float); ``int | None``: a number that may stay empty; anything else: text.
    """
    return {
        name: _widget(name, parameter, texts.get(name), f"{prefix}_{name}") for name, parameter in parameters.items()
    }


def _widget(name: str, parameter: inspect.Parameter, text: str | None, key: str) -> Any:
    label, default, kind = name.replace("_", " ").capitalize(), parameter.default, parameter.annotation
    choices = get_args(kind)
    if get_origin(kind) is Literal:
        return st.selectbox(label, choices, index=choices.index(default), key=key, help=text)
    if kind is bool:
        return st.toggle(label, value=default, key=key, help=text)
    if type(None) in choices and int in choices:
        return st.number_input(label, value=default, step=1, key=key, help=text, placeholder="default")
    if kind is int:
        return st.number_input(label, value=default, step=1, key=key, help=text)
    if kind is float:
        if 0.0 <= default <= 1.0:
            return st.slider(label, 0.0, 0.99, default, 0.05, key=key, help=text)
        return st.number_input(label, value=default, key=key, help=text)
    return st.text_input(label, value="" if default is None else str(default), key=key, help=text)
