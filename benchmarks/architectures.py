"""The architectures of timm that hold softmax attention, some without any among them, small ones first."""

from __future__ import annotations

import timm

MODULES = (
    *("beit", "byoanet", "byobnet", "cait", "coat", "convit", "cpubone", "crossvit", "csatv2", "davit", "deepseek_vit"),
    *("deit", "edgenext", "efficientformer", "efficientformer_v2", "efficientvit_mit", "efficientvit_msra", "eva"),
    *("fastvit", "focalnet", "gcvit", "gemma4_vit", "hiera", "hieradet_sam2", "iformer", "levit", "lowformer"),
    *("maxxvit", "metaformer", "mlp_mixer", "mobilenetv3", "mobilenetv5", "mobilevit", "mvitv2", "naflexvit", "nest"),
    *("nextvit", "pit", "pvt_v2", "qwen3_vit", "shvit", "swiftformer", "swin_transformer", "swin_transformer_v2"),
    *("swin_transformer_v2_cr", "tiny_vit", "tnt", "twins", "visformer", "vision_transformer"),
    *("vision_transformer_hybrid", "vision_transformer_relpos", "vision_transformer_sam", "vitamin", "volo", "xcit"),
)
WITHOUT = ("resnet18", "convnext_atto", "efficientvit_b0", "resnest14d", "regnetx_002")
LARGE = ("large", "huge", "giant", "so400m", "xlarge", "gigantic", "enormous", "xxl", "1b", "2b", "3b", "7b")
# From small to large, as far as names tell.
WORDS = (
    *("atto", "femto", "pico", "nano", "xxs", "xxtiny", "xxsmall", "xx_small", "_m0", "_050", "tiny", "wee", "_ti_"),
    *("xs", "_s0", "128", "_t", "_s1", "x_small", "xtiny", "zepto", "little", "mini", "small", "_s", "medium", "_b0"),
)


def in_order() -> list[str]:
    """Names: of every module one in turn, so that a run that is cut short has seen all families."""
    queues = []
    for module in MODULES:
        names = [name for name in timm.list_models(module=module) if not any(word in name for word in LARGE)]
        queues.append(
            sorted(names, key=lambda name: (_size(name), timm.get_pretrained_cfg_value(name, "input_size"), name))
        )
    queues.append(list(WITHOUT))
    longest = max(len(queue) for queue in queues)
    return [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]


def _size(name: str) -> int:
    return next((number for number, word in enumerate(WORDS) if word in name), len(WORDS))
