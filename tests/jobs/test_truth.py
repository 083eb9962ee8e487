"""On a gym and a shop whose truth is known, what lapse says is close to what an oracle says and what happens.

The claim is that log loss is within 2 % of the oracle's, and total lapses and total CLV within 5 % of what
happens. ``benchmarks/truth.py`` measures it on several seeds of 20,000 customers. This test has one seed of
12,000, whose log loss ratio moves by about 0.005 with the customers drawn, total lapses by 0.02 and total CLV
by 0.03 (standard errors), and by about as much again with what is learned from them. So its bounds are wider
than the claim by that much: what misses them is broken.
"""

from __future__ import annotations

import pytest
from benchmarks.truth import Ratio, compare, make_world

from lapse.jobs.estimators import fit

SEED, N_CUSTOMERS = 5, 12_000


@pytest.fixture(scope="module", params=["gym", "shop"])
def found(request: pytest.FixtureRequest) -> tuple[str, dict[str, Ratio]]:
    world = make_world(request.param, SEED, N_CUSTOMERS)
    return request.param, compare(fit(world.data.fit_part()), world.data.test_part(), world.truth)


def test_probabilities_are_close_to_the_oracle(found: tuple[str, dict[str, Ratio]]) -> None:
    _, ratios = found
    assert ratios["divergence over entropy"].value < 0.02
    assert 0.98 < ratios["log loss over the oracle's"].value < 1.03


def test_totals_are_those_that_happen(found: tuple[str, dict[str, Ratio]]) -> None:
    _, ratios = found
    assert ratios["lapses over the oracle's"].value == pytest.approx(1, abs=0.04)
    assert ratios["lapses over what happened"].value == pytest.approx(1, abs=0.08)
    assert ratios["lifetime over what happened"].value == pytest.approx(1, abs=0.08)
    assert ratios["clv over what happened"].value == pytest.approx(1, abs=0.10)


def test_planted_causes_are_among_the_reasons(found: tuple[str, dict[str, Ratio]]) -> None:
    """Of those whom a cause drives most are told so, and hardly any of the others."""
    name, ratios = found
    least = {
        "gym": {"price": 0.75, "complaint": 0.85, "visits": 0.75},
        "shop": {"late_delivery": 0.9, "ticket": 0.8, "discount": 0.65},
    }
    for cause, share in least[name].items():
        assert ratios[f"recall of {cause}"].value > share, cause
        assert ratios[f"false recall of {cause}"].value < 0.06, cause
