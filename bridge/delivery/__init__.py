"""Carry due deliveries to their service: in order, at least once, and once where the service allows it.

No socket is in here: `claim` takes lines, `plan` says what to ask of the service next, the caller asks, and
`settle` or `fail` writes down what came of it. Each is one short transaction. The rules, where each stands, and
the fault that each one closes:

1. A post writes the message, its deliveries and `due` in one transaction (`chat.actions.posting`).
   *A crash between two transactions left messages that nobody ever carried.*
2. A line is claimed by compare-and-swap and worked by whoever still has its number (`lines.claim`, `lines.hold`).
   *Two workers sent the same message.*
3. Requests are written only early in a claim, by a clock that runs during suspend (`services.attempts.Attempt`).
   *A paused process woke up and sent what another had sent in the meantime.*
4. What may have been sent is known before it is sent, and is looked for before it is repeated
   (`planning.plan`, `settling._found`). *A message was stored, its answer was lost, and it was sent again. An edit was
   made, its answer was lost, the edit was taken back here and stayed there.*
5. Permanent failures settle, others wait with backoff for as long as their service has patience, missing rights hold
   the line (`failing.fail`).
   *One refused message stopped a conversation for ever; a lost right burnt the whole queue.*
6. Opening is resumed from what is already there (`planning._opening`). *A crash made two threads.*
7. What comes in goes through one queue a thread, with a watermark that has no hole behind it (`bot.relay`,
   `chat.actions.receiving`). *Events overtook each other; what was written while the bot was away was lost.*
8. Edits and deletions missed while away are found by comparing (`bot.catchup`, `bot.intake`). *They show in no list.*
   What is deleted there and we did not ask for goes from the page (`chat.actions.remote_ids.take_as_deleted`).
   *Our own deletion of a piece too many took the message with it.*
9. Waiting messages of one author go as one (`composing.join`). *A thread takes five messages in five seconds.*
10. One process owns the gateway (`bot.lease`). *Two bots relayed every message twice.*
"""

from bridge.delivery.failing import fail
from bridge.delivery.lines import Line, LineLost, claim, leave
from bridge.delivery.planning import plan
from bridge.delivery.settling import settle

__all__ = ["Line", "LineLost", "claim", "fail", "leave", "plan", "settle"]
