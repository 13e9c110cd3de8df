"""Who is told: a Prefect notification block, used by every flow that fails, and by automations where no flow can tell.

A flow tells of its own end (`tell_operator`, a state hook; the worker runs it for a process that was killed). An
automation on the states' own events would be late: each follows the one before, Prefect holds it back for up to 15
minutes until it has seen that one, and a scheduled run's first state is written without an event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from flows.events import PERSON_CALLED

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, State
    from prefect.events.schemas.automations import AutomationCore

BLOCK = "foresafe-operator"
FAILED, CALLED = "foresafe: a run failed", "foresafe: a person is called"
GONE = "its process is gone"  # as `flows.backlog` calls a run that an outage left
_UNTOLD = [GONE, "Flow run could not start*"]  # crashes without a process of ours; the second are Prefect's words


def tell_operator(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """A flow's hook for failures and crashes: tell of it where a webhook is declared.

    Prefect gives the three by name. It may know the run by the name that it was planned under.
    """
    from prefect.blocks.notifications import CustomWebhookNotificationBlock
    from prefect.utilities.urls import url_for

    try:
        block = CustomWebhookNotificationBlock.load(BLOCK, _sync=True)
    except ValueError:  # no such block: nobody asked to be told
        return
    body = f"{state.message or ''}\n{url_for(flow_run) or ''}"
    name = f"{flow.name} {flow_run.parameters.get('pilot', '')}"
    block.notify(body, subject=f"Foresafe: {name} ended as {state.name}", _sync=True)


def declare_notices(client: SyncPrefectClient, url: str) -> None:
    """Save the block with this URL and the automations that use it; take all away where there is no URL."""
    from prefect.exceptions import ObjectNotFound

    for name in (FAILED, CALLED):
        for found in client.read_automations_by_name(name):
            client.delete_automation(found.id)
    if url:
        for automation in _automations(_save_block(url)):
            client.create_automation(automation)
        return
    try:
        block = client.read_block_document_by_name(BLOCK, "custom-webhook")
    except ObjectNotFound:
        return
    client.delete_block_document(block.id)


def _save_block(url: str) -> UUID:
    """A webhook gets JSON with `text`, which Slack, Mattermost and Teams' workflows take as it is."""
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    block = CustomWebhookNotificationBlock(
        name=BLOCK, url=url, json_data={"text": "{{subject}}\n{{body}}", "subject": "{{subject}}", "body": "{{body}}"}
    )
    return block.save(BLOCK, overwrite=True, _sync=True)


def _automations(block: UUID) -> list[AutomationCore]:
    from prefect.events import EventTrigger
    from prefect.events.actions import SendNotification
    from prefect.events.schemas.automations import AutomationCore, Posture

    failed = SendNotification(
        block_document_id=block,
        subject="Foresafe: {{ flow_run.name }} ended as {{ flow_run.state.name }}",
        body="{{ flow_run.state.message }}\n{{ flow_run | ui_url }}",
    )
    called = SendNotification(
        block_document_id=block,
        subject="Foresafe needs you: {{ event.payload.subject }}",
        body="{{ event.payload.reasons | join('; ') }}",
    )
    untold = {"prefect.resource.id": "prefect.flow-run.*", "prefect.state-message": _UNTOLD}
    return [
        AutomationCore(
            name=FAILED,
            trigger=EventTrigger(
                match=untold, expect={"prefect.flow-run.Crashed"}, posture=Posture.Reactive, threshold=1
            ),
            actions=[failed],
        ),
        AutomationCore(
            name=CALLED,
            trigger=EventTrigger(
                match={"prefect.resource.id": "foresafe.model.*"},
                expect={PERSON_CALLED},
                posture=Posture.Reactive,
                threshold=1,
            ),
            actions=[called],
        ),
    ]
