"""Architectures of timm: those that hold softmax attention, some without any among them; and some to compare."""

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
COMPARED = (
    *("test_vit", "test_vit2", "test_vit3", "test_vit4", "deit_tiny_patch16_224", "vit_xsmall_patch16_clip_224"),
    *("vit_pwee_patch16_reg1_gap_256", "vit_little_patch16_reg4_gap_256", "vit_small_patch32_224"),
    *("vit_srelpos_medium_patch16_224", "vit_small_patch16_rope_mixed_224", "vit_small_patch16_rope_ape_224"),
    *("vit_small_plus_patch16_dinov3", "vit_pe_core_small_patch16_384", "eva02_small_patch14_224", "convit_small"),
    *("cait_xxs36_224", "tnt_s_patch16_224", "pit_xs_224", "pit_xs_distilled_224", "crossvit_9_240"),
    *("crossvit_9_dagger_240", "xcit_tiny_12_p16_224", "swin_small_patch4_window7_224", "swinv2_tiny_window16_256"),
    *("swinv2_cr_tiny_224", "swin_s3_small_224", "maxvit_nano_rw_256", "maxvit_rmlp_nano_rw_256"),
    *("coatnet_nano_rw_224", "coatnet_nano_cc_224", "jx_nest_small", "gcvit_xtiny", "pvt_v2_b1", "mvitv2_small"),
    *("hiera_small_224", "tiny_vit_11m_224", "levit_128", "levit_192", "levit_conv_128", "efficientformerv2_s1"),
    *("visformer_small", "mobilevit_xs", "mobilevit_s", "botnet50ts_256", "halonet50ts", "sehalonet33ts"),
    *("lamhalobotnet50ts_256", "shvit_s2", "efficientvit_m1"),
)
"""For the comparison of methods with independent computations."""


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
