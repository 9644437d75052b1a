"""`python -m tests.delivery.worker NAME`: one delivery worker and nothing else.

It has no gateway and so no lease: any number of them may run.
"""

import asyncio
import os
import sys

import discord
import django
from django.conf import settings


async def work(name: str) -> None:
    from bridge.delivery.outbox import Brake, Outbox
    from bridge.infra.clock import Clock
    from bridge.infra.database import DatabaseThreads
    from bridge.services.discord.bot.client import point_at_discord
    from bridge.services.discord.errors import http_trace
    from bridge.services.discord.service import DiscordService

    clock = Clock()
    brake = Brake(clock)
    point_at_discord()
    client = discord.Client(intents=discord.Intents.none(), http_trace=http_trace(brake.invalid))
    await client.login(settings.DISCORD_TOKEN)
    print(f"{name} works", flush=True)
    database = DatabaseThreads("worker", threads=1, gives_way=True)
    await Outbox(DiscordService(client), clock=clock, database=database, brake=brake).run()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbridge_site.settings")
    django.setup()
    asyncio.run(work(sys.argv[1]))
