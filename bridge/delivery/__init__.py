"""Sends due deliveries to their service: in order, at least once, and exactly once if the service allows it.

This package knows no sockets. `claim` takes lines, `plan` returns the next request, the caller makes it, and `settle`
or `fail` records the result. Each of these is one short transaction. The rules, where to find them, and the fault that
each one prevents:

1. A post writes the message, its deliveries and `due` in one transaction (`chat.actions.posting`).
   *A crash between two transactions left messages that were never delivered.*
2. A line is claimed by compare-and-swap, and only the worker that still has its number works on it (`lines.claim`,
   `lines.hold`). *Two workers sent the same message.*
3. Requests are written only early in a claim, by a clock that runs during suspend (`services.attempts.Attempt`).
   *A paused process woke up and sent what another had sent in the meantime.*
4. What may have been sent is recorded before it is sent, and searched for before it is repeated (`planning.plan`,
   `settling._found`). *A message was stored, the answer was lost, and it was sent again. An edit was made, the answer
   was lost, and when the edit was undone here, it remained there.*
5. Permanent failures are settled. Others wait with backoff, for as long as their service has patience. A missing
   permission puts the line on hold (`failing.fail`).
   *One refused message stopped a conversation for ever; without a permission, all waiting messages failed.*
6. An opening continues from what already exists (`planning._opening`). *A crash created two threads.*
7. Events from outside go through one queue per thread, with a watermark before which nothing is missing (`bot.relay`,
   `chat.actions.receiving`). *Events overtook each other; messages written while the bot was away were lost.*
8. Edits and deletions that were missed are found by comparison (`bot.catchup`, `bot.intake`). *They appear in no list.*
   A deletion in the service that we did not request also deletes the message on the page
   (`chat.actions.remote_ids.take_as_deleted`). *Our own deletion of a surplus part deleted the whole message.*
9. Waiting messages of one author are joined into one (`composing.join`). *A thread accepts five messages in five
   seconds.*
10. One process owns the gateway (`bot.lease`). *Two bots relayed every message twice.*
"""

from bridge.delivery.failing import fail
from bridge.delivery.lines import Line, LineLost, claim, leave
from bridge.delivery.planning import plan
from bridge.delivery.settling import settle

__all__ = ["Line", "LineLost", "claim", "fail", "leave", "plan", "settle"]
