"""Starts what `docs/deploy` describes on this machine: PostgreSQL, nginx, webserver and daemon.

Every file under `docs/deploy` is used as it is committed; only paths, ports and passwords are
filled in. What is asserted does not belong here.
"""

import base64
import json
import os
import pwd
import secrets
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from string import Template

import psutil

from orchestration.settings import PROJECT_ROOT

DEPLOY = PROJECT_ROOT / "docs" / "deploy"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
START_SECONDS = 120
STOP_SECONDS = 15
UNPRIVILEGED_USER = "nobody"
UI_USER = "engineer"
USED_PROGRAMS = (
    *("initdb", "postgres", "psql", "createdb", "pg_dump", "pg_restore"),
    *("nginx", "htpasswd", "openssl"),
)


def program(name: str) -> str | None:
    """Where a program is; Debian keeps PostgreSQL's own out of the search path."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    search_path = os.pathsep.join([*map(str, folders), SYSTEM_PATH])
    return shutil.which(name, path=search_path)


def what_is_missing() -> str | None:
    """Why a server cannot be started here, with what would mend it; None where it can."""
    missing = [name for name in USED_PROGRAMS if program(name) is None]
    if missing:
        return (
            f"{', '.join(missing)} not installed:"
            " apt-get install -y --no-install-recommends postgresql nginx apache2-utils openssl"
        )
    if find_spec("dagster_postgres") is None:
        return "the extra [postgres] is not installed: make .venv/.postgres"
    return None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def unprivileged() -> dict[str, str | int]:
    """Popen's arguments for a user without rights; PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return {}
    user = pwd.getpwnam(UNPRIVILEGED_USER)
    return {"user": user.pw_uid, "group": user.pw_gid}


def give_away(path: Path) -> Path:
    """Hand a file or folder to the user without rights."""
    if os.getuid() == 0:
        user = pwd.getpwnam(UNPRIVILEGED_USER)
        os.chown(path, user.pw_uid, user.pw_gid)
    return path


