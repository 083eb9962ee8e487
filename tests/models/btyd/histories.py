"""Purchase histories written out, for the tests."""

from __future__ import annotations

import numpy as np

from lapse.cohort.purchases import PurchaseHistory


def history(*rows: tuple[float, float, float]) -> PurchaseHistory:
    """Return histories from rows of x, t_x, T."""
    return PurchaseHistory(*np.array(rows, float).T)
