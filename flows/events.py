"""The events that Foresafe tells Prefect: prefect.yaml answers a request with a training, notices.py tells a person.

The resource is `foresafe.model.PILOT-HAZARD` with the label `foresafe.pilot`, by which automations choose.
"""

from __future__ import annotations

from collections.abc import Sequence

RETRAIN_REQUESTED = "foresafe.retrain.requested"
PERSON_CALLED = "foresafe.person.called"


def tell(event: str, *, pilot: str, hazard: str, subject: str, kind: str, reasons: Sequence[str]) -> None:
    """Emit the event about one model. Within a flow it is sent in the background, at the latest when the run ends.

    Args:
        subject: the model, `PILOT-HAZARD`. kind: what was decided. reasons: texts for people.
    """
    from prefect.events import emit_event

    resource = {"prefect.resource.id": f"foresafe.model.{subject}", "foresafe.pilot": pilot, "foresafe.hazard": hazard}
    emit_event(event=event, resource=resource, payload={"subject": subject, "kind": kind, "reasons": list(reasons)})
