"""Checkpoint folders: list, find, load strictly and save atomically.

A checkpoint is a folder with ``config.json``, ``model.safetensors``, a model card ``README.md`` and, where it is known
which cutouts decided its weights, ``seen.csv``.  timm opens it with ``timm.create_model("local-dir:FOLDER",
pretrained=True)`` after ``vlass_explorer.backbones.register()``; we load it ourselves because timm is silent about a
wrong number of classes.
"""

from .calibrated import CALIBRATION, REFERENCE, beside, calibrations, keep_calibrations, keep_reference, reference_arrays
from .config import CONFIG, WEIGHTS
from .heads import FRONT, MLP_HEAD, classifiers, completed, plain_arguments, with_mlp_head
from .model_card import model_card
from .saving import round_to_stored, save, update
from .seen_list import SEEN, merged, seen
from .shelf import SUCCESSORS, check_name, find, folder, listing, problems, read
from .starting import inherited_options, starting_checkpoint, with_inherited
from .transfer import import_weights, delete, pack, rename, unpack
from .weights import create, load

__all__ = [
    "CALIBRATION", "CONFIG", "FRONT", "MLP_HEAD", "REFERENCE", "SEEN", "SUCCESSORS", "WEIGHTS", "import_weights", "round_to_stored", "beside", "calibrations", "check_name", "classifiers", "completed", "create",
    "delete",
    "find", "folder", "inherited_options", "keep_calibrations", "keep_reference", "listing", "load", "merged", "model_card", "pack", "plain_arguments", "problems", "read", "reference_arrays", "rename", "save",
    "seen", "starting_checkpoint", "with_inherited", "unpack", "update", "with_mlp_head",
]
