"""The servers that are measured, each in a process of its own: Channels' plain consumer, and the site."""

import socket
from pathlib import Path

from tests.processes import HOST, Process, Site, free_ports

PLAIN, CHAT = "bench.plain:application", "chatbridge_site.asgi:application"


def command(server: str, application: str, port: int) -> list[str]:
    """As our docs say to start it; permessage-deflate is off for both, or it would be off for one."""
    if server == "daphne":
        # The plain one listens with the same options as ours.
        return ["-m", "daphne", "-v", "0", "-b", HOST, "-p", str(port), application]
    options = ["--lifespan", "off", "--no-access-log", "--log-level", "warning"]
    options += ["--ws-per-message-deflate", "false"]
    return ["-m", "uvicorn", "--host", HOST, "--port", str(port), *options, application]


class Bench(Site):
    """A site whose web process can be any server, beside a plain consumer on the same one."""

    def __init__(
        self,
        folder: Path,
        *,
        server: str = "uvicorn",
        database_url: str = "",
        settings: str = "bench.settings",
    ) -> None:
        super().__init__(folder, database_url=database_url, DJANGO_SETTINGS_MODULE=settings)
        self.server = server
        (self.plain_port,) = free_ports(1)
        self.web = self._listening("web", CHAT, self.web_port)
        self.plain = self._listening("plain", PLAIN, self.plain_port)
        self.parts = (self.sandbox, self.bot, self.web, self.plain)
        self.chat_url = f"ws://{HOST}:{self.web_port}/ws/chat/"
        self.echo_url = f"ws://{HOST}:{self.plain_port}/echo/"
        self.group_url = f"ws://{HOST}:{self.plain_port}/group/"
        self.idle_url = f"ws://{HOST}:{self.plain_port}/idle/"

    def __enter__(self) -> "Bench":
        self.folder.mkdir(parents=True, exist_ok=True)
        self.manage("migrate", "--verbosity=0")
        return self

    def _listening(self, name: str, application: str, port: int) -> Process:
        arguments = command(self.server, application, port)
        return Process(
            name, arguments, env=self.env, log=self.folder / f"{name}.log", ready=lambda: listens(port)
        )


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * 4096
