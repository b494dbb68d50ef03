"""Files that no checkpoint here is for, in a real browser: no page shows a label of theirs, each says why."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from steps import open_page, settle, upload

OUTSIDE = {
    "surveys/MOST_CenA.fits": "11″",
    "odd/dss.14.29.56-62.41.05.fits.gz": "optical",
    "surveys/SB39400.RACS_0635-31.beam0-MFS-subimage_rms.fits": "rms",
}
LABELS = ("Bent", "Compact", "FRI", "FRII")


@pytest.mark.timeout(600)
def test_no_page_shows_a_label_of_what_lies_outside(page: Page, data_dir: Path) -> None:
    open_page(page, "/?checkpoint=first-d4-resnet")
    upload(page, *[data_dir / "cutouts" / name for name in OUTSIDE])
    main, sidebar = page.get_by_test_id("stMain"), page.get_by_test_id("stSidebar")
    for name, why in OUTSIDE.items():
        expect(main).to_contain_text(Path(name).name)
        expect(main).to_contain_text(why)
        expect(main).to_contain_text("Not a valid input for first-d4-resnet")
        if name != list(OUTSIDE)[-1]:
            page.keyboard.press("j")
            settle(page)
    for link in ("Attention", "Explain", "Anatomy"):
        sidebar.get_by_role("link", name=link, exact=True).click()
        expect(main).to_contain_text("no label, this is outside what the checkpoint is for")
        said = main.locator("[data-testid=stCaptionContainer]").first.inner_text()
        assert not any(f": {label}," in said for label in LABELS), said
