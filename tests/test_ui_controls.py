"""Widgets from signatures: every explainer's options can be drawn, and their defaults come back."""

import pytest
from streamlit.testing.v1 import AppTest

from vlass_explorer import explainers


def script(name):
    import streamlit as st

    from ui import controls
    from vlass_explorer import explainers

    st.session_state["chosen"] = controls.options(explainers.options(name), name)


@pytest.mark.parametrize("name", explainers.EXPLAINERS)
def test_defaults_come_back(name):
    page = AppTest.from_function(script, args=(name,)).run()
    assert not page.exception
    expected = {key: option.default for key, option in explainers.options(name).items()}
    assert page.session_state["chosen"] == expected


def test_a_literal_is_a_select_box_and_a_share_is_a_slider():
    page = AppTest.from_function(script, args=("attention_rollout",)).run()
    assert page.selectbox[0].options == ["mean", "max", "min"]
    page.selectbox[0].select("max")
    page.slider[0].set_value(0.5).run()
    assert page.session_state["chosen"]["head_fusion"] == "max"
    assert page.session_state["chosen"]["discard_ratio"] == pytest.approx(0.5)
