"""What a training run is: its configuration and what its folder says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .bounds import OPTION_RULES, Count, NotNegative, Positive, Share, ShareAboveZero, ShareBelowOne, Whole
from .learning import RENAMED

Split = Literal["authors", "sky", "random", "sky_test", "random_test", "vlass_vision"]
Task = Literal["classification", "segmentation"]
Monitor = Literal[
    "val_macro_f1",
    "val_loss",
    "val_accuracy",
    "val_macro_auroc",
    "val_mean_iou",
    "val_pixel_accuracy",
    "val_boundary_f1",
]
Phase = Literal[
    "queued",
    "starting",
    "loading data",
    "training",
    "validating",
    "saving",
    "testing",
    "classifying",
    "finished",
    "stopped",
    "failed",
    "lost",
]

INHERITED = (
    "architecture",
    "task",
    "encoder",
    "pyramid",
    "head",
    "front",
    "patch_size",
    "img_size",
    "in_chans",
    "stretch",
    "field_of_view",
    "field_of_view_pixels",
    "normalisation",
)
"""Fields of RunConfig that a run takes over from the checkpoint it starts from, unless they are given."""

NETWORKS = ("panoptic_fpn", "vt_fpn")
"""Architectures that label pixels (task segmentation), see ``vlass_explorer.segmentation``."""
MONITORS = {
    "classification": ("val_macro_f1", "val_loss", "val_accuracy", "val_macro_auroc"),
    "segmentation": ("val_mean_iou", "val_loss", "val_pixel_accuracy", "val_boundary_f1"),
}
"""Task -> validation figures that may say which epoch is best; the first one is the usual one."""


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a training run, flat; the text under each field is its help on page and command line."""

    __pydantic_config__ = OPTION_RULES

    name: str = "run"
    """Name of the checkpoint that a finished run becomes: letters, digits, dot, dash, underscore."""
    recipe: str = ""
    """Recipe that the defaults came from, for the record."""
    dataset: str = "class_folders"
    """Data set reader, a file name in vlass_explorer/datasets."""
    data_dir: str = ""
    """Folder of the data set."""
    split: Split = "authors"
    """The data set's own folds, sky-disjoint or random ones (with _test a sixth is kept for testing), or 80/20."""
    fold: Whole = 0
    """Validation fold (of five); the other folds are trained on."""
    split_seed: Whole = 0
    """Seed of sky-disjoint and random folds; runs to be compared keep it."""
    calibration_fraction: ShareBelowOne = 0.0
    """Share of the training part to set aside, never trained on nor looked at: the finished checkpoint is calibrated on
    it (0: none)."""
    train_count: Whole = 0
    """Simulated data sets: number of training cutouts (0: the data set's default)."""
    allow_unreadable: ShareBelowOne = 0.0
    """Share of the files that may be unreadable; they are named and left out. Above it the run fails."""
    match_beam: NotNegative = 0.0
    """Smooth cutouts to a round beam of so many arcsec, in pixels of a third of it, to start from weights that were
    trained at that beam: 5.4 for FIRST (0: as they are)."""

    architecture: str = "vlass_vision_cnn"
    """Any classification architecture of timm or of vlass_explorer/backbones; for masks panoptic_fpn or vt_fpn."""
    task: Task = "classification"
    """One class for an image (classification), or one for each of its pixels (segmentation)."""
    encoder: str = "resnet50"
    """Segmentation: backbone of timm under the network, one with maps at 1/4, 1/8, 1/16 and 1/32 of the image."""
    weights: str = "none"
    """Starting weights: none, imagenet (timm, downloaded once), a checkpoint ({fold}, {split}), a .safetensors file.
    A checkpoint passes on its architecture, head and input, unless they are given."""
    initialise: Literal["default", "mimetic"] = "default"
    """Fresh weights as the architecture draws them, or for plain vision transformers near the identity (mimetic)."""
    patch_size: Whole = 0
    """Patch side in pixels for architectures that take one (0: the architecture's own)."""
    head: Literal["simple", "mlp"] = "simple"
    """The architecture's own head, or in its place the one of DeepLense: 1024, 512 and 128 units, PReLU, batch norm."""
    front: Literal["none", "stn"] = "none"
    """What stands before the architecture: nothing, or a spatial transformer (stn) that learns to turn, shift and scale
    the image, starting from the image as it is."""
    pyramid: Whole = 0
    """Segmentation: channels of the feature pyramid, a multiple of 8 (0: the 256 of the papers); tokens of vt_fpn are
    four times as wide."""
    drop_rate: ShareBelowOne = 0.0
    """Dropout before the head."""
    drop_path_rate: ShareBelowOne = 0.0
    """Stochastic depth."""
    tune: Literal["all", "head", "last"] = "all"
    """Train all weights, the head alone, or the head and the last tune_blocks groups of layers."""
    tune_blocks: Whole = 1
    """How many groups of layers tune=last trains beside the head."""

    img_size: Count = 64
    """Side of the model input in pixels."""
    in_chans: Literal[1, 3] = 1
    """Input channels, 1 or 3 (three equal channels for ImageNet weights)."""
    stretch: str = "sqrt"
    """Intensity stretch, see vlass_explorer/preprocess.py."""
    field_of_view: Positive = 180.0
    """Side of the centred square in arcsec."""
    field_of_view_pixels: Count = 100
    """Side of the centred square in pixels for files without coordinates."""
    normalisation: Literal["crop", "field", "none"] = "crop"
    """Divide by the maximum of the field of view, of the whole cutout, or not at all."""

    epochs: Count = 60
    """Passes over the training split."""
    batch_size: Count = 64
    """Cutouts a step."""
    optimiser: str = "adamw"
    """Any optimiser name of timm."""
    learning_rate: NotNegative = 1e-3
    """Peak learning rate."""
    weight_decay: NotNegative = 0.05
    """Decoupled weight decay."""
    momentum: ShareBelowOne = 0.9
    """Momentum of SGD and its relatives."""
    layer_decay: ShareAboveZero = 1.0
    """Each group of layers learns slower than the next one by this factor (1: all alike)."""
    beta2: ShareBelowOne = 0.999
    """Decay of the squared gradient of Adam and its relatives."""
    warmup_epochs: NotNegative = 3.0
    """Linear warm-up by step, then the schedule."""
    schedule: Literal["cosine", "step", "restarts", "none"] = "cosine"
    """Learning rate after the warm-up: one cosine to zero, steps, a cosine again and again, or constant."""
    decay_epochs: Positive = 30.0
    """Epochs from step to step, or from restart to restart."""
    decay_rate: Positive = 0.1
    """Factor of each step."""
    min_rate: NotNegative = 0.0
    """Learning rate at the end of each cosine of schedule=restarts."""
    restart_epoch: NotNegative = 0.0
    """Epoch at which schedule=cosine starts once more with a warm-up of its own (0: never)."""
    restart_rate: NotNegative = 0.7
    """Peak learning rate after the restart, as a share of the first."""
    mask_loss: Literal["cross_entropy", "dice", "focal", "cross_entropy+dice"] = "cross_entropy"
    """Segmentation: what is minimised over the labelled pixels; class_weighting weighs the cross-entropy alone."""
    label_smoothing: ShareBelowOne = 0.0
    """Share of the target spread evenly over all classes."""
    class_weighting: bool = False
    """Weigh the loss by inverse class frequency."""
    class_weight_power: NotNegative = 1.0
    """Power of the inverse class frequency that weighs the loss: 1 in full, 0.5 its square root."""
    balance: NotNegative = 0.0
    """Draw cutouts by this power of their inverse class frequency (0: each once an epoch)."""
    mixup: NotNegative = 0.0
    """Mixup alpha (0: off)."""
    cutmix: NotNegative = 0.0
    """CutMix alpha (0: off); with mixup too, each step takes one of them by chance."""
    mixup_probability: Share = 1.0
    """Share of the steps that mix."""
    teacher: str = ""
    """Checkpoints to distil from, separated by commas; {fold} and {split} stand for this run's own."""
    distill_weight: Share = 0.5
    """Share of the teachers' softened scores in the target; the labels have the rest."""
    distill_temperature: Positive = 2.0
    """Temperature that softens the scores of teacher and student."""
    clip_grad: NotNegative = 1.0
    """Gradient norm is clipped at this value (0: off)."""
    accumulate: Count = 1
    """Batches whose gradients are added up before the weights change."""
    ema: ShareBelowOne = 0.0
    """Decay of an exponential moving average of the weights, which is then validated and kept (0: off)."""
    keep: Literal["last", "best"] = "last"
    """Weights that the run keeps: of the last epoch, or of the epoch where monitor was best."""
    monitor: Monitor = "val_macro_f1"
    """Validation figure that says which epoch is best: the loss falls, the others rise. Mean IoU, pixel accuracy and
    boundary F1 are of segmentation, where mean IoU is the default."""
    patience: Whole = 0
    """Epochs without a better monitor after which the run ends (0: never early)."""
    min_delta: NotNegative = 0.0
    """Change of the monitor that counts as better."""

    rotate: bool = True
    """Rotate by any angle, before the crop."""
    rotate_probability: Share = 1.0
    """Share of the cutouts that rotate=true turns."""
    flip: Share = 0.5
    """Probability of a mirror flip."""
    shift: NotNegative = 2.0
    """Largest shift in native pixels, each axis."""
    zoom: NotNegative = 0.1
    """Largest zoom either way; angular size tells classes apart, so keep it small."""
    move_probability: Share = 1.0
    """Share of the cutouts that shift and zoom move."""
    noise: Share = 0.0
    """Probability of added beam-correlated noise, up to one rms."""
    blur: Share = 0.0
    """Probability of a beam up to half as wide again, with Jy/beam and the noise as that beam has them."""
    reclip: Share = 0.0
    """Probability of raising the clip level, which imitates a shallower image."""

    seed: Whole = 0
    """Seed of weights, order and augmentation."""
    device: str = "auto"
    """auto (a GPU when there is one), cpu, cuda, cuda:0, mps."""
    devices: Count = 1
    """Processes that share each batch, one a GPU (on the CPU: one a process)."""
    nodes: Count = 1
    """Machines of a cluster, each with that many devices."""
    precision: Literal["32", "bf16"] = "32"
    """Arithmetic of the forward pass."""
    keep_patches: Whole = 0
    """Train vision transformers on this many patches, the brightest ones; prediction takes all (0: all)."""
    channels_last: bool = False
    """Memory layout that speeds convolutions up; the numbers are the same but for rounding."""
    compile: bool = False
    """Let torch.compile fuse the model: minutes of start, then faster steps on a GPU."""
    workers: Whole = 0
    """Loader processes that augment on the CPU (0: the training process does, on its device), to the same numbers."""
    save_every: Whole = 0
    """Steps between saves of the full state, which is also saved every five minutes (0: once an epoch)."""
    loggers: str = ""
    """Further logs beside metrics.jsonl, separated by commas: tensorboard, wandb, wandb-offline."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "architecture", RENAMED.get(self.architecture, self.architecture))


@dataclass(frozen=True)
class Run:
    """One training execution as its folder tells it; nothing here is held in memory elsewhere."""

    id: str
    path: Path
    config: RunConfig
    phase: Phase
    created: str = ""
    """UTC time of creation, ISO 8601."""
    progress: float = 0.0
    """Share of all steps that are done."""
    epoch: int = 0
    eta_seconds: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Latest value of each metric."""
    device: str = ""
    reason: str = ""
    """Why the run stopped, failed or was lost; empty while all is well."""
    queue_position: int | None = None
    kind: Literal["training", "classification"] = "training"
    """What its process does: train a model, or classify a catalogue (``catalogue.job``)."""

    @property
    def is_active(self) -> bool:
        """True while a process works on the run or waits for its device."""
        return self.phase not in ("finished", "stopped", "failed", "lost")
