"""Pages with a checkpoint that labels pixels: Explore shows its components, the others say why not, none crashes."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_checkpoint
import tiny_masks
from streamlit.testing.v1 import AppTest
from test_page_explore import explore, texts


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "shelf"))
    monkeypatch.setenv("VLASS_EXPLORER_RUNS", str(tmp_path / "runs"))
    tiny_masks.save(tmp_path / "shelf" / "pixels")
    tiny_checkpoint.save(tmp_path / "shelf" / "whole")
    return tmp_path / "shelf"


def opened(page: AppTest, name: str) -> str:
    page.switch_page(f"pages/{name}.py").run()
    assert not page.exception, name
    return texts(page)


def test_explore_shows_components_and_every_other_page_says_what_it_is(shelf: Path) -> None:
    page = explore(checkpoint="pixels")
    said = texts(page)
    assert "Labels pixels as background, blob, ring" in said and "Components" in said
    assert {"Components", "Remainder", "Total"} <= {one.label for one in page.metric}
    assert not page.error
    table = next(frame.value for frame in page.dataframe if "beams" in frame.value.columns)
    assert {"number", "class", "flux", "error"} <= set(table.columns)
    stem = next(str(one.key) for one in page.button if str(one.key).endswith("_As found")).removesuffix("_As found")
    page.session_state[stem] = {"joined": [(1, 2)], "left_out": [1, 2]}
    page.run()
    joined = next(frame.value for frame in page.dataframe if "beams" in frame.value.columns)
    assert len(joined) == len(table) - 1 and "left out" in joined["class"].iloc[0] and not page.exception
    page.button(key=f"{stem}_As found").click().run()
    assert len(next(frame.value for frame in page.dataframe if "beams" in frame.value.columns)) == len(table)

    for name in ("attention", "explain", "compare"):
        assert "pixels is a segmentation checkpoint: it labels pixels" in opened(page, name), name
    for name in ("source", "sky", "data", "runs", "train"):
        opened(page, name)
    said = opened(page, "checkpoints")
    assert "Classes of pixels" in said and "On its card: validation" in said