def run(
    *arguments: str, environment: Mapping[str, str] | None = None, typed: str | None = None
) -> str:
    """Run a program as the user without rights; its output is the failure's message."""
    path = program(arguments[0])
    assert path is not None, arguments[0]
    finished = subprocess.run(
        [path, *arguments[1:]],
        env={"PATH": SYSTEM_PATH, "LC_ALL": "C.UTF-8", **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        input=typed,
        cwd="/",
        check=False,
        **unprivileged(),  # type: ignore[call-overload]
    )
    assert finished.returncode == 0, f"{' '.join(arguments)}\n{finished.stdout}"
    return str(finished.stdout)


@contextmanager
def started(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    stop: signal.Signals = signal.SIGTERM,
    working_dir: Path = Path("/"),
    as_user: Mapping[str, str | int] | None = None,
) -> Iterator["subprocess.Popen[bytes]"]:
    """A service in a process group of its own, ended with everything it started."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            arguments,
            env=dict(environment),
            cwd=working_dir,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **(as_user or {}),  # type: ignore[arg-type]
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(True)]
            process.send_signal(stop)
            _, alive = psutil.wait_procs(family, timeout=STOP_SECONDS)
            for survivor in alive:
                survivor.kill()
        end_at_once(process)


def end_at_once(process: "subprocess.Popen[bytes]") -> None:
    """Kill a service and all it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for_port(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"{process.args} ended:\n{log.read_text()}"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise AssertionError(f"nothing listens on {port}:\n{log.read_text()}")


@dataclass(frozen=True)
class Database:
    """A PostgreSQL with the role and database of `create-database.sql`."""

    port: int
    superuser_password: str
    password: str

    @property
    def url(self) -> str:
        return f"postgresql+psycopg2://care:{self.password}@127.0.0.1:{self.port}/care_dagster"

    def run(self, name: str, *arguments: str, typed: str | None = None) -> str:
        """One of PostgreSQL's programs as its superuser."""
        where = ("--host=127.0.0.1", f"--port={self.port}", "--username=postgres")
        password = {"PGPASSWORD": self.superuser_password}
        return run(name, *where, *arguments, environment=password, typed=typed)

    def ask(self, sql: str, database: str = "care_dagster") -> str:
        arguments = ("--tuples-only", "--no-align", f"--dbname={database}", f"--command={sql}")
        return self.run("psql", *arguments).strip()


@contextmanager
def database(folder: Path) -> Iterator[Database]:
    """PostgreSQL on a free port, its data under `folder`, reached by password alone."""
    made = Database(free_port(), secrets.token_urlsafe(), secrets.token_urlsafe())
    password_file = folder / "superuser-password"
    password_file.write_text(made.superuser_password)
    give_away(password_file)
    data = folder / "postgresql"
    run(
        "initdb",
        f"--pgdata={data}",
        "--username=postgres",
        "--auth=scram-sha-256",
        f"--pwfile={password_file}",
        "--encoding=UTF8",
    )
    postgres = program("postgres")
    assert postgres is not None
    arguments = [postgres, "-D", str(data), "-p", str(made.port), "-h", "127.0.0.1"]
    arguments += ["-k", str(folder)]
    log = folder / "postgresql.log"
    environment = {"PATH": SYSTEM_PATH, "LC_ALL": "C.UTF-8"}
    # SIGINT is PostgreSQL's fast way to stop.
    with started(arguments, environment, log, signal.SIGINT, as_user=unprivileged()) as process:
        wait_for_port(made.port, process, log)
        made.run(
            "psql",
            f"--set=password={made.password}",
            "--set=ON_ERROR_STOP=1",
            typed=(DEPLOY / "create-database.sql").read_text(),
        )
        yield made


def environment_file(path: Path, **filled_in: str) -> dict[str, str]:
    """Write `care.env.example` with values for names that it must know; as systemd reads it."""
    lines = []
    for line in (DEPLOY / "care.env.example").read_text().splitlines():
        name = line.partition("=")[0]
        lines.append(f'{name}="{filled_in.pop(name)}"' if name in filled_in else line)
    assert not filled_in, f"care.env.example does not name {filled_in.keys()}"
    path.write_text("\n".join(lines) + "\n")
    return dict(word.split("=", 1) for word in shlex.split("\n".join(lines), comments=True))


def unit_command(unit: str) -> list[str]:
    """What a unit starts, with this Python for the installation's."""
    lines = (DEPLOY / unit).read_text().splitlines()
    (start,) = [line.removeprefix("ExecStart=") for line in lines if line.startswith("ExecStart=")]
    installed, *arguments = shlex.split(start)
    assert installed == "/opt/care/.venv/bin/python"
    return [sys.executable, *arguments]


@dataclass(frozen=True)
class Server:
    """Everything running: where the proxy answers, who may come in, where the data lie."""

    database: Database
    data_dir: Path
    environment_file: Path
    proxy_port: int
    ui_port: int
    ui_password: str
    certificate: Path
    webserver: "subprocess.Popen[bytes]"
    daemon: "subprocess.Popen[bytes]"
    daemon_log: Path
    proxy_log: Path

    def get(self, path: str, user: str | None, password: str | None) -> int:
        """The status of a page asked for through the proxy."""
        request = urllib.request.Request(f"https://127.0.0.1:{self.proxy_port}{path}")
        if user is not None:
            _sign(request, user, password or "")
        try:
            with urllib.request.urlopen(request, context=self._trust(), timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code

    def graphql(self, query: str) -> dict[str, object]:
        """Data answered to a query that came through the proxy with the password."""
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.proxy_port}/graphql",
            data=json.dumps({"query": query}).encode(),
            headers={"Content-Type": "application/json"},
        )
        _sign(request, UI_USER, self.ui_password)
        with urllib.request.urlopen(request, context=self._trust(), timeout=60) as answer:
            answered = json.load(answer)
        assert "errors" not in answered, answered
        data: dict[str, object] = answered["data"]
        return data

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))


