"""The business YAML: its keys in :mod:`lapse.config.sections`, its checks in :mod:`lapse.config.loading`.

URLs with secrets are in :mod:`lapse.config.urls`.
"""

from lapse.config.loading import load
from lapse.config.sections import (
    Business,
    Churn,
    Customers,
    Event,
    FeaturePlan,
    Quality,
    SnapshotPlan,
    Table,
    Tracking,
    Value,
)
from lapse.config.urls import describe_url, resolve_url
from lapse.config.values import parse_days

__all__ = [
    "Business",
    "Churn",
    "Customers",
    "Event",
    "FeaturePlan",
    "Quality",
    "SnapshotPlan",
    "Table",
    "Tracking",
    "Value",
    "describe_url",
    "load",
    "parse_days",
    "resolve_url",
]
