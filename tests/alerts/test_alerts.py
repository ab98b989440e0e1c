"""Alerts as somebody receives them: a true HTTP server, the log, and Dagster's own events."""

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import dagster as dg
import pytest

from orchestration.alerts import Alert, Told, failed_run, send, watch
from orchestration.checks import CheckRecord, dbt_check_records, refusal_by_tests
from orchestration.defs.alerts import failure_alert, watch_alert
from orchestration.errors import CareWarehouseError, ConfigurationError, PublicationRefused
from orchestration.publication import publish
from orchestration.settings import Settings, load_settings
from tests.publication.publication_installation import NO_CHECKS, make_installation


@dataclass
class Inbox:
    """Who receives the webhook: what was posted, and the answer that is given."""

    address: str = ""
    posted: list[dict[str, str]] = field(default_factory=list)
    answer: int = 200


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    box = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if box.answer == 200:
                assert self.headers["Content-Type"] == "application/json"
                box.posted.append(json.loads(content))
            self.send_response(box.answer)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    box.address = f"http://127.0.0.1:{server.server_port}/hooks/s3cret"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield box
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def settings(tmp_path: Path, inbox: Inbox) -> Settings:
    """A published installation that posts to the inbox."""
    made = make_installation(tmp_path / "data").settings
    publish(made, NO_CHECKS)
    return replace(made, alert_webhook=inbox.address, alert_after_hours=26)


def log_of(settings: Settings) -> list[Told]:
    lines = settings.alert_log.read_text().splitlines()
    return [Told(**json.loads(line)) for line in lines]


ALERT = failed_run("r1", "nightly", "warehouse: out of memory", is_held=False)


def test_an_alert_reaches_log_and_webhook_once(settings: Settings, inbox: Inbox) -> None:
    """Told twice it would be ignored the third time."""
    assert send(settings, ALERT) is not None
    assert send(settings, ALERT) is None
    (posted,) = inbox.posted
    assert (
        posted.items()
        >= {
            "kind": "run_failed",
            "text": "nightly failed: warehouse: out of memory",
            "run_id": "r1",
        }.items()
    )
    assert [(one.key, one.webhook) for one in log_of(settings)] == [("run r1", "sent")]


def test_without_a_webhook_the_log_is_enough(settings: Settings) -> None:
    alone = replace(settings, alert_webhook=None)
    send(alone, ALERT)
    assert [one.webhook for one in log_of(alone)] == ["none"]
    assert watch(alone) == []


@pytest.mark.parametrize("is_down", [True, False])
def test_what_the_webhook_did_not_take_is_sent_again(
    settings: Settings, inbox: Inbox, is_down: bool
) -> None:
    """The night that fails and the chat that is down may have one cause; the address is secret."""
    inbox.answer = 503
    unreachable = replace(settings, alert_webhook="http://127.0.0.1:9/hooks/s3cret")
    first = send(unreachable if is_down else settings, ALERT)
    assert first is not None
    assert first.is_owed
    assert ("did not answer" if is_down else "answered 503") in first.webhook
    assert "s3cret" not in settings.alert_log.read_text()
    inbox.answer = 200
    assert [one.webhook for one in watch(settings)] == ["sent"]
    assert [one["run_id"] for one in inbox.posted] == ["r1"]
    assert watch(settings) == []


def test_a_log_line_cut_by_a_crash_hides_no_alert(settings: Settings) -> None:
    """Half a line must neither stop alerts nor swallow the next one."""
    settings.alert_log.write_text('{"kind": "run_fai')
    assert send(settings, ALERT) is not None
    assert send(settings, ALERT) is None


def test_silence_is_told_after_so_many_hours_and_again(settings: Settings, inbox: Inbox) -> None:
    """A scheduler that was switched off fails no run; nothing else would say so."""
    now = datetime.now(UTC)
    assert watch(settings, now + timedelta(hours=25)) == []
    for hours in (27, 28, 53):
        watch(settings, now + timedelta(hours=hours))
    assert [one["kind"] for one in inbox.posted] == ["no_success"] * 2
    assert "more than 26 hours ago" in inbox.posted[0]["text"]
    publish(settings, NO_CHECKS)
    assert watch(settings, datetime.now(UTC) + timedelta(hours=1)) == []


def test_an_installation_that_never_published_is_silent_from_its_first_run(
    tmp_path: Path,
) -> None:
    """A first night that never succeeds is a silence too; one never started is none."""
    installation = make_installation(tmp_path / "data")
    later = datetime.now(UTC) + timedelta(hours=27)
    assert watch(installation.settings, later) == []
    installation.run("v2")
    with pytest.raises(PublicationRefused):
        publish(installation.settings, NO_CHECKS)
    (told,) = watch(installation.settings, later)
    assert told.text.startswith("No run has published since")


