"""Events by PullPoint: what is understood, what is dropped, and how a subscription lives."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from holdshelf_onvif import async_setup_entry, async_unload_entry, config_flow, event
from holdshelf_onvif.const import Limits
from holdshelf_onvif.device import Known
from holdshelf_onvif.event import BURST, EventListener, States
from holdshelf_onvif.messages import Message, read_messages
from holdshelf_onvif.pullpoint import PullPoint
from holdshelf_onvif.xml_guard import HostileXml
from tests.onvif.conftest import House, bare_entry, entry_of
from tests.rig.hand_clock import HandTime, hand_time
from tests.rig.hang import HANG_S
from tests.rig.onvif_device import ENVELOPE, OnvifDevice, Profile, notification

MOTION = "tns1:RuleEngine/CellMotionDetector/Motion"
TAMPER = "tns1:RuleEngine/TamperDetector/Tamper"
LOSS = "tns1:VideoSource/SignalLoss"
INPUT = "tns1:Device/Trigger/DigitalInput"
QUICK = Limits(connect_s=HANG_S, answer_s=HANG_S)


def envelope(*messages: str) -> bytes:
    body = f"<tev:PullMessagesResponse>{''.join(messages)}</tev:PullMessagesResponse>"
    return ENVELOPE.format(body=body).encode()


@pytest.mark.parametrize(
    ("topic", "name", "value", "kind", "on"),
    [
        (MOTION, "IsMotion", "true", "motion", True),
        ("tns1:VideoSource/MotionAlarm", "State", "1", "motion", True),
        (TAMPER, "IsTamper", "false", "tamper", False),
        ("tns1:VideoSource/GlobalSceneChange/ImagingService", "State", "true", "tamper", True),
        (LOSS, "State", "true", "signal_loss", True),
        (INPUT, "LogicalState", "false", "digital_input", False),
    ],
)
def test_four_things_are_understood(topic: str, name: str, value: str, kind: str, on: bool) -> None:
    found, dropped = read_messages(envelope(notification(topic, name, value)))
    assert [(m.kind, m.on, m.source) for m in found] == [(kind, on, "vs")]
    assert dropped == 0


@pytest.mark.parametrize(
    "topic",
    [
        "tns1:RuleEngine/MyRuleDetector/FaceDetect",
        "tns1:RuleEngine/MyRuleDetector/PeopleDetect",
        "tns1:RuleEngine/LineDetector/Crossed",
        "tns1:AudioAnalytics/Audio/DetectedSound",
        "tns1:VideoSource/ImageTooDark/ImagingService",
    ],
)
def test_what_could_tell_of_a_person_is_not_read(topic: str) -> None:
    assert read_messages(envelope(notification(topic, "Name", "Jane"))) == ([], 0)


def test_a_broken_message_is_dropped_alone() -> None:
    broken = (
        "<wsnt:NotificationMessage/>",
        notification(MOTION, value="perhaps"),
        notification("x" * 300),
        f"<wsnt:NotificationMessage><wsnt:Topic>{TAMPER}</wsnt:Topic></wsnt:NotificationMessage>",
    )
    found, dropped = read_messages(envelope(notification(MOTION), *broken, notification(LOSS)))
    assert [m.kind for m in found] == ["motion", "signal_loss"]
    assert dropped == len(broken)


def test_xml_that_is_cut_off_is_refused_whole() -> None:
    with pytest.raises(HostileXml):
        read_messages(envelope(notification(MOTION))[:-30])


def test_a_source_is_bounded_and_inert() -> None:
    hostile = notification(MOTION).replace('Value="vs"', f'Value="{"x" * 500}&#x1b;"'.replace("&#x1b;", "\u202e"))
    (message,), _ = read_messages(envelope(hostile))
    assert len(message.source) <= 32
    assert message.source.isprintable()


def test_a_message_says_which_video_it_is_about() -> None:
    alarm = notification("tns1:VideoSource/MotionAlarm", video="s2").replace("VideoSourceConfigurationToken", "Source")
    other = notification(INPUT, "LogicalState", video="in1").replace("VideoSourceConfigurationToken", "InputToken")
    found, _ = read_messages(envelope(notification(MOTION, video="vs1"), alarm, other))
    assert [message.video for message in found] == ["vs1", "s2", ""]


# --- states -----------------------------------------------------------------------------------------------------------------


def test_only_changes_are_fired_and_a_flood_is_bounded() -> None:
    fired: list[Message] = []
    now = [0.0]
    states = States(fired.append, lambda: now[0])
    for _ in range(1000):
        states.take(Message("motion", "vs", True))
    assert len(fired) == 1
    for number in range(1000):
        states.take(Message("digital_input", str(number), None))
    assert len(fired) == BURST
    assert states.dropped == 1000 - (BURST - 1)
    states.take(Message("motion", "vs", False))
    assert fired[-1] == Message("motion", "vs", False), "an end is never dropped"
    now[0] = 60.0
    states.take(Message("tamper", "", True))
    states.lose_sight()
    assert fired[-2:] == [Message("tamper", "", True), Message("tamper", "", False)]


# --- a subscription's life ----------------------------------------------------------------------------------------------------


class Heard:
    """Listens to a device, and notes what comes on the bus."""

    def __init__(self, house: House, device: OnvifDevice, retry_first_s: float = 0.2) -> None:
        self.events: list[dict[str, Any]] = []
        self._changed = asyncio.Event()
        house.bus.async_listen("camera_event", self._note)
        entry = bare_entry(device)
        self.allowed = asyncio.Event()
        self.allowed.set()
        self.tries = self.rests = 0
        self.listener = EventListener(
            house, entry, self._known, self.allowed, limits=QUICK, pull_s=1.0, retry_first_s=retry_first_s
        )
        lose_sight = self.listener._states.lose_sight

        def ended() -> None:
            self.rests += 1
            lose_sight()

        self.listener._states.lose_sight = ended  # type: ignore[method-assign]
        self.task = asyncio.create_task(self.listener.async_run())
        house.tasks.append(self.task)

    def _known(self) -> Known:
        self.tries += 1
        return Known()

    async def at_rest(self, hand: HandTime, tries: int) -> None:
        """Until so many attempts have ended."""
        await hand.until(lambda: self.rests == self.tries == tries)

    async def tries_again(self, hand: HandTime) -> int:
        """After how many seconds it tries again. While the camera answers, no time passes."""
        before, seconds = self.tries, 0
        while self.tries == before:
            await hand.forward(1)
            seconds += 1
            assert seconds < 10_000
        return seconds

    def _note(self, event: Any) -> None:
        self.events.append(event.data)
        self._changed.set()

    async def until(self, what: Callable[[], bool]) -> None:
        async with asyncio.timeout(HANG_S):
            while not what():
                self._changed.clear()
                try:
                    async with asyncio.timeout(0.1):
                        await self._changed.wait()
                except TimeoutError:
                    continue


@pytest.fixture
async def hand(monkeypatch: pytest.MonkeyPatch, house: House) -> AsyncIterator[HandTime]:
    """Listener and camera by a clock of the test's (ADR 71); what goes between them is real."""
    async with hand_time(monkeypatch, event) as made:
        yield made


