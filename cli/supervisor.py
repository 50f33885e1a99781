"""`tidings up`: everything a person needs, in one terminal; stopped in the order in which nothing is left in doubt.

Start: server → healthy → work pool and automation → deployments → worker → simulator. Stop: the flow runs first, since
they must still tell the server how they ended, then worker, simulator and server.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cli.children import is_taken, last_words, start_child, stop_child
from cli.instance import open_here
from cli.output import EXIT_FAILED, EXIT_OK, screen
from cli.prefect_server import server_command, server_log, wait_until_healthy
from cli.run_here import simulator_command
from config.settings import CHECKOUT, Settings, prefect_environment
from data.automations import ZOMBIE_RUNS
from data.orchestrator import Orchestrator
from messaging.errors import TidingsError

DRAIN_S = 30.0
CHILD_STOP_S = 10.0
LOOK_EVERY_S = 0.2
RESTART_AFTER_S = 1.0
MOST_RESTARTS = 5  # within RESTARTS_WITHIN_S; then something is wrong that a restart does not cure
RESTARTS_WITHIN_S = 120.0
KEEP_HOUSE = "keep-house/house"
HOUSE = (
    "send-campaign/house",
    "send-part/house",
    "import-contacts/house",
    "collect-and-load/house",
    "rerun-batches/house",
    KEEP_HOUSE,
)


class CannotStart(TidingsError):
    """A port is taken, or a deployment failed; the sentence says which."""


def up(settings: Settings) -> int:
    """Run until Ctrl-C or SIGTERM. 0: stopped cleanly; 1: a child kept dying. Raises CannotStart."""
    _refuse_taken_ports(settings)
    with open_here(settings):
        pass  # folder, keys and store exist before any child looks for them
    return asyncio.run(_Supervisor(settings).run())


def _refuse_taken_ports(settings: Settings) -> None:
    ports = {"TIDINGS_PREFECT_PORT": settings.prefect_port}
    if _has_simulator(settings):
        ports["TIDINGS_SIMULATOR_PORT"] = settings.simulator_port
    for variable, port in ports.items():
        if is_taken(settings.host, port):
            raise CannotStart(
                f"port {port} is taken on {settings.host} (perhaps by another `tidings up`); "
                f"stop what uses it, or set {variable} to a free one."
            )


def _has_simulator(settings: Settings) -> bool:
    """Not when it is switched off, nor when the account `sim` sends somewhere else."""
    return settings.simulator_port > 0 and not settings.simulator_url


@dataclass(slots=True)
class _Child:
    """One kept process. deaths: when it died lately. Started on the main thread only: it ends with its thread."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    deaths: list[float] = field(default_factory=list)

    def start(self) -> subprocess.Popen[bytes]:
        self.process = start_child(self.command, environment=self.environment, log=self.log, folder=CHECKOUT)
        return self.process

    async def stop(self, patience_s: float) -> None:
        if self.process is not None:
            await asyncio.to_thread(stop_child, self.process, patience_s=patience_s)

    @property
    def is_dead(self) -> bool:
        return self.process is not None and self.process.poll() is not None


