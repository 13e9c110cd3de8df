"""Who is told: a Prefect notification block, and automations that use it when a run fails or a person is called."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from flows.events import PERSON_CALLED
from flows.recorded import PARTLY

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore

BLOCK = "foresafe-operator"
FAILED, CALLED = "foresafe: a run failed", "foresafe: a person is called"
_ENDINGS = ("Failed", PARTLY, "Crashed", "TimedOut")


def declare_notices(client: SyncPrefectClient, url: str) -> None:
    """Save the block with this URL and the automations that use it; take both away where there is no URL."""
    for name in (FAILED, CALLED):
        for found in client.read_automations_by_name(name):
            client.delete_automation(found.id)
    if url:
        for automation in _automations(_save_block(url)):
            client.create_automation(automation)


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
    ends = {f"prefect.flow-run.{ending}" for ending in _ENDINGS}
    return [
        AutomationCore(
            name=FAILED,
            trigger=EventTrigger(
                match={"prefect.resource.id": "prefect.flow-run.*"}, expect=ends, posture=Posture.Reactive, threshold=1
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