class Pulls:
    """Of a listener that rests between them."""

    def __init__(self, hand: HandTime) -> None:
        self._hand = hand
        self.answered = 0

    async def first(self) -> None:
        await self._hand.until(lambda: self.answered)

    async def one_more(self) -> None:
        before = self.answered
        await self._hand.forward(event.PACE_S)
        await self._hand.until(lambda: self.answered > before)


@pytest.fixture
def pulls(hand: HandTime, monkeypatch: pytest.MonkeyPatch) -> Pulls:
    pulls, pull = Pulls(hand), PullPoint.async_pull

    async def counted(self: PullPoint, *given: Any) -> Any:
        answer = await pull(self, *given)
        pulls.answered += 1
        return answer

    monkeypatch.setattr(PullPoint, "async_pull", counted)
    return pulls


async def test_events_are_heard_and_a_bad_message_between_them_costs_nothing(house: House) -> None:
    async with OnvifDevice(events=True) as device:
        device.messages += [notification(MOTION), "<wsnt:NotificationMessage/>", notification(INPUT, "LogicalState")]
        heard = Heard(house, device)
        await heard.until(lambda: len(heard.events) == 2)
        assert [(e["camera"], e["kind"], e["on"]) for e in heard.events] == [
            ("cam1", "motion", True),
            ("cam1", "digital_input", True),
        ]
        assert heard.listener.broken == 1
        heard.task.cancel()
        await asyncio.wait([heard.task])
        assert [(e["kind"], e["on"]) for e in heard.events[2:]] == [("digital_input", False), ("motion", False)]
        assert device.subscriptions == {}, "given back"


