"""One architecture of each family in timm that holds softmax attention, and some without any."""

from __future__ import annotations

ARCHITECTURES = (
    # plain transformers
    "vit_tiny_patch16_224", "deit3_small_patch16_224", "deit_tiny_distilled_patch16_224", "flexivit_small",
    "vit_tiny_r_s16_p8_224", "vit_small_r26_s32_224", "vit_wee_patch16_reg1_gap_256", "vit_small_patch14_reg4_dinov2",
    "vit_base_patch16_siglip_224", "vit_base_patch16_clip_224", "vit_base_patch16_xp_224", "vit_small_patch16_18x2_224",
    "vit_relpos_small_patch16_224", "vit_srelpos_small_patch16_224", "beit_base_patch16_224", "beitv2_base_patch16_224",
    "eva02_tiny_patch14_224", "vit_small_patch16_rope_224", "vit_small_patch16_dinov3",
    "vit_pe_core_tiny_patch16_384", "vit_pe_spatial_tiny_patch16_512", "naflexvit_base_patch16_gap",
    "naflexvit_base_patch16_siglip", "samvit_base_patch16_224", "vitamin_small_224", "vit_dlittle_patch16_reg1_gap_256",
    # class tokens that join late, several grids
    "cait_xxs24_224", "convit_tiny", "volo_d1_224", "tnt_s_legacy_patch16_224", "pit_ti_224", "pit_ti_distilled_224",
    "crossvit_tiny_240", "xcit_nano_12_p16_224", "coat_lite_tiny", "coat_tiny",
    # windows and pyramids
    "swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256", "swin_s3_tiny_224", "swinv2_cr_tiny_ns_224",
    "maxvit_rmlp_pico_rw_256", "maxvit_tiny_tf_224", "maxxvit_rmlp_nano_rw_256", "maxxvitv2_nano_rw_256",
    "coatnet_pico_rw_224", "coatnet_rmlp_nano_rw_224", "coatnext_nano_rw_224", "nest_tiny", "jx_nest_tiny",
    "gcvit_xxtiny", "twins_pcpvt_small", "twins_svt_small", "pvt_v2_b0", "pvt_v2_b2_li", "mvitv2_tiny",
    "mvitv2_base_cls", "hiera_tiny_224", "hieradet_small", "tiny_vit_5m_224", "nextvit_small", "davit_tiny",
    # convolutions with attention in later stages
    "levit_128s", "levit_conv_128s", "efficientformer_l1", "efficientformerv2_s0", "caformer_s18", "fastvit_sa12",
    "visformer_tiny", "iformer_t", "mobilenetv4_hybrid_medium", "shvit_s1", "botnet26t_256", "sebotnet33ts_256",
    "eca_botnext26ts_256", "halonet26t", "halo2botnet50ts_256", "eca_halonext26ts", "mobilevit_xxs", "resnet50_clip",
    "efficientvit_m0", "lowformer_b0", "cpubone_nano", "csatv2", "edgenext_xx_small", "mobilevitv2_050",
    "lambda_resnet26t",
    # no softmax attention
    "resnet18", "convnext_atto", "mixer_s16_224", "poolformer_s12", "efficientvit_b0", "swiftformer_xs",
    "focalnet_tiny_srf",
)  # fmt: skip
