"""The monthly list: members at high risk, ranked, cut to what fits the month, and what changed.

A month's list is kept when its first generation is published and not changed afterwards, so that
the next month's knows what was told (docs/adr/0016). Today's list does not belong here
(`cards.py`).
"""

import re
import shutil
from datetime import date
from pathlib import Path

import duckdb
import numpy as np

from orchestration.coordination.business_days import holidays
from orchestration.coordination.sources import run_statements
from orchestration.settings import Settings

FILE_NAME = "monthly.parquet"
REPEAT_EMERGENCIES = 3
SEVERAL_GAPS = 2
_MONTH = re.compile(r"\d{4}-\d{2}\.parquet")


def kept_dir(settings: Settings) -> Path:
    return settings.data_dir / "worklists" / "monthly"


def business_days_of_month(as_of: date) -> int:
    """Days of a month on which a coordinator reaches people: contacts a day times these fit it."""
    first = as_of.replace(day=1)
    after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    closed = np.array(holidays(first, after), dtype="datetime64[D]")
    return int(np.busday_count(np.datetime64(first), np.datetime64(after), holidays=closed))


def build_monthly(connection: duckdb.DuckDBPyConnection, kept: Path, as_of: date) -> bool:
    """Make tables `monthly` (the month's list) and `monthly_change` (against the list before).

    A list that was kept for the month is the month's list. Returns whether there was one.
    """
    month = f"{as_of:%Y-%m}"
    earlier = sorted(
        path for path in kept.glob("*.parquet") if _MONTH.fullmatch(path.name) and path.stem < month
    )
    mine = kept / f"{month}.parquet"
    if mine.exists():
        connection.execute(f"create temp table monthly as from read_parquet({_text(mine)})")
    else:
        run_statements(
            connection,
            _MONTHLY,
            month=month,
            as_of=as_of,
            days=business_days_of_month(as_of),
            several=SEVERAL_GAPS,
            repeat=REPEAT_EMERGENCIES,
        )
    source = f"from read_parquet({_text(earlier[-1])})" if earlier else "from monthly where false"
    connection.execute(f"create temp table monthly_before as {source}")
    connection.execute(_CHANGES)
    return mine.exists()


def write_monthly(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write the month's list into a folder of lists, to be kept once it is published."""
    path = folder / FILE_NAME
    connection.execute(
        "copy (select * from monthly order by program_id, partner_id, coordinator_id, rank, payer, "
        f"person_id) to {_text(path)} (format parquet, compression zstd)"
    )
    path.chmod(0o600)


def keep_month(settings: Settings, lists: Path, as_of: date) -> None:
    """Keep a published month's list, unless the month has one already."""
    source = lists / FILE_NAME
    kept = kept_dir(settings) / f"{as_of:%Y-%m}.parquet"
    if not source.exists() or kept.exists():
        return
    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = kept.with_name(f".{kept.name}.unfinished")
    shutil.copyfile(source, unfinished)
    unfinished.chmod(0o600)
    unfinished.replace(kept)


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


# Whom the month is for: a high-risk category, several gaps, a late refill, or repeat emergencies.
# Snoozed tasks count: the month is longer than a nap.
_MONTHLY = """
create temp table monthly as
with open_task as (
    select
        task_today.payer,
        task_today.person_id,
        task_today.task,
        30 * coalesce(member_category.is_hr3, false)::int
        + 60 * coalesce(member_category.is_hr2, false)::int
        + 100 * coalesce(member_category.is_hr1, false)::int
        + task_today.points
        + 2 * least(greatest(coalesce($as_of::date - task_today.due_date, 0), 0), 30) as priority
    from task_today
    left join member_category using (payer, person_id)
    where task_today.list_state <> 'DONE' and task_today.list_state <> 'CLOSED'
),
tasked as (
    select
        payer,
        person_id,
        count(*) filter (where task = 'GAP') as gaps,
        count(*) filter (where task = 'REFILL') as late_refills,
        max(priority)
        + 5 * (
            count(*) filter (where task <> 'HR_REVIEW') + bool_or(task = 'HR_REVIEW')::int - 1
        ) as priority
    from open_task
    group by payer, person_id
),
emergencies as (
    select payer, person_id, count(*) as visits
    from care_event
    where
        event_kind = 'ed_visit'
        and event_date > ($as_of::date - interval 6 month)::date
        and event_date <= $as_of::date
    group by payer, person_id
),
described as (
    select
        list_member.payer,
        list_member.person_id,
        list_member.program_id,
        list_member.partner_id,
        list_member.practice_id,
        list_member.npi,
        list_member.coordinator_id,
        concat_ws(
            ' ',
            case when member_category.is_hr1 then 'HR1' end,
            case when member_category.is_hr2 then 'HR2' end,
            case when member_category.is_hr3 then 'HR3' end
        ) as categories,
        coalesce(tasked.gaps, 0) as gaps,
        coalesce(tasked.late_refills, 0) as late_refills,
        coalesce(emergencies.visits, 0) as emergency_visits,
        coalesce(tasked.priority, 0) as priority,
        program_capacity.daily_contacts * $days::int as capacity
    from list_member
    inner join program_capacity using (program_id)
    left join member_category using (payer, person_id)
    left join tasked using (payer, person_id)
    left join emergencies using (payer, person_id)
)
select
    $month::text as month,
    * exclude (capacity),
    row_number() over (
        partition by program_id, partner_id, coordinator_id
        order by priority desc, gaps desc, payer, person_id
    ) as rank,
    rank <= capacity as is_within_capacity
from described
where
    categories <> ''
    or gaps >= $several::int
    or late_refills > 0
    or emergency_visits >= $repeat::int
"""

_CHANGES = """
create temp table monthly_change as
select
    coalesce(monthly.payer, monthly_before.payer) as payer,
    coalesce(monthly.person_id, monthly_before.person_id) as person_id,
    coalesce(monthly.program_id, monthly_before.program_id) as program_id,
    coalesce(monthly.partner_id, monthly_before.partner_id) as partner_id,
    coalesce(monthly.coordinator_id, monthly_before.coordinator_id) as coordinator_id,
    coalesce(monthly.is_within_capacity, false) as is_within_capacity,
    monthly.rank,
    monthly.priority,
    monthly.categories,
    monthly.gaps,
    monthly.late_refills,
    monthly.emergency_visits,
    monthly_before.month as month_before,
    monthly_before.rank as rank_before,
    monthly_before.categories as categories_before,
    case
        when monthly.payer is null then 'LEFT'
        when monthly_before.payer is null then 'NEW'
        when monthly.program_id <> monthly_before.program_id then 'MOVED'
        when monthly.categories <> monthly_before.categories then 'CHANGED'
        else 'STAYS'
    end as change,
    case
        when monthly.payer is null
            then coalesce(belonging.off_list_reason, 'NO_LONGER_AT_HIGH_RISK')
    end as left_reason
from monthly
full join monthly_before using (payer, person_id)
left join belonging
    on
        coalesce(monthly.payer, monthly_before.payer) = belonging.payer
        and coalesce(monthly.person_id, monthly_before.person_id) = belonging.person_id
"""
