"""What customers are worth, read off the one curve: each idea in a module of its own.

:mod:`~lapse.value.flows` the cash flows and their sum; :mod:`~lapse.value.table` the flows as rows;
:mod:`~lapse.value.paths`, :mod:`~lapse.value.dispersion` and :mod:`~lapse.value.interval` what may become of
one customer; :mod:`~lapse.value.total` of all of them together; :mod:`~lapse.value.what_if` a change of the
terms; :mod:`~lapse.value.risk` churn and value at risk by cause; :mod:`~lapse.value.referral` credit for
bringing others; :mod:`~lapse.value.multiple` what constant retention would say.
"""

from lapse.value.dispersion import Dispersion, fit_dispersion
from lapse.value.flows import DAYS_A_YEAR, Flows, cash_flows, clv, expected_spend, flows_of
from lapse.value.interval import Spread, clv_interval, spread_of
from lapse.value.multiple import lifetime_in_periods, margin_multiple
from lapse.value.paths import paths_of
from lapse.value.referral import value_problems, with_referrals
from lapse.value.risk import VOLUNTARY, churn_by_cause, value_at_risk, value_to_keep
from lapse.value.table import FLOW_COLUMNS, flow_tables, no_flows
from lapse.value.total import LEVEL, Shocks, Total, fit_shocks, total_of
from lapse.value.what_if import AS_IT_IS, CHANGES, Change, changed, flows_if

__all__ = [
    "AS_IT_IS",
    "CHANGES",
    "DAYS_A_YEAR",
    "FLOW_COLUMNS",
    "LEVEL",
    "VOLUNTARY",
    "Change",
    "Dispersion",
    "Flows",
    "Shocks",
    "Spread",
    "Total",
    "cash_flows",
    "changed",
    "churn_by_cause",
    "clv",
    "clv_interval",
    "expected_spend",
    "fit_dispersion",
    "fit_shocks",
    "flow_tables",
    "flows_if",
    "flows_of",
    "lifetime_in_periods",
    "margin_multiple",
    "no_flows",
    "paths_of",
    "spread_of",
    "total_of",
    "value_at_risk",
    "value_problems",
    "value_to_keep",
    "with_referrals",
]
