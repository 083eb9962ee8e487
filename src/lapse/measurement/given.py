"""The small tables that the config names beside the data: published rates, and costs of winning customers.

In: a business. Out: :class:`~lapse.measurement.asked.Given`, each file read once. Refused: the mistakes of
all files at once.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from lapse.config import Business
from lapse.errors import DataError, Problem
from lapse.measurement.asked import Given
from lapse.measurement.benchmarks import read_benchmarks
from lapse.measurement.costs import read_costs


def read_given(business: Business) -> Given:
    """Read the tables of published rates and of costs, if the config names any.

    Parameters
    ----------
    business : Business

    Raises
    ------
    DataError
        With everything that is wrong with any of them.
    """
    problems = list[Problem]()

    def read(reading: Callable[[], pd.DataFrame]) -> pd.DataFrame | None:
        try:
            return reading()
        except DataError as error:
            problems.extend(error.problems)
            return None

    rates, lifecycle = business.measure.benchmarks, business.measure.lifecycle
    published = None if rates is None else read(lambda: read_benchmarks(rates))
    spent = None
    if lifecycle is not None and (costs := lifecycle.costs) is not None:
        spent = read(lambda: read_costs(costs, campaigns=lifecycle.campaign is not None))
    if problems:
        raise DataError(problems)
    return Given(published, spent)
