"""What happened, and when it was known: the tables of a business, read, checked and stored in buckets."""

from lapse.history.gaps import Gaps, gap_quantiles
from lapse.history.held import History, TableSummary
from lapse.history.quality import Finding
from lapse.history.reading import read

__all__ = ["Finding", "Gaps", "History", "TableSummary", "gap_quantiles", "read"]
