"""Alerts: what nobody would notice by looking away, told once to a log and to a webhook.

A run that failed, a publication that was held, one that was damaged on disk, and a silence: no
publication for longer than expected. When to look does not belong here (`defs/alerts.py`, the
command line). No alert carries a member's data: they name runs, steps, checks and files.
"""

import fcntl
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, Literal
from urllib.parse import urlsplit

from orchestration.errors import PipelineBusy
from orchestration.publication.generations import last_publication, verify_current
from orchestration.settings import Settings

Kind = Literal["run_failed", "publication_held", "publication_damaged", "no_success"]
WEBHOOK_SECONDS = 10
LONGEST_TEXT = 2000


@dataclass(frozen=True)
class Alert:
    """One thing to tell somebody; `key` is equal for what has to be told once."""

    kind: Kind
    key: str
    text: str
    run_id: str = ""


@dataclass(frozen=True)
class Told:
    """An alert as the log keeps it, a line each; a later line of an equal key replaces it."""

    kind: Kind
    key: str
    text: str
    run_id: str
    at: str
    webhook: str
    """`sent`, `none` where no address is set, or what went wrong; the last is tried again."""

    @property
    def is_owed(self) -> bool:
        return self.webhook not in ("sent", "none")


def send(settings: Settings, alert: Alert, now: datetime | None = None) -> Told | None:
    """Log an alert and post it to the webhook, if there is one; None if it was told before.

    Raises nothing for a webhook that does not answer: the log says so, and `watch` tries again.
    """
    with _log(settings) as (file, told):
        before = told.get(alert.key)
        if before is not None and not before.is_owed:
            return None
        at = (now or datetime.now(UTC)).isoformat("T", "seconds")
        text = alert.text[:LONGEST_TEXT]
        answer = _post(settings, {**asdict(alert), "text": text, "at": at})
        line = Told(alert.kind, alert.key, text, alert.run_id, at, answer)
        file.write(json.dumps(asdict(line), sort_keys=True).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
        return line


def failed_run(run_id: str, job: str, told: str, is_held: bool) -> Alert:
    """The alert of a run that failed; `is_held` where a check or the gate held publication."""
    if is_held:
        text = f"{job} published nothing, the last publication stays: {told}"
        return Alert("publication_held", f"run {run_id}", text, run_id)
    return Alert("run_failed", f"run {run_id}", f"{job} failed: {told}", run_id)


def watch(settings: Settings, now: datetime | None = None) -> list[Told]:
    """Look at what no run looks at: damage on disk, silence, alerts the webhook did not take.

    Goes back to the newest intact generation where the current one is damaged. While a publication
    runs, damage is left for the next look.
    """
    now = now or datetime.now(UTC)
    found = [*_damage(settings), *_silence(settings, now), *_owed(settings)]
    told = [send(settings, alert, now) for alert in found]
    return [one for one in told if one is not None]


def _damage(settings: Settings) -> Iterator[Alert]:
    try:
        verified = verify_current(settings)
    except PipelineBusy:
        return
    if verified is not None and verified.corrupted:
        served = f"{verified.current} is served" if verified.current else "nothing is served"
        text = f"{', '.join(verified.corrupted)} was damaged on disk and set aside, {served}: "
        key = f"damaged {' '.join(verified.corrupted)}"
        yield Alert("publication_damaged", key, text + "; ".join(verified.problems[:5]))


def _silence(settings: Settings, now: datetime) -> Iterator[Alert]:
    """Told again after every further period; an installation that was never used is not silent."""
    last, is_success = last_publication(settings)
    if last is None:
        return
    periods = (now - last) // timedelta(hours=settings.alert_after_hours)
    if periods >= 1:
        since = "The last publication succeeded" if is_success else "No run has published since"
        text = (
            f"{since} {last.isoformat(' ', 'minutes')}, more than"
            f" {periods * settings.alert_after_hours} hours ago. `make nightly` says what is in the"
            " way."
        )
        yield Alert("no_success", f"silence since {last.isoformat()}, {periods}", text)


def _owed(settings: Settings) -> Iterator[Alert]:
    if settings.alert_webhook is None:
        return
    with _log(settings) as (_, told):
        owed = [one for one in told.values() if one.is_owed]
    for one in owed:
        yield Alert(one.kind, one.key, one.text, one.run_id)


def _post(settings: Settings, content: Mapping[str, str]) -> str:
    """`sent`, `none`, or what went wrong; the address is a secret and not repeated."""
    if settings.alert_webhook is None:
        return "none"
    request = urllib.request.Request(
        settings.alert_webhook,
        data=json.dumps(content).encode(),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    host = urlsplit(settings.alert_webhook).hostname
    try:
        with urllib.request.urlopen(request, timeout=WEBHOOK_SECONDS):
            return "sent"
    except urllib.error.HTTPError as error:
        return f"{host} answered {error.code}"
    except OSError as error:
        return f"{host} did not answer: {getattr(error, 'reason', error)}"


@contextmanager
def _log(settings: Settings) -> Iterator[tuple[BinaryIO, dict[str, Told]]]:
    """The log, open for appending, and what it tells by key; one process at a time."""
    settings.alert_log.parent.mkdir(parents=True, exist_ok=True)
    with settings.alert_log.open("ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        lines = file.read().split(b"\n")
        if lines[-1]:
            # Its writer died in the middle of the line.
            file.write(b"\n")
        told = {}
        for line in lines[:-1]:
            try:
                one = Told(**json.loads(line))
            except (TypeError, ValueError):
                continue
            told[one.key] = one
        yield file, told