async def test_of_a_device_with_several_channels_a_camera_hears_its_own(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_flow, "_WHO_TIMEOUT_S", 0.1)
    heard: list[dict[str, Any]] = []
    house.bus.async_listen("camera_event", lambda event: heard.append(event.data))
    profiles = [Profile("one", channel="s1"), Profile("two", channel="s2")]
    async with OnvifDevice(events=True, profiles=profiles) as device:
        draft = await config_flow.async_probe(house, device.address, "admin", device.password, profile="two")
        assert draft.unique_id.endswith("#s2")
        entry = entry_of(draft)
        await async_setup_entry(house, entry)
        for video in ("vs1", "s1", "vs2"):
            device.messages.append(notification(MOTION, video=video))
        device.messages.append(notification(INPUT, "LogicalState", video="x").replace("VideoSourceConf", "Input"))
        async with asyncio.timeout(HANG_S):
            while len(heard) < 2:
                await asyncio.sleep(0.02)
        assert [(e["kind"], e["source"]) for e in heard] == [("motion", "vs2"), ("digital_input", "x")]
        await async_unload_entry(house, entry)


async def test_a_subscription_is_renewed_when_half_of_it_has_passed_and_lasts(
    house: House, hand: HandTime, pulls: Pulls
) -> None:
    async with OnvifDevice(events=True, lease_s=20.0) as device:
        heard, renewed_s = Heard(house, device), [0.0]
        await pulls.first()
        for count in range(1, 200):
            renewals = device.calls.count("Renew")
            await pulls.one_more()
            if device.calls.count("Renew") > renewals:
                renewed_s.append(count * event.PACE_S)
        pauses = [later - earlier for earlier, later in itertools.pairwise(renewed_s)]
        assert all(9.5 <= pause <= 10.5 for pause in pauses), renewed_s
        assert len(renewed_s) == 10
        assert device.calls.count("CreatePullPointSubscription") == len(device.subscriptions) == 1
        assert heard.listener.listening


async def test_after_a_restart_of_the_camera_it_subscribes_anew(house: House) -> None:
    async with OnvifDevice(events=True) as device:
        device.messages.append(notification(MOTION))
        heard = Heard(house, device)
        await heard.until(lambda: len(heard.events) == 1)
        await device.stop()
        device.forget_subscriptions()
        await heard.until(lambda: len(heard.events) == 2)
        assert heard.events[1]["on"] is False, "what was going on ends with the camera"
        await device.start()
        device.messages.append(notification(MOTION))
        await heard.until(lambda: len(heard.events) == 3)


async def test_a_subscription_that_the_camera_forgot_is_made_anew(house: House) -> None:
    async with OnvifDevice(events=True) as device:
        heard = Heard(house, device)
        await heard.until(lambda: device.pulls > 0)
        device.forget_subscriptions()
        await heard.until(lambda: device.calls.count("CreatePullPointSubscription") == 2)


async def test_a_subscription_on_another_host_is_asked_at_the_camera_itself(house: House) -> None:
    async with OnvifDevice(host="127.0.0.9") as other, OnvifDevice(events=True) as device:
        device.subscription_xaddr = f"http://127.0.0.9:{other.port}"
        heard = Heard(house, device)
        await heard.until(lambda: device.pulls > 0)
        assert other.calls == []


async def test_a_flood_is_paced_and_bounded(house: House, hand: HandTime, pulls: Pulls) -> None:
    async with OnvifDevice(events=True) as device:
        device.flood = notification(MOTION).replace("Motion</wsnt:Topic>", "Motion</wsnt:Topic><!---->")
        heard = Heard(house, device)
        for count in range(1, 11):
            await hand.until(lambda count=count: pulls.answered == count)
            await hand.forward(event.PACE_S - 0.01)
            assert device.pulls == count
            await hand.forward(0.01)
        assert len(heard.events) == 1


