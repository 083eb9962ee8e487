"""What constant retention would say: figures that finance knows by heart, to set beside the curve's.

In: a retention rate a year, and a discount rate. Out: the margin multiple and the expected lifetime.
Customers differ, so both are wrong for almost everybody (Fader and Hardie 2010, Customer-base valuation in a
contractual setting: the perils of ignoring heterogeneity, Marketing Science 29(1)).

Refused (ValueError): rates outside their domains.
"""

from __future__ import annotations

import math


def margin_multiple(retention: float, discount_rate: float) -> float:
    """Return how many yearly margins a customer is worth who is still to renew.

    ``r / (1 + i - r)``: the sum over years t >= 1 of ``r**t / (1 + i)**t`` (Gupta and Lehmann 2003, Customers
    as assets, Journal of Interactive Marketing 17(1)).

    Parameters
    ----------
    retention : float
        A year, in [0, 1].
    discount_rate : float
        A year, at least 0; above 0 where the retention is 1.

    Examples
    --------
    >>> round(margin_multiple(0.8, 0.12), 2), round(margin_multiple(0.9, 0.10), 2)
    (2.5, 4.5)
    """
    if not (0 <= retention <= 1 and 0 <= discount_rate < math.inf):
        raise ValueError(f"retention in [0, 1], discount at least 0, not {retention} and {discount_rate}")
    if retention == 1 + discount_rate:
        raise ValueError("a discount above 0 where the retention is 1: the sum has no end without it")
    return retention / (1 + discount_rate - retention)


def lifetime_in_periods(retention: float) -> float:
    """Return how many periods a customer begins under a constant retention below 1: ``1 / (1 - r)``.

    Examples
    --------
    >>> round(lifetime_in_periods(0.8), 9), round(lifetime_in_periods(0.9), 9)
    (5.0, 10.0)
    """
    if not 0 <= retention < 1:
        raise ValueError(f"retention in [0, 1), not {retention}")
    return 1 / (1 - retention)
