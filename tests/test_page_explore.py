"""The Explore page: a ready example, uploads good and bad, each checkpoint, what is off and why."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tiny_checkpoint
from astropy.io import fits
from PIL import Image
from streamlit.testing.v1 import AppTest

from ui import state
from vlass_explorer import checkpoints

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two tiny checkpoints: one with attention, one without."""
    folder = tmp_path / "checkpoints"
    tiny_checkpoint.save(folder / "tiny-vit")
    cnn = checkpoints.create("vlass_vision_cnn", 4, {"in_chans": 1})
    tiny_checkpoint.save(
        folder / "tiny-cnn",
        cnn,
        architecture="vlass_vision_cnn",
        model_args={"in_chans": 1},
        input_spec=tiny_checkpoint.SPEC.__class__(img_size=64, survey="FIRST"),
    )
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(folder))
    return folder


def explore(**query: str) -> AppTest:
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180)
    for key, value in query.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception
    return page


def upload(page: AppTest, *files: tuple[str, bytes]) -> AppTest:
    for name, content in files:
        page.file_uploader[0].upload(name, content)
    page.run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    """Everything written on the page, without the escapes of Markdown."""
    parts = [*page.subheader, *page.caption, *page.info, *page.warning, *page.error, *page.markdown]
    return "\n".join(str(part.value) for part in parts).replace("\\", "")


def listed(page: AppTest) -> dict[str, list[object]]:
    """The list of files, by column."""
    return next(table.value for table in page.dataframe if "validity" in table.value).to_dict("list")