async def test_while_another_device_answers_there_nothing_of_it_is_heard(
    house: House, hand: HandTime, pulls: Pulls
) -> None:
    async with OnvifDevice(events=True) as device:
        heard = Heard(house, device)
        await pulls.first()
        heard.allowed.clear()
        await hand.forward(event.PACE_S)
        await hand.until(lambda: not heard.listener.listening)
        device.messages.append(notification(MOTION))
        before = device.pulls
        await hand.forward(86_400)
        assert (device.pulls, heard.events) == (before, [])
        heard.allowed.set()
        await heard.until(lambda: len(heard.events) == 1)


async def test_makes_that_take_no_relative_time_and_renew_nothing_are_heard_all_the_same(
    house: House, hand: HandTime, pulls: Pulls
) -> None:
    async with OnvifDevice(events=True, relative_times=False, unsupported={"Renew"}, lease_s=4.0) as device:
        heard = Heard(house, device)
        await pulls.first()
        while "Renew" not in device.calls:
            await pulls.one_more()
        device.messages.append(notification(MOTION))
        await pulls.one_more()
        await heard.until(lambda: len(heard.events) == 1)
        while device.calls.count("CreatePullPointSubscription") < 4:  # two a subscription
            await hand.forward(0.1)
            await asyncio.to_thread(time.sleep, 0.002)
        assert "Unsubscribe" in device.calls, "what it refuses is given back"


async def test_a_device_without_events_is_left_in_peace_for_an_hour(house: House, hand: HandTime) -> None:
    async with OnvifDevice() as device:
        heard = Heard(house, device)
        await heard.at_rest(hand, 1)
        assert 0.8 * event.NOT_OFFERED_S <= await heard.tries_again(hand) <= 1.2 * event.NOT_OFFERED_S + 1
        await heard.at_rest(hand, 2)
        assert device.calls.count("GetServices") == 2
        assert not heard.listener.listening


async def test_a_camera_that_is_away_is_tried_after_longer_and_longer_pauses(house: House, hand: HandTime) -> None:
    async with OnvifDevice(events=True) as device:
        await device.stop()
        heard = Heard(house, device, retry_first_s=event.RETRY_FIRST_S)
        usual_s = (5, 10, 20, 40, 80, 160, 300, 300)
        for tries, pause_s in enumerate(usual_s, 1):
            await heard.at_rest(hand, tries)
            assert 0.8 * pause_s <= await heard.tries_again(hand) <= 1.2 * pause_s + 1
        await heard.at_rest(hand, len(usual_s) + 1)
        await device.start()
        await heard.tries_again(hand)
        await hand.until(lambda: heard.listener.listening)


async def test_a_refused_password_is_not_tried_again_for_an_hour(house: House, hand: HandTime) -> None:
    """Cameras lock accounts after a few failed logins."""
    async with OnvifDevice(events=True) as device:
        heard = Heard(house, device)
        device.password = "changed"
        await heard.at_rest(hand, 1)
        refused = len(device.refused)
        await hand.forward(0.8 * event.NOT_OFFERED_S - 1)
        assert (len(device.refused), heard.tries) == (refused, 1)


async def test_a_reference_parameter_is_echoed(house: House) -> None:
    """As some makes want it: every subscription has one address, and is told apart by a header."""
    seen: list[str] = []

    async with OnvifDevice(events=True) as device:
        original = device._CreatePullPointSubscription

        def with_parameter(message: str) -> str:
            extra = "<wsa5:ReferenceParameters><x:Id xmlns:x='http://example.com/x'>sub-17</x:Id></wsa5:ReferenceParameters>"
            return str(original(message)).replace(
                "</tev:SubscriptionReference>", f"{extra}</tev:SubscriptionReference>"
            )

        device._CreatePullPointSubscription = with_parameter  # type: ignore[method-assign]

        async def note(request: web.Request) -> web.StreamResponse:
            seen.append(await request.text())
            return device.soap(str(device._PullMessages("")))

        device.answers["PullMessages"] = note
        heard = Heard(house, device)
        await heard.until(lambda: len(seen) > 0)
    assert "sub-17" in seen[0].partition("Body")[0]