class _Supervisor:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopping = asyncio.Event()
        logs = settings.var_dir / "prefect"
        self._definition = definition_of_house()
        environment = prefect_environment(settings, settings.api_url)
        environment["TIDINGS_DEFINITION"] = self._definition  # prefect.yaml makes it the deployments' version
        self._server = _Child(
            "server", server_command(settings.host, settings.prefect_port), environment, server_log(settings)
        )
        prefect = [sys.executable, "-m", "prefect"]
        self._deploy = _Child(
            "deploy", [*prefect, "--no-prompt", "deploy", "--all"], environment, logs / "deploy.log"
        )
        # Never with --limit: such a worker dies when a run is retried while its old process still holds a slot.
        self._worker = _Child(
            "worker",
            [*prefect, "worker", "start", "--pool", settings.work_pool, "--type", "process"],
            environment,
            logs / "worker.log",
        )
        self._simulator = _Child(
            "simulator",
            simulator_command(settings.host, settings.simulator_port),
            {},
            settings.var_dir / "simulator.log",
        )

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stopping.set)
        try:
            for step in (self._start_server, self._deploy_house, self._start_the_others):
                if not await self._unless_stopped(step):
                    return EXIT_OK
            self._say_where()
            return await self._watch()
        finally:
            await self._stop()

    async def _unless_stopped(self, step: Callable[[], Awaitable[None]]) -> bool:
        """Do a step of the start, unless the end is asked for meanwhile. False: it was."""
        doing, stopping = asyncio.ensure_future(step()), asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not doing.done():
            doing.cancel()
            return False
        doing.result()
        return not self._stopping.is_set()

    async def _start_server(self) -> None:
        screen.print("starting Prefect's server …")
        await asyncio.to_thread(
            wait_until_healthy, self._server.start(), self._settings.api_url, self._server.log
        )

    async def _deploy_house(self) -> None:
        """Only what has changed: a deploy can swallow an occurrence that falls due meanwhile."""
        server = Orchestrator(self._settings.api_url)
        await asyncio.to_thread(server.ensure_work_pool, self._settings.work_pool)
        await asyncio.to_thread(server.ensure_automation, ZOMBIE_RUNS)
        versions = [await asyncio.to_thread(server.version_of, name) for name in HOUSE]
        if all(version == self._definition for version in versions):
            return
        screen.print("deploying the house's flows …")
        if await asyncio.to_thread(self._deploy.start().wait):
            log = self._deploy.log
            raise CannotStart(f"the flows could not be deployed: {last_words(log)}. All of it: {log}")

    async def _start_the_others(self) -> None:
        await asyncio.to_thread(Orchestrator(self._settings.api_url).free_slots, KEEP_HOUSE)
        self._worker.start()
        if _has_simulator(self._settings):
            self._simulator.start()

    def _say_where(self) -> None:
        settings = self._settings
        screen.print(f"[bold green]up[/bold green] · Prefect  http://{settings.host}:{settings.prefect_port}")
        if _has_simulator(settings):
            screen.print(f"     simulator {settings.simulator_address} (docs/simulator.md)")
        screen.print(f"     files     {settings.var_dir}")
        screen.print(
            "     try [bold]tidings send welcome[/bold] in another terminal · Ctrl-C stops everything"
        )

    async def _watch(self) -> int:
        """Keep the children alive until told to stop."""
        children = [child for child in (self._server, self._worker, self._simulator) if child.process]
        while not self._stopping.is_set():
            for child in children:
                if child.is_dead and not await self._restart(child):
                    return EXIT_FAILED
            try:
                await asyncio.wait_for(self._stopping.wait(), LOOK_EVERY_S)
            except TimeoutError:
                continue
        return EXIT_OK

    async def _restart(self, child: _Child) -> bool:
        """False: it has died too often lately."""
        now = time.monotonic()
        child.deaths = [at for at in child.deaths if at > now - RESTARTS_WITHIN_S] + [now]
        if len(child.deaths) > MOST_RESTARTS:
            screen.print(
                f"[red]the {child.name} keeps ending[/red]: {last_words(child.log)}. See {child.log}"
            )
            return False
        screen.print(f"[yellow]the {child.name} has ended[/yellow]; starting it again (its log: {child.log})")
        await asyncio.sleep(RESTART_AFTER_S)
        child.start()
        return True

    async def _stop(self) -> None:
        screen.print("stopping: messages on their way are settled first …")
        await self._deploy.stop(CHILD_STOP_S)
        await self._drain()
        await self._worker.stop(CHILD_STOP_S)
        await self._simulator.stop(CHILD_STOP_S)
        await self._server.stop(CHILD_STOP_S)
        screen.print("stopped.")

    async def _drain(self) -> None:
        """SIGTERM once to every flow run of the worker, also to one that it starts meanwhile; wait until none is left."""
        worker = self._worker.process
        told: set[int] = set()
        give_up_at_s = time.monotonic() + DRAIN_S
        while worker is not None and time.monotonic() < give_up_at_s:
            running = await asyncio.to_thread(_children_of, worker.pid)
            if not running:
                return
            for pid in running - told:
                _tell_to_end(pid)
            told |= running
            await asyncio.sleep(LOOK_EVERY_S)


def _tell_to_end(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def _children_of(parent: int) -> set[int]:
    """The living child processes of a process."""
    rows = _processes_of_linux() if sys.platform == "linux" else _processes_of_ps()
    return {pid for pid, ppid, state in rows if ppid == parent and not state.startswith("Z")}


def _processes_of_linux() -> Iterator[tuple[int, int, str]]:
    """(pid, parent, state) of every process; not every Linux has `ps`."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it has ended meanwhile
                state, ppid = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                yield int(entry.name), int(ppid), state


def _processes_of_ps() -> Iterator[tuple[int, int, str]]:
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True
    )
    for line in listed.stdout.splitlines():
        pid, ppid, state = line.split()
        yield int(pid), int(ppid), state


def definition_of_house() -> str:
    """Of all that `prefect deploy` reads: the file, and the code that gives the forms their fields."""
    digest = hashlib.sha256()
    for path in (CHECKOUT / "prefect.yaml", *sorted((CHECKOUT / "flows").glob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
