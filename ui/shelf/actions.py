"""What can be done with the checkpoints on the shelf: export, rename, delete, import."""

from __future__ import annotations

import streamlit as st

from vlass_explorer import checkpoints, preprocess
from vlass_explorer.checkpoints.onnx_file import to_onnx
from vlass_explorer.schema import Checkpoint, ExplorerError, InputSpec, Provenance

from .. import boundary
from ..text import plain

LARGEST_MB = 450


def export(card: Checkpoint) -> None:
    """Draw the downloads of one checkpoint: the folder as ZIP, and ONNX once it has been made and checked."""
    with st.container(horizontal=True):
        st.download_button(
            "ZIP",
            lambda: checkpoints.pack(card),
            f"{card.name}.zip",
            "application/zip",
            on_click="ignore",
            icon=":material/folder_zip:",
            key="export_zip",
            help="The folder as it is; import it on another machine.",
        )
        made = st.session_state.get("onnx")
        if made and made[0] == card.sha256:
            st.download_button(
                "ONNX",
                made[1],
                f"{card.name}.onnx",
                "application/octet-stream",
                on_click="ignore",
                icon=":material/download:",
                key="export_onnx_file",
            )
            st.caption("ONNX Runtime gives the same logits.")
        elif st.button("Make ONNX", icon=":material/sync_alt:", key="export_onnx", help="Takes up to a minute."):
            try:
                with st.spinner("Writing and checking the ONNX file"):
                    st.session_state["onnx"] = (card.sha256, to_onnx(card))
                st.rerun()
            except ExplorerError as error:
                st.error(plain(error))


def rename_and_delete(card: Checkpoint, may_change: bool) -> None:
    """Draw the forms that change the shelf, where this copy of the app allows it."""
    if not may_change:
        st.caption("Changes to the shelf are switched off here, together with training.")
        return
    with st.form(f"rename_{card.name}", width=560), st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("New name", card.name, key=f"rename_to_{card.name}", max_chars=100)
        st.form_submit_button("Rename", icon=":material/edit:", on_click=boundary.reported(_rename), args=(card,))
    with st.popover("Delete", icon=":material/delete:", key="delete_checkpoint"):
        st.markdown(f"{plain(card.name)} and its card are removed from the disk. This cannot be undone.")
        st.button(
            "Delete it",
            type="primary",
            key="delete_for_good",
            on_click=boundary.reported(checkpoints.delete),
            args=(card,),
        )


def _rename(card: Checkpoint) -> None:
    """In a callback, so that the pickers above know the new name when they are drawn."""
    name = st.session_state[f"rename_to_{card.name}"]
    if name == card.name:
        return
    st.session_state["checkpoint"] = checkpoints.rename(card, name).name


def import_form(may_change: bool) -> None:
    """Draw the import of a packed checkpoint or of weights that were made elsewhere."""
    if not may_change:
        st.caption("Imports are switched off here, together with training.")
        return
    file = st.file_uploader(
        "Checkpoint (.zip), state dict (.safetensors), torch or Lightning checkpoint (.ckpt, .pt, .pth)",
        type=["zip", "safetensors", "ckpt", "pt", "pth"],
        key="import_file",
        max_upload_size=LARGEST_MB,
    )
    if file is None:
        st.caption("Nothing in a file is executed: torch files are read as weights only.")
        return
    packed = file.name.lower().endswith(".zip")
    with st.form("import"):
        stem = "".join(c if c.isalnum() or c in "-_" else "-" for c in file.name.rsplit(".", 1)[0]).strip("-") or "new"
        name = st.text_input("Name", stem[:80], key="import_name", max_chars=100)
        given = {} if packed else _description()
        if not st.form_submit_button("Import", type="primary", icon=":material/upload:"):
            return
    try:
        if packed:
            card = checkpoints.unpack(file.getvalue(), name)
        else:
            card = checkpoints.import_weights(
                file.getvalue(),
                name=name,
                **given,
                provenance=Provenance(data="not stated", other={"imported_from": file.name}),
            )
    except ExplorerError as error:
        st.error(plain(error))
    else:
        st.success(f"{plain(card.name)} is on the shelf and in every picker.")


def _description() -> dict:
    """What a state dict does not say of itself: architecture, classes and input."""
    with st.container(horizontal=True):
        architecture = st.text_input("Architecture (timm)", "resnet18", key="import_architecture")
        labels = st.text_input("Classes, in order, separated by commas", key="import_labels")
    with st.container(horizontal=True):
        side = st.number_input("Image size", 8, 2048, 224, key="import_side")
        channels = st.selectbox("Channels", [1, 3], key="import_channels")
        patch = st.number_input("Patch size (0: its own)", 0, 64, 0, key="import_patch")
        stretch = st.selectbox("Stretch", list(preprocess.STRETCHES), key="import_stretch")
        field = st.number_input("Field of view (″)", 1.0, 36000.0, 180.0, key="import_field")
        mean = st.number_input("Mean", value=0.0, format="%.5f", key="import_mean")
        std = st.number_input("Standard deviation", value=1.0, min_value=1e-6, format="%.5f", key="import_std")
    takes_size = architecture.startswith(("vit", "deit", "swin", "convit", "eva", "beit"))
    arguments = {"in_chans": int(channels)} | ({"img_size": int(side)} if takes_size else {})
    return {
        "architecture": architecture.strip(),
        "model_args": arguments | ({"patch_size": int(patch)} if patch else {}),
        "label_names": [name.strip() for name in labels.split(",") if name.strip()],
        "input_spec": InputSpec(
            stretch=stretch,
            field_of_view=field,
            img_size=int(side),
            in_chans=int(channels),
            mean=(mean,),
            std=(std,),
            unit=None,
        ),
    }