def picture(clipped: bool = True) -> bytes:
    image = np.zeros((120, 120), np.uint8) if clipped else np.random.default_rng(0).integers(0, 90, (120, 120))
    image[55:65, 50:70] = 255
    buffer = io.BytesIO()
    Image.fromarray(image.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def example() -> bytes:
    return sorted((ROOT / "examples").glob("*.fits"))[0].read_bytes()


def test_it_opens_on_a_ready_example_with_prediction_and_rollout(shelf: Path) -> None:
    page = explore(checkpoint="tiny-vit")
    shown = texts(page)
    assert "simulated" in shown
    assert "VLASS Explorer" in shown
    assert "The models here are valid for FIRST" in shown
    assert "softmax score" in shown
    assert "tiny-vit attention_rollout ready" in shown
    assert len(page.get("plotly_chart")) == 2  # panels and bars
    assert len(listed(page)["name"]) == len(list((ROOT / "examples").glob("*.[fp][in]*")))
    assert all(picture.startswith("data:image/png;base64,") for picture in listed(page)["picture"])


def test_a_link_chooses_checkpoint_and_example(shelf: Path) -> None:
    name = sorted((ROOT / "examples").glob("*.fits"))[-1].name
    page = explore(checkpoint="tiny-cnn", example=name)
    assert page.subheader[0].value.replace("\\", "") == name
    assert page.selectbox(key="checkpoint").value == "tiny-cnn"


def test_a_link_to_what_is_not_there_is_said(shelf: Path) -> None:
    page = explore(checkpoint="<b>none</b>", example="../../etc/passwd")
    first = page.subheader[0].value.replace("\\", "")
    said = "There is no checkpoint <b>none</b>: tiny-cnn is shown instead.  \n"
    said += f"There is no example ../../etc/passwd: {first} is shown instead."
    assert [page.warning[0].value.replace("\\", ""), page.run().warning[0].value.replace("\\", "")] == [said, said]
    page.selectbox(key="checkpoint").select("tiny-vit").run()
    assert not any("There is no" in each.value for each in page.warning)


def test_a_model_without_attention_says_so_and_another_method_stands_in(shelf: Path) -> None:
    page = explore(checkpoint="tiny-cnn")
    assert page.info[0].value.startswith("This model has no softmax attention")
    assert page.info[0].value.endswith("Shown instead: Grad-CAM.")
    assert page.selectbox(key="method").value == "grad_cam"
    assert "tiny-cnn grad_cam ready" in texts(page)
    page.selectbox(key="checkpoint").select("tiny-vit").run()
    assert page.selectbox(key="method").value == "attention_rollout" and not page.info
    page.selectbox(key="method").select("integrated_gradients").run()
    page.selectbox(key="checkpoint").select("tiny-cnn").run()
    assert not page.exception
    assert "tiny-cnn integrated_gradients ready" in texts(page) and not page.info


def test_an_uploaded_file_comes_into_view_and_stays_on_other_pages(shelf: Path) -> None:
    page = upload(explore(checkpoint="tiny-vit"), ("mine.fits", example()))
    assert page.subheader[0].value == "mine\\.fits"
    page.switch_page("pages/attention.py").run()
    assert not page.exception
    assert page.selectbox(key="cutout").value.endswith(":mine.fits")
    page.switch_page("pages/explore.py").run()
    assert page.subheader[0].value == "mine\\.fits"


def test_a_picture_says_what_is_off_and_why(shelf: Path) -> None:
    page = upload(explore(checkpoint="tiny-vit"), ("clipped.png", picture()))
    shown = texts(page)
    assert "orientation unknown" in shown
    assert "no S/N and no contours" in shown
    assert page.table[0].value.iloc[:, 0].to_dict() == {"Peak": "255 counts", "Pixels": "120 × 120"}


def test_bad_files_get_a_sentence_each_and_the_good_one_comes_into_view(shelf: Path) -> None:
    name = "<img src=x onerror=alert(1)>.fits"
    page = upload(
        explore(checkpoint="tiny-vit"),
        ("text.fits", b"no image"),
        (name, example()),
        ("cut.fits", example()[:4000]),
        ("empty.npy", b""),
    )
    assert page.subheader[0].value.replace("\\", "") == name
    assert len(page.error) == 1
    lines = page.error[0].value.replace("\\", "").splitlines()
    assert sorted(line[2:].split(":")[0] for line in lines) == ["cut.fits", "empty.npy", "text.fits"]
    assert listed(page)["validity"].count("unreadable") == 3
    page.button(key="forget_unreadable").click().run()
    assert not page.error
    assert [each[:7] for each in listed(page)["name"]].count(name[:7]) == 1


def test_one_unreadable_file_in_view_is_told_once(shelf: Path) -> None:
    page = upload(explore(checkpoint="tiny-vit"), ("text.fits", b"no image"))
    assert [error.value.replace("\\", "").split(":")[0] for error in page.error] == ["text.fits"]


def test_the_same_name_twice_is_told_apart(shelf: Path) -> None:
    page = upload(explore(checkpoint="tiny-vit"), ("a.png", picture()), ("a.png", picture(clipped=False)))
    assert {"a.png", "a.png (2)"} <= set(listed(page)["name"])


def test_an_invalid_input_is_named_so(shelf: Path) -> None:
    page = upload(explore(checkpoint="tiny-vit"), ("field.rms.fits", example()))
    assert "Not a valid input for tiny-vit" in texts(page)
    assert listed(page)["validity"][0] == "outside"
    assert listed(page)["label"][0] != listed(page)["label"][0]  # NaN: withheld wherever a label would stand
    for name in ("attention", "compare"):
        page.switch_page(f"pages/{name}.py").run()
        assert not page.exception
        assert "no label, this is outside what the checkpoint is for" in texts(page)
        assert ("nothing is explained until you choose one" in texts(page)) == (name == "compare")
    page.switch_page("pages/explain.py").run()  # no label, so none is explained unless the user names it
    assert "nothing is explained until you choose one" in texts(page) and len(page.get("plotly_chart")) == 1
    next(box for box in page.selectbox if box.label == "Explained label").select_index(0).run()
    assert not page.exception and len(page.get("plotly_chart")) > 1


def test_a_cutout_can_be_read_another_way(shelf: Path) -> None:
    page = upload(explore(checkpoint="tiny-vit"), ("a.png", picture()))
    key = page.selectbox(key="cutout").value
    page.segmented_control(key=f"row0_{key}").set_value("Bottom").run()
    assert not page.exception
    assert page.session_state["readings"][key].row0 == "south"


def test_edges_of_zeros_are_no_data_unless_they_are_kept(shelf: Path) -> None:
    values = np.random.default_rng(0).normal(0, 0.01, (60, 60)).astype(np.float32)
    values[25:35, 25:35] += 1.0
    values[:, :12] = 0.0
    buffer = io.BytesIO()
    np.save(buffer, values)
    page = upload(explore(checkpoint="tiny-vit"), ("edge.npy", buffer.getvalue()))
    said = "20.0 % of the field, at its edge, holds no data"
    assert said in texts(page)
    key = page.selectbox(key="cutout").value
    page.toggle(key=f"keep_zeros_{key}").set_value(True).run()
    assert page.session_state["readings"][key].keep_zeros and said not in texts(page)
    page.toggle(key=f"keep_zeros_{key}").set_value(False).run()
    assert said in texts(page) and not page.exception


def cube(planes: int) -> bytes:
    """An array of planes, 0 everywhere but for a source whose peak is the number of the plane plus one."""
    values = np.random.default_rng(0).normal(0, 0.01, (planes, 60, 60)).astype(np.float32)
    values[:, 25:35, 25:35] += np.arange(1, planes + 1, dtype=np.float32)[:, None, None]
    buffer = io.BytesIO()
    np.save(buffer, values[0] if planes == 1 else values)
    return buffer.getvalue()


def test_the_choice_of_a_plane_is_bounded_by_the_planes_there_are(shelf: Path) -> None:
    page = upload(explore(checkpoint="tiny-vit"), ("cube.npy", cube(4)), ("flat.npy", cube(1)))
    keys = {entry.name: key for key, entry in page.session_state["uploads"].items()}
    assert page.selectbox(key="cutout").value == keys["cube.npy"]
    plane = page.number_input(key=f"plane_{keys['cube.npy']}")
    assert (plane.min, plane.max) == (0, 3)
    plane.set_value(3).run()
    assert not page.exception and not page.error
    assert page.table[0].value.iloc[:, 0]["Peak"].startswith("4")
    page.selectbox(key="cutout").select(keys["flat.npy"]).run()
    assert f"plane_{keys['flat.npy']}" not in [widget.key for widget in page.number_input]


@pytest.mark.parametrize("how", ["read_plainly", "forget_unreadable"])
def test_a_reading_that_the_file_does_not_have_can_be_left(shelf: Path, how: str) -> None:
    page = upload(explore(checkpoint="tiny-vit"), ("flat.npy", cube(1)))
    key = page.selectbox(key="cutout").value
    page.session_state["readings"] = {key: state.Reading(plane=1)}
    page.run()
    assert "There is no plane 1: the image has one plane." in page.error[0].value.replace("\\", "")
    page.button(key=how).click().run()
    if how == "forget_unreadable":  # the same file again
        assert key not in page.session_state["uploads"]
        upload(page, ("flat.npy", cube(1)))
    assert not page.exception and not page.error
    assert page.selectbox(key="cutout").value == key
    assert page.table[0].value.iloc[:, 0]["Peak"].startswith("1")


def test_a_broken_checkpoint_costs_the_prediction_and_nothing_else(shelf: Path) -> None:
    weights = shelf / "tiny-vit" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    page = explore(checkpoint="tiny-vit")
    assert "The weights of checkpoint tiny-vit are not those of its card" in texts(page)
    assert len(page.get("plotly_chart")) == 1  # the sky
    assert set(listed(page)["validity"]) == {"refused"}
    page.selectbox(key="checkpoint").select("tiny-cnn").run()
    assert not page.exception and "softmax score" in texts(page)


def test_display_controls_change_the_figure(shelf: Path) -> None:
    page = explore(checkpoint="tiny-vit")
    page.toggle(key="display").set_value(True).run()
    before = page.get("plotly_chart")[0].proto.spec
    page.selectbox(key="colour_map").select("gray_r")
    page.toggle(key="contours").set_value(True).run()
    assert not page.exception
    assert page.get("plotly_chart")[0].proto.spec != before


def test_without_any_checkpoint_the_sky_is_still_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "none"))
    page = explore()
    assert "No checkpoint yet" in texts(page)
    assert len(page.get("plotly_chart")) == 1


