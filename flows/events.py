"""The events that Foresafe tells Prefect: prefect.yaml answers a request with a training, notices.py tells a person.

The resource is `foresafe.model.PILOT-HAZARD` with the label `foresafe.pilot`, by which automations choose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

RETRAIN_REQUESTED = "foresafe.retrain.requested"
PERSON_CALLED = "foresafe.person.called"
TOLD = ("subject", "kind", "reasons", "decided_at", "key")


def tell(event: str, *, pilot: str, hazard: str, decision: Mapping[str, Any]) -> None:
    """Emit the event about one decision; within a flow it is sent in the background, at the latest when the run ends.

    The same decision is the same event, whenever it is sent: a check that was killed before it could tell, tells when
    it is run again.

    Args:
        decision: with the keys of TOLD; subject is the model, `PILOT-HAZARD`, and reasons are texts for people.
    """
    from prefect.events import emit_event

    resource = {
        "prefect.resource.id": f"foresafe.model.{decision['subject']}",
        "foresafe.pilot": pilot,
        "foresafe.hazard": hazard,
    }
    payload = {key: decision[key] for key in TOLD}
    emit_event(event=event, resource=resource, payload=payload, id=uuid5(NAMESPACE_URL, decision["key"]))
