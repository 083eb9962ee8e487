"""The business YAML: its keys in :mod:`lapse.config.sections`, its checks in :mod:`lapse.config.loading`."""

from lapse.config.loading import load, resolve_url
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
    parse_days,
)

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
    "load",
    "parse_days",
    "resolve_url",
]