def test_real_files_are_shown(shelf: Path, data_dir: Path) -> None:
    path = next((data_dir / "cutouts" / "vlass").glob("VLASS__*"))
    shown = texts(upload(explore(checkpoint="tiny-vit"), (path.name, path.read_bytes())))
    assert "VLASS Quick Look, VLASS epoch 3.1" in shown
    assert "tile T08t01" in shown and "2023-03-26" in shown
    assert "00h13m57" in shown
    assert "flux scale" in shown  # the caveat of Quick Look images
    assert "This is VLASS" in shown


def test_a_large_image_asks_for_a_part_and_is_cut(shelf: Path) -> None:
    wide = np.zeros((4100, 4100), np.uint8)
    wide[2000:2040, 3000:3060] = np.arange(60)
    buffer = io.BytesIO()
    fits.PrimaryHDU(wide).writeto(buffer)
    page = upload(explore(checkpoint="tiny-vit"), ("wide.fits", buffer.getvalue()))
    assert "pixel box" in page.error[0].value
    page.segmented_control(key="cut_by").set_value("Pixel box")
    for label, value in (("y from", 1990), ("y to", 2050), ("x from", 2990), ("x to", 3070)):
        page.number_input(key=f"cut_{label}").set_value(value)
    page.button(key="cut_out").click().run()
    assert not page.exception
    assert [error.value for error in page.error] == []
    assert page.table[0].value.iloc[:, 0]["Pixels"] == "80 × 60"
