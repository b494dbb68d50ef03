"""The sky of Explore in a real browser: axes, zoom, keys, overlays, statistics, its Display panel and its picture."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import bad_files
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from steps import choose, open_page, over, settle, upload

from vlass_explorer import cutouts, measure
from vlass_explorer.cutouts import places
from vlass_explorer.figures.frame import frame
from vlass_explorer.measure import Region
from vlass_explorer.quantities import flux

VLASS = "VLASS__3.1.ql.T08t01.J001357.17-091951.5.10.2048.v2.I.iter1.image.pbcor.tt0.subim_s2.0arcmin_.fits"
LAID = """chart => {
    const of = one => [...chart.querySelectorAll(`.sky-overlay ${one}`)].map(each => each.getBoundingClientRect())
    const plot = chart.querySelector('.js-plotly-plot'), layout = plot._fullLayout
    return {
        words: [...chart.querySelectorAll('.sky-overlay text')].map(each => each.textContent),
        beam: of('.beam').map(b => [b.width, b.height])[0], bar: of('.bar').map(b => b.width)[0],
        length: chart.querySelector('.bar-text')?.textContent, range: layout.xaxis.range, width: layout.xaxis._length,
        arrows: of('.arrow').length, active: layout.updatemenus?.[0]?.active,
        traces: plot.data.map(t => [t.mode, t.line?.color ?? t.marker?.color]),
    }
}"""
STRANGE = re.compile(r"(?<![\d.])0(\.0+)?\s?(″|mas)|\d[eE][+-]\d\d")
"""What no quantity on the page looks like: a size of nothing, a power of ten."""


@pytest.fixture
def file(data_dir: Path) -> Path:
    return data_dir / "cutouts" / "vlass" / VLASS


def laid(page: Page, chart: str = "panels") -> dict[str, object]:
    """What lies over a chart: words, and the sizes of beam and scale bar in pixels."""
    settle(page)
    page.wait_for_function("chart => document.querySelector(`.st-key-${chart} .sky-overlay`)", arg=chart)
    page.wait_for_timeout(100)  # two frames
    found: dict[str, object] = page.locator(f".st-key-{chart}").evaluate(LAID)
    return found


def box(one: Locator) -> tuple[float, float, float, float]:
    one.scroll_into_view_if_needed()
    found = one.bounding_box()
    assert found is not None
    return found["x"], found["x"] + found["width"], found["y"], found["y"] + found["height"]


def test_axes_beam_and_scale_follow_the_zoom_and_keys_do_what_they_say(page: Page, file: Path) -> None:
    open_page(page, "/?checkpoint=first-d4-vit")
    far = bad_files.image(1e4 * bad_files.sky(4), **bad_files.wcs_cards(BMAJ=5e-7, BMIN=4e-7, BPA=0.0, RESTFRQ=23.5))
    drops = {file.name: file.read_bytes(), "far.fits": far}
    upload(page, *({"name": name, "mimeType": "application/fits", "buffer": drops[name]} for name in drops))
    main = page.get_by_test_id("stMain")
    first = laid(page)
    assert {"RA (ICRS)", "Dec (ICRS)"} <= set(first["words"]) and first["arrows"] == 2
    assert any(re.fullmatch(r"0[0-2]:1[0-9]:\d\d(\.\d)?", word) for word in first["words"])

    page.keyboard.press("z")
    near = laid(page)
    zoom = (first["range"][1] - first["range"][0]) / (near["range"][1] - near["range"][0])
    assert zoom > 1.5 and near["arrows"] == 2
    assert near["beam"][0] == pytest.approx(zoom * first["beam"][0], abs=2.5)
    told = float(re.match(r"[\d.]+", near["length"])[0]) * (60 if "′" in near["length"] else 1)
    across = abs(near["range"][1] - near["range"][0])
    assert near["bar"] / near["width"] == pytest.approx(told / across, abs=0.02) and told <= across / 4
    page.keyboard.press("z")
    assert laid(page)["range"] == pytest.approx(first["range"])

    drawn = page.locator(".st-key-panels .heatmaplayer image").last
    expect(drawn).to_have_css("opacity", "0.6")
    place = page.locator(".place")
    for word in ("sky", "model input", "map"):
        page.keyboard.press("m")
        expect(place).to_have_text(f"Blinking: {word}")
    expect(drawn).to_have_css("opacity", "1")
    page.keyboard.press("m")
    expect(drawn).to_have_css("opacity", "0.6")
    assert first["active"] == 1
    page.keyboard.press("b")
    expect(drawn).to_have_css("opacity", "1")
    assert laid(page)["active"] == 2  # the map alone
    shown = page.locator(".st-key-panels .sky-overlay .blink image")
    page.keyboard.press("m")
    expect(shown.first).to_be_attached()  # the sky, where the map was

    said = main.inner_text()
    assert "mJy" in said and STRANGE.search(said) is None, STRANGE.search(said)
    heading = main.get_by_role("heading").first
    page.keyboard.press("j")
    expect(heading).to_contain_text("far.fits")
    settle(page)
    said = main.inner_text()
    assert "1.8 mas × 1.44 mas" in said and STRANGE.search(said) is None, STRANGE.search(said)
    page.keyboard.press("k")
    expect(heading).to_contain_text("VLASS")


def test_the_sky_says_place_brightness_and_signal_under_the_cursor(page: Page, file: Path) -> None:
    cutout = cutouts.read(file)
    open_page(page, "/?checkpoint=first-d4-vit")
    upload(page, file)
    axes, chart, label = frame(cutout), page.locator(".st-key-panels"), page.locator(".sky-brightness")
    page.keyboard.press("z")  # a mouse goes in steps as wide as a pixel of the whole cutout
    laid(page)
    peak = np.array(np.unravel_index(np.nanargmax(cutout.pixels), cutout.shape))
    for row, column in (peak, peak + (4, -5)):
        place = [step * (at + 0.5 - c) for step, at, c in zip(axes.step, (row, column), axes.centre, strict=True)]
        over(page, chart, place[1], place[0])
        brightness = cutout.pixels[row, column]
        words = [f"{place[1]:.1f}″, {place[0]:.1f}″", f"{1e3 * brightness:#.4g} mJy/beam"]
        words.append(f"S/N {brightness / cutout.noise.rms:.1f}")
        expect(label).to_have_text("\n".join(words).replace("-", "−"))
    expect(chart.locator(".hovertext")).to_have_count(0)
    left, right = laid(page)["range"]
    over(page, chart, left + 2.6 * (right - left), 0.0)  # the third panel
    expect(label).to_have_count(0)  # the map has a label of its own
    expect(chart.locator(".hovertext")).to_have_count(1)


def test_display_stands_beside_the_sky_and_switches_its_axes(page: Page, file: Path) -> None:
    open_page(page, "/?checkpoint=first-d4-vit")
    upload(page, file)
    page.get_by_text("Display", exact=True).first.click()
    settle(page)
    sky = page.locator(".st-key-sky")
    stretch = page.get_by_text("Stretch", exact=True)
    panel, chart = box(stretch), box(sky)
    assert panel[1] <= chart[0] and chart[2] <= panel[2] <= chart[3]  # beside it, not over it
    assert laid(page, "sky")["width"] >= 260 and laid(page)["width"] >= 260
    assert "RA (ICRS)" in laid(page, "sky")["words"] and sky.locator(".xaxislayer-above text").count() == 0
    page.get_by_role("radio", name="Offsets").or_(page.get_by_role("button", name="Offsets")).first.click()
    settle(page)
    assert "RA (ICRS)" not in laid(page, "sky")["words"] and laid(page, "sky")["beam"]
    axis = sky.locator(".js-plotly-plot").evaluate(
        "plot => [plot._fullLayout.xaxis.title.text, plot.querySelectorAll('.xaxislayer-above text').length]"
    )
    assert axis[0] == "ΔRA (″)" and axis[1] >= 3
    choose(page, "Colour map", "gray_r")
    ink = sky.locator(".beam").get_attribute("stroke")
    assert ink == "#1b1f24"  # dark on a white sky


def test_regions_catalogues_and_statistics_over_the_sky(page: Page, file: Path) -> None:
    cutout = cutouts.read(file)
    ra, dec = places.position(cutout, 60.0, 60.0)
    region = f'# Region file format: DS9\nicrs\ncircle({ra:.6f},{dec:.6f},12") # color=red text={{lobe}}\n'
    table = f"name,ra,dec\nhere,{ra:.6f},{dec:.6f}\nfar,200.0,40.0\n"
    open_page(page, "/?checkpoint=first-cnn")
    upload(page, file)
    before = len(laid(page)["traces"])
    page.get_by_text("Regions, catalogues and statistics").click()
    settle(page)
    page.get_by_test_id("stMain").get_by_test_id("stFileUploaderDropzoneInput").last.set_input_files(
        [
            {"name": "a.reg", "mimeType": "text/plain", "buffer": region.encode()},
            {"name": "b.csv", "mimeType": "text/csv", "buffer": table.encode()},
        ]
    )
    page.get_by_text(re.compile(r"^b\.csv: ")).wait_for()
    traces = laid(page)["traces"][before:]
    assert ["lines", "red"] in traces or ["lines", "#ff0000"] in traces, traces
    assert any(mode == "markers" for mode, _ in traces), traces

    page.get_by_label("Centre (ICRS) or pixel").fill("pixel 120 110")
    page.get_by_role("spinbutton", name="Diameter (″)").fill("31")  # no pixel's centre lies on that circle
    page.get_by_role("button", name="Measure").click()
    settle(page)
    told = page.get_by_role("table").filter(has_text="Flux density")
    typed = measure.statistics(cutout, Region("circle", 110.0, 120.0, 31.0, 31.0))
    expect(told).to_contain_text(flux(typed.flux, typed.flux_error))
    expect(told).to_contain_text(f"{typed.pixels}")

    # Drawn with the mouse: a box, wherever its corners fall between the pixels.
    panels = page.locator(".st-key-panels")
    panels.scroll_into_view_if_needed()
    panels.hover()
    panels.locator("[data-val=drawrect]").click()
    over(page, panels, 20.0, -20.0)
    page.mouse.down()
    over(page, panels, -20.0, 20.0)
    page.mouse.up()
    expect(told.get_by_role("columnheader")).to_have_count(3)
    settle(page)
    shape = panels.locator(".js-plotly-plot").evaluate("plot => plot.layout.shapes.at(-1)")
    with page.expect_download() as got:
        page.get_by_role("button", name="CSV").last.click()
    lines = got.value.path().read_text().splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    axes = frame(cutout)
    assert abs(shape["x1"] - shape["x0"]) == pytest.approx(40, abs=1)
    y, x = (
        (shape[f"{axis}0"] + shape[f"{axis}1"]) / 2 / step + at - 0.5
        for axis, step, at in zip("yx", axes.step, axes.centre, strict=True)
    )
    sides = [abs((shape[f"{a}1"] - shape[f"{a}0"]) / step) for a, step in zip("yx", axes.step, strict=True)]
    drawn = measure.statistics(cutout, Region("box", y, x, *sides))
    expect(told).to_contain_text(flux(drawn.flux, drawn.flux_error))
    assert len(rows) == 2 and float(rows[1]["flux density (Jy)"]) == pytest.approx(drawn.flux, rel=1e-6)

    with page.expect_download() as got:
        page.get_by_role("button", name="PNG").first.click()
    image = Image.open(got.value.path())
    image.load()
    assert "00h13m57" in image.text["Title"] and "beam 3″ × 2.22″" in image.text["Source"]
    assert "Sky [mJy/beam]" in image.text["Panels"] and image.text["Panels"].count("[") == 3  # each with its unit