def test_65_damage_on_disk_is_told_and_the_generation_before_is_served(
    settings: Settings, inbox: Inbox
) -> None:
    """FAULTS 65: found by the next look, not by the analyst."""
    path = (settings.published_dir / "current" / "agg_attribution.parquet").resolve()
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])
    (told,) = watch(settings)
    assert told.kind == "publication_damaged"
    assert "nothing is served" in told.text
    assert inbox.posted[0]["text"] == told.text
    assert watch(settings) == []


def test_an_address_that_takes_no_alert_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigurationError, match="CARE_ALERT_WEBHOOK") as refused:
        load_settings({"CARE_ALERT_WEBHOOK": "ftp://user:s3cret@example.org"})
    assert "s3cret" not in str(refused.value)
    assert "s3cret" not in repr(load_settings({"CARE_ALERT_WEBHOOK": "https://x.org/s3cret"}))


def dbt_records(statuses: Sequence[str]) -> list[CheckRecord]:
    """What dbt told of a test, and of a model that stands on what the test judged."""
    nodes = {
        "test.care.claims_are_unique.a1b2": {
            "resource_type": "test",
            "depends_on": {"nodes": ["model.care.fct_claim"]},
        },
        "model.care.fct_claim": {"resource_type": "model", "name": "fct_claim"},
    }
    results = [
        {"unique_id": name, "status": status, "failures": 7 if status == "fail" else None}
        for name, status in zip(nodes, statuses, strict=True)
    ]
    return dbt_check_records({"results": results}, {"nodes": nodes}, "v1")


@pytest.mark.parametrize("statuses", [("fail", "error"), ("error", "success"), ("pass", "success")])
def test_what_is_more_than_a_failed_test_is_no_refusal(statuses: tuple[str, str]) -> None:
    """A model that breaks, or a test that cannot be asked, wants an engineer, not a look."""
    assert refusal_by_tests(dbt_records(statuses)) is None


@dg.asset
def refused() -> None:
    raise PublicationRefused("Nothing is published: 2 of 9 checks are in the way.")


@dg.asset
def tested() -> None:
    """What the warehouse's asset raises where dbt's tests fail."""
    refusal = refusal_by_tests(dbt_records(("fail", "skipped")))
    assert refusal is not None
    raise refusal


@dg.asset
def broken() -> None:
    raise ValueError("Jane Doe's claim cannot be read")


@dg.asset
def judged() -> None:
    """Fine, but for its check."""


@dg.asset_check(asset=judged, blocking=True)
def never_passes() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False)


@pytest.mark.parametrize(
    ("asset", "kind", "text"),
    [
        (refused, "publication_held", "refused: Nothing is published: 2 of 9 checks"),
        (judged, "publication_held", "never_passes"),
        (tested, "publication_held", "claims_are_unique on fct_claim: 7 rows"),
        (broken, "run_failed", "broken: ValueError; the run's log"),
    ],
)
def test_dagster_tells_of_a_failed_run_by_its_cause(
    settings: Settings,
    inbox: Inbox,
    monkeypatch: pytest.MonkeyPatch,
    asset: dg.AssetsDefinition,
    kind: str,
    text: str,
) -> None:
    """`publication_held` asks for a look at the checks, `run_failed` for one at the machine."""
    monkeypatch.setenv("CARE_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("CARE_ALERT_WEBHOOK", inbox.address)
    job = dg.define_asset_job("some_night", selection=[asset])
    checks = [never_passes] if asset is judged else []
    definitions = dg.Definitions(
        assets=[asset], asset_checks=checks, jobs=[job], executor=dg.in_process_executor
    )
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def("some_night").execute_in_process(
            instance=instance, raise_on_error=False
        )
        context = dg.build_run_status_sensor_context(
            sensor_name="failure_alert",
            dagster_event=result.get_run_failure_event(),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
        ).for_run_failure()
        failure_alert(context)
        failure_alert(context)
    (posted,) = inbox.posted
    assert (posted["kind"], posted["run_id"]) == (kind, result.run_id)
    assert text in posted["text"]
    assert "some_night" in posted["text"]
    assert "Jane Doe" not in posted["text"], "an error may quote a member's value"


def test_the_watching_sensor_fails_its_tick_while_the_webhook_is_down(
    settings: Settings, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A red tick is what an engineer sees when the chat stays quiet."""
    monkeypatch.setenv("CARE_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("CARE_ALERT_WEBHOOK", inbox.address)
    inbox.answer = 500
    send(settings, Alert("run_failed", "run r2", "it failed", "r2"))
    with pytest.raises(CareWarehouseError, match="answered 500"):
        watch_alert()
    inbox.answer = 200
    assert "it failed" in str(watch_alert())
    assert "Nothing to tell" in str(watch_alert())
