"""Run the sandbox: `python -m bridge.sandbox [--host 127.0.0.1] [--port 8787] [--state FILE]`."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from . import defaults
from .launching import MISSING, StateInUse, is_installed

if not is_installed():
    sys.exit(MISSING)

from .server import Server, is_loopback


def loopback(host: str) -> str:
    if not is_loopback(host):
        raise argparse.ArgumentTypeError("the sandbox has no login, so it only listens on loopback")
    return host


async def serve(host: str, port: int, state: Path | None) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    server = Server(host=host, port=port, state=state)
    await server.start()
    sys.stdout.write(f"Sandbox Discord: {server.url}/\n")
    sys.stdout.flush()
    await ended.wait()
    await server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bridge.sandbox", description="A Discord on loopback.")
    parser.add_argument("--host", type=loopback, default=defaults.HOST)
    parser.add_argument("--port", type=int, default=defaults.PORT, help="0: any free one")
    parser.add_argument("--state", type=Path, help="store its state in this file, to survive a restart")
    options = parser.parse_args()
    try:
        asyncio.run(serve(options.host, options.port, options.state))
    except (StateInUse, OSError) as error:
        sys.exit(f"The sandbox cannot start: {error}")


if __name__ == "__main__":
    main()
