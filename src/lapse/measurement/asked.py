"""What a measurement is asked: the business, the last day that counts, and the periods closed by then.

In: a business, the day of the first event, the day as of which to measure, lifetime values of that day and
small tables beside the data, where there are any. Out: the edges of whole months, quarters and years that
have closed. A **period** ``k`` is ``(edges[k], edges[k + 1]]``: the customers at its start are those at risk
at the end of the day ``edges[k]``. A period that is still open does not exist here, so that no table can show
it as a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from lapse.config import Business
from lapse.schema import Int32

Unit = Literal["month", "quarter", "year"]
MONTHS: dict[Unit, int] = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, eq=False)
class LifetimeValues:
    """What the customers at risk on one day are still worth, as a model said on that day.

    Attributes
    ----------
    clv : Series of float64
        By ``customer_id``: one number and the id of a customer are all that is in memory.
    where : str
        The file that they come from.
    counted : str
        How far ahead they count, in words.
    warnings : tuple of str
        What must be known before they are believed.
    """

    clv: pd.Series
    where: str
    counted: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Given:
    """Small tables that the config names beside the data, each read once.

    Attributes
    ----------
    benchmarks : DataFrame, optional
        As :func:`lapse.measurement.benchmarks.read_benchmarks` returns it.
    costs : DataFrame, optional
        As :func:`lapse.measurement.costs.read_costs` returns it.
    """

    benchmarks: pd.DataFrame | None = None
    costs: pd.DataFrame | None = None


@dataclass(frozen=True)
class Asked:
    """One measurement of one business.

    Attributes
    ----------
    business : Business
    first_day : int
        Day of the first event of any kind.
    as_of : int
        Last day that counts: rows known later do not exist.
    lifetime : LifetimeValues, optional
        Of as_of and no other day.
    first_money_day, first_lapse_day : int, optional
        See :class:`lapse.measurement.begins.Begins`; default ``first_day``.
    given : Given, optional
        Default no tables.
    """

    business: Business
    first_day: int
    as_of: int
    lifetime: LifetimeValues | None = None
    first_money_day: int | None = None
    first_lapse_day: int | None = None
    given: Given = Given()

    @property
    def money_from(self) -> int:
        """What customers brought in a span that begins before this day cannot be known."""
        return self.first_day if self.first_money_day is None else self.first_money_day

    @property
    def settled_from(self) -> int:
        """A period that begins before this day keeps everybody, and is no period."""
        return self.first_day if self.first_lapse_day is None else self.first_lapse_day

    def edges(self, unit: Unit) -> Int32:
        """Return the last days of calendar periods, from the first day on until as_of, int32 of shape (n,).

        Examples
        --------
        >>> from lapse.schema import to_date
        >>> asked = Asked(None, 19_000, 19_100)  # 2022-01-08 to 2022-04-18
        >>> [str(to_date(day)) for day in asked.edges("month")]
        ['2022-01-31', '2022-02-28', '2022-03-31']
        """
        first = np.datetime64(self.first_day, "D").astype("datetime64[M]").astype(int)
        past = np.datetime64(self.as_of + 1, "D").astype("datetime64[M]").astype(int)
        opening = np.arange(first + 1, past + 1)  # months whose first day follows a closed month
        opening = opening[opening % MONTHS[unit] == 0]
        days: Int32 = (opening.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) - 1).astype(
            np.int32
        )
        return days
