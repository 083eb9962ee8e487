"""What is learned of the spread of lifetimes and money, row by row against plain counting."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import lapse
from lapse.dataset import Labelled
from lapse.jobs.spread import Spreads, extending_share, first_day_share, shocks_of, until_lapse
from lapse.models.curve import Curve
from tests.jobs.conftest import Place


@pytest.fixture(scope="module")
def known(gym: Place) -> tuple[Labelled, Curve]:
    data = lapse.snapshots(gym.history)
    data = data.take(np.arange(0, len(data), 4))
    return data, gym.model.estimators.curve(data.features)


def with_limit(data: Labelled, days: int) -> Labelled:
    value = data.business.value.model_copy(update={"limit": days})
    return replace(data, business=data.business.model_copy(update={"value": value}))


def test_shocks_do_not_hang_on_where_the_limit_cuts_the_last_step(known: tuple[Labelled, Curve]) -> None:
    """Five steps, or four and a tenth: what came is of whole steps, and so is what is held against it."""
    data, curve = known
    step = curve.step_days
    whole, cut = (shocks_of(curve, with_limit(data, days), 1.0) for days in (5 * step, 4 * step + step // 10))
    assert whole.size > 0
    assert cut.size == pytest.approx(whole.size, rel=1e-9)
    assert cut.lasting == pytest.approx(whole.lasting, rel=1e-9)


def test_money_until_the_lapse_is_that_of_those_whose_lapse_was_seen(known: tuple[Labelled, Curve]) -> None:
    data, curve = known
    came, expected = until_lapse(curve, data)
    happened, rate = data.labels, data.business.value.margin_rate
    plain = []
    for event, days, spend in zip(happened.event, happened.duration_days, happened.spend, strict=True):
        seen = curve.step_days * int((~np.isnan(spend)).sum())
        if event and days <= min(seen, data.business.value.limit):
            plain.append(sum(rate * money for money in spend if not np.isnan(money)))
    np.testing.assert_allclose(came, plain)
    assert expected.shape == came.shape
    assert (expected >= 0).all()


def test_the_share_of_the_first_day_is_counted_among_the_lapses_of_its_step(
    known: tuple[Labelled, Curve],
) -> None:
    data, curve = known
    on_it = in_step = 0
    for event, days, first in zip(data.labels.event, data.labels.duration_days, curve.earliest, strict=True):
        if event and first > 0 and -(-days // curve.step_days) == -(-first // curve.step_days):
            in_step += 1
            on_it += days == first
    assert in_step > 20
    assert first_day_share(curve, data) == pytest.approx(on_it / in_step)
    assert first_day_share(replace(curve, earliest_days=None), data) == 0.0


def test_what_extends_the_life_is_counted_and_kept(tmp_path: Path) -> None:
    paid = np.array([[30.0, 0.0], [0.0, 10.0], [np.nan, np.nan]])
    assert extending_share(paid) == 0.75
    assert extending_share(None) == extending_share(np.zeros((2, 2))) == 1.0
    assert extending_share(np.array([[0.0, 5.0]])) == 0.0
    spreads = Spreads(0.25, extending_share=0.75)
    spreads.to_folder(tmp_path)
    assert Spreads.from_folder(tmp_path) == spreads


def test_terms_alone_and_orders_with_refunds_extend_the_life(gym: Place, shop: Place) -> None:
    """Refunds take back what orders brought; no other money comes in."""
    for place in (gym, shop):
        assert place.model.estimators.spreads.extending_share == 1.0
