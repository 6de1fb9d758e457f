"""Reports of runs: as data, as JSON, as text, and compared with another report."""

from .compare import Comparison
from .report import Report
from .report_groups import CauseGroup, Downtime, ServiceSummary

__all__ = ["CauseGroup", "Comparison", "Downtime", "Report", "ServiceSummary"]
