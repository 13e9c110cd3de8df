"""The events that Foresafe tells Prefect, and what listens to them: prefect.yaml starts a training, notices.py tells a person.

An event is about one pilot: its resource is `foresafe.pilot.PILOT`. The payload's `reasons` is text for people.
"""

from __future__ import annotations

from collections.abc import Sequence

RETRAIN_REQUESTED = "foresafe.retrain.requested"
PERSON_CALLED = "foresafe.person.called"
_SEND_SECONDS = 20.0


def tell(event: str, pilot: str, *, reasons: Sequence[str], decision: str = "") -> None:
    """Emit the event about this pilot and wait until the server has it, or the event is lost when the process ends.

    Args:
        decision: an id or name under which the decision can be found again.
    """
    from prefect.events import emit_event
    from prefect.events.worker import EventsWorker

    emit_event(
        event=event,
        resource={"prefect.resource.id": f"foresafe.pilot.{pilot}", "prefect.resource.name": pilot},
        payload={"pilot": pilot, "reasons": "; ".join(reasons), "decision": decision},
    )
    EventsWorker.drain_all(timeout=_SEND_SECONDS, at_exit=False)
