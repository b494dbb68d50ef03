"""Loss and learning rate against torch and against their definitions."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from vlass_explorer.learning.loss import boxes, class_weights, cross_entropy, distillation, mix, targets, teacher_scores
from vlass_explorer.learning.schedule import rate, scheduled
from vlass_explorer.schema import RunConfig

RANDOM = torch.Generator().manual_seed(0)
LOGITS = torch.randn(16, 3, generator=RANDOM)
LABELS = torch.randint(0, 3, (16,), generator=RANDOM)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_that_of_torch(smoothing: float) -> None:
    found = cross_entropy(LOGITS, targets(LABELS, 3, smoothing), torch.ones(3))
    torch.testing.assert_close(found, F.cross_entropy(LOGITS, LABELS, label_smoothing=smoothing))


def test_class_weights_scale_each_class() -> None:
    weights = torch.tensor([2.0, 0.5, 1.0])
    expected = F.cross_entropy(LOGITS, LABELS, weight=weights, reduction="none").mean()
    torch.testing.assert_close(cross_entropy(LOGITS, targets(LABELS, 3, 0.0), weights), expected)


def test_class_weights_follow_the_inverse_frequency() -> None:
    labels = torch.tensor([0] * 8 + [1] * 2)
    config = RunConfig(class_weighting=True)
    weights = class_weights(labels, 2, config)
    assert weights[1] / weights[0] == pytest.approx(4.0)
    assert weights[labels].mean() == pytest.approx(1.0)
    root = class_weights(labels, 2, replace(config, class_weight_power=0.5))
    assert root[1] / root[0] == pytest.approx(2.0)
    assert torch.equal(class_weights(labels, 2, RunConfig()), torch.ones(2))


def test_mixup_keeps_sums_and_depends_on_the_step_alone() -> None:
    x, target = torch.rand(16, 1, 4, 4, generator=RANDOM), targets(LABELS, 3, 0.0)
    config = RunConfig(mixup=0.4)
    mixed, soft = mix(x, target, config, epoch=1, step=5)
    torch.testing.assert_close(soft.sum(dim=1), torch.ones(16))
    assert not torch.equal(mixed, x) and float(soft.max(dim=1).values.min()) >= 0.5
    again = mix(x, target, config, epoch=1, step=5)
    assert torch.equal(mixed, again[0]) and torch.equal(soft, again[1])
    assert not torch.equal(mixed, mix(x, target, config, epoch=1, step=6)[0])
    assert mix(x, target, RunConfig(mixup=0.0), 1, 5)[0] is x
    assert mix(x, target, replace(config, mixup_probability=0.0), 1, 5)[0] is x


def test_mixup_of_one_hot_images_shows_the_weights() -> None:
    x = torch.eye(8).reshape(8, 1, 1, 8)
    mixed, soft = mix(x, torch.eye(8), RunConfig(mixup=0.4), epoch=0, step=0)
    torch.testing.assert_close(mixed[:, 0, 0], soft)


def test_cutmix_targets_are_the_areas_of_the_pixels() -> None:
    x = torch.eye(8)[:, :, None, None].expand(-1, -1, 12, 10)  # channel k is 1 where the pixel comes from image k
    for step in range(3):
        mixed, soft = mix(x, torch.eye(8), RunConfig(cutmix=1.0), epoch=0, step=step)
        assert set(mixed.unique().tolist()) == {0.0, 1.0}
        torch.testing.assert_close(mixed.mean(dim=(2, 3)), soft)
        assert torch.equal(mixed, mix(x, torch.eye(8), RunConfig(cutmix=1.0), epoch=0, step=step)[0])


def test_boxes_have_the_area_that_was_drawn() -> None:
    share = torch.rand(4000, generator=RANDOM)
    kept = boxes(share, (40, 30), RANDOM)
    cut = 1 - kept.float().mean(dim=(1, 2))
    assert float((cut - (1 - share)).max()) < 0.06  # never larger, but for whole pixels
    small = share > 0.9
    assert float(cut[small].mean()) == pytest.approx(float((1 - share)[small].mean()), rel=0.2)
    assert abs(float((~kept).float().mean(dim=0).std())) < 0.1


def test_mixup_and_cutmix_take_turns() -> None:
    x = torch.rand(6, 1, 8, 8, generator=RANDOM)
    both = RunConfig(mixup=0.4, cutmix=1.0)
    own = [bool(torch.isin(mix(x, torch.eye(6), both, 0, step)[0], x).all()) for step in range(60)]
    assert 15 < sum(own) < 45


def test_distillation_is_kl_divergence_up_to_the_teachers_entropy() -> None:
    teacher = torch.nn.Linear(3, 3)
    scores = teacher_scores([teacher, teacher], LOGITS, temperature=2.0)
    torch.testing.assert_close(scores, (teacher(LOGITS) / 2).softmax(dim=1).detach())
    entropy = -(scores * scores.log()).sum(dim=1).mean()
    divergence = F.kl_div(F.log_softmax(LOGITS / 2, dim=1), scores, reduction="batchmean")
    torch.testing.assert_close(distillation(LOGITS, scores, 2.0), 4 * (divergence + entropy))


def test_rate_warms_up_then_falls_to_zero() -> None:
    rates = [rate(step, 10, 110) for step in range(110)]
    assert rates[:10] == pytest.approx([(k + 1) / 10 for k in range(10)])
    assert rates[10] == 1.0 and rates[60] == pytest.approx(0.5) and rates[109] < 0.001
    assert all(a >= b for a, b in zip(rates[10:], rates[11:], strict=False))
    assert rate(0, 0, 5) == 1.0


def test_a_restart_is_a_second_schedule() -> None:
    config = RunConfig(epochs=10, warmup_epochs=1, restart_epoch=6, restart_rate=0.5)
    rates = [scheduled(step, 100, config) for step in range(100)]
    assert rates[:60] == [rate(step, 10, 60) for step in range(60)]
    assert rates[60:] == [0.5 * rate(step, 10, 40) for step in range(40)]
    once = replace(config, restart_epoch=0)
    assert [scheduled(step, 100, once) for step in range(100)] == [rate(step, 10, 100) for step in range(100)]
