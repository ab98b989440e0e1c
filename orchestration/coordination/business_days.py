"""Business days of the lists' calendar: weekdays without the federal holidays of the United States.

Other calendars (`business_calendar` of METHODS P) do not exist yet.
"""

from datetime import date, timedelta
from functools import cache

import duckdb
import numpy as np
import pyarrow as pa


def holidays(first: date, last: date) -> list[date]:
    """Federal holidays as observed between two days, both included."""
    years = range(first.year, last.year + 1)
    return [day for year in years for day in _holidays_of(year) if first <= day <= last]


@cache
def _holidays_of(year: int) -> tuple[date, ...]:
    # Imported here: it takes half a second, which commands without lists need not wait for.
    from pandas.tseries.holiday import USFederalHolidayCalendar

    found = USFederalHolidayCalendar().holidays(f"{year}-01-01", f"{year}-12-31")
    return tuple(stamp.date() for stamp in found.to_pydatetime())


def after_business_days(day: date, count: int) -> date:
    """The business day that is `count` business days after a day; the day itself does not count."""
    closed = holidays(day - timedelta(days=10), day + timedelta(days=10 + 3 * count))
    found = np.busday_offset(
        np.datetime64(day), count, roll="backward", holidays=np.array(closed, dtype="datetime64[D]")
    )
    counted: date = found.astype(object)
    return counted


def register_calendar(
    connection: duckdb.DuckDBPyConnection, first: date, last: date, name: str = "calendar_day"
) -> None:
    """Make table `name` (day, contact_due_date): each day, and two business days after it."""
    closed = np.array(holidays(first, last + timedelta(days=30)), dtype="datetime64[D]")
    days = np.arange(np.datetime64(first), np.datetime64(last) + 1)
    due = np.busday_offset(days, 2, roll="backward", holidays=closed)
    connection.register(
        "calendar_rows",
        pa.table({"day": pa.array(days), "contact_due_date": pa.array(due)}),
    )
    connection.execute(f"create temp table {name} as from calendar_rows")
    connection.unregister("calendar_rows")