def _sign(request: urllib.request.Request, user: str, password: str) -> None:
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    request.add_header("Authorization", f"Basic {token}")


@contextmanager
def proxy(folder: Path, ui_port: int, ui_password: str) -> Iterator[tuple[int, Path, Path]]:
    """nginx with the committed site; yields its port, its certificate and its access log."""
    port = free_port()
    certificate, key = folder / "tls.crt", folder / "tls.key"
    run(
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
        *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
        *("-keyout", str(key), "-out", str(certificate)),
    )
    passwords = folder / "ui-passwords"
    run("htpasswd", "-bcB", str(passwords), UI_USER, ui_password)
    access_log = folder / "nginx-access.log"
    filled_in = {
        "CARE_PROXY_ADDRESS": f"127.0.0.1:{port}",
        "CARE_SERVER_NAME": "127.0.0.1",
        "CARE_TLS_CERTIFICATE": str(certificate),
        "CARE_TLS_KEY": str(key),
        "CARE_PASSWORD_FILE": str(passwords),
        "CARE_PROXY_LOG": str(access_log),
        "CARE_UI_PORT": str(ui_port),
    }
    # As envsubst does when it is told these names: nginx's own variables stay.
    site = Template((DEPLOY / "nginx-site.conf.template").read_text()).safe_substitute(filled_in)
    (folder / "care.conf").write_text(site)
    scratch = "".join(
        f"{kind}_temp_path {folder}/nginx-{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = folder / "nginx.conf"
    main.write_text(
        f"daemon off;\npid {folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{\n{scratch}include {folder}/care.conf;\n}}\n"
    )
    nginx = program("nginx")
    assert nginx is not None
    arguments = [nginx, "-c", str(main), "-p", str(folder)]
    log = folder / "nginx.log"
    with started(arguments, {"PATH": SYSTEM_PATH}, log, as_user=unprivileged()) as process:
        wait_for_port(port, process, log)
        yield port, certificate, access_log


@contextmanager
def server(members: int, cron: str) -> Iterator[Server]:
    """A whole installation with simulated deliveries in its landing folder."""
    with ExitStack() as stack:
        temporary = tempfile.TemporaryDirectory(prefix="care-server-")
        folder = give_away(Path(stack.enter_context(temporary)))
        folder.chmod(0o755)
        data_dir = folder / "data"
        made = stack.enter_context(database(folder))
        environment = {
            "PATH": SYSTEM_PATH,
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            **environment_file(
                folder / "care.env",
                CARE_POSTGRES_URL=made.url,
                CARE_DATA_DIR=str(data_dir),
                CARE_NIGHTLY_CRON=cron,
            ),
        }
        subprocess.run(
            [sys.executable, "-m", "orchestration", "simulate", "--members", str(members)],
            env=environment,
            cwd=PROJECT_ROOT,
            check=True,
        )
        ui_port, ui_password = free_port(), secrets.token_urlsafe()
        webserver_log, daemon_log = folder / "webserver.log", folder / "daemon.log"
        command = unit_command("care-webserver.service")
        assert command[-2:] == ["--port", "3000"]
        webserver = stack.enter_context(
            started(
                [*command[:-1], str(ui_port)], environment, webserver_log, working_dir=PROJECT_ROOT
            )
        )
        daemon = stack.enter_context(
            started(
                unit_command("care-daemon.service"),
                environment,
                daemon_log,
                working_dir=PROJECT_ROOT,
            )
        )
        wait_for_port(ui_port, webserver, webserver_log)
        port, certificate, proxy_log = stack.enter_context(proxy(folder, ui_port, ui_password))
        yield Server(
            made,
            data_dir,
            folder / "care.env",
            port,
            ui_port,
            ui_password,
            certificate,
            webserver,
            daemon,
            daemon_log,
            proxy_log,
        )
