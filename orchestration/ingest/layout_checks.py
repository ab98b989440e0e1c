"""One blocking check a feed: its contract, and the layouts of all who send it, can be used.

What is wrong with a file is found elsewhere (`layouts.py`); here it is decided whose publication
it holds.
"""

from functools import partial

from orchestration.checks import CheckOutcome, RegisteredCheck
from orchestration.errors import Problem
from orchestration.ingest import ledger
from orchestration.ingest.intake import landing_problems
from orchestration.ingest.layouts import Layouts, Unusable, load_layouts
from orchestration.settings import Settings


def layout_checks(settings: Settings) -> tuple[RegisteredCheck, ...]:
    """The check of every feed that has a contract's file, usable or not."""
    return tuple(
        RegisteredCheck(
            f"layouts_{feed}",
            feed,
            "ledger",
            True,
            f"The contract of {feed} and the layouts of its senders can be used; nothing waits.",
            partial(judge_layouts, feed=feed),
        )
        for feed in load_layouts(settings).feeds
    )


def judge_layouts(settings: Settings, feed: str) -> CheckOutcome:
    """Fail where deliveries of the feed wait, or would, for a file that has to be mended.

    A sender's file that cannot be read holds the feeds it was ever seen to send; of a sender never
    seen it is a warning, for nothing depends on it yet.
    """
    layouts = load_layouts(settings)
    sent = _sent_feeds(settings)
    problems: list[Problem] = []
    strangers: list[Problem] = []
    for one in layouts.unusable:
        if one.source_id is not None and one.source_id not in sent and one.feed is None:
            strangers += one.problems
        elif _holds(one, feed, sent, layouts):
            problems += [problem for problem in one.problems if problem not in problems]
    waiting = [
        problem.path
        for problem in landing_problems(settings)
        if problem.feed == feed and problem.reason == "configuration_unusable"
    ]
    told = [str(problem) for problem in problems]
    if waiting:
        names = ", ".join(f"{path.parent.parent.name}/{path.name}" for path in waiting[:10])
        more = f" and {len(waiting) - 10} more" if len(waiting) > 10 else ""
        told.append(f"{len(waiting)} deliveries of {feed} wait for it: {names}{more}")
    return CheckOutcome(
        "fail" if told else "pass",
        {"problems_found": len(problems), "deliveries_waiting": len(waiting)},
        tuple(told),
        tuple(str(problem) for problem in strangers),
    )


def _holds(one: Unusable, feed: str, sent: dict[str, set[str]], layouts: Layouts) -> bool:
    if one.feed is not None:
        return one.feed == feed
    if one.source_id is None:
        return True
    return feed in sent[one.source_id] and layouts.layout(one.source_id, feed) is None


def _sent_feeds(settings: Settings) -> dict[str, set[str]]:
    """Feeds by sender, as the landing folder and the ledger know them."""
    sent: dict[str, set[str]] = {}
    for folder in settings.landing_dir.glob("*/*"):
        sent.setdefault(folder.parent.name, set()).add(folder.name)
    for entry in ledger.read_entries(settings):
        sent.setdefault(entry.source_id, set()).add(entry.feed)
    return sent
