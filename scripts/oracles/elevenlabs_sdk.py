"""ElevenLabs' official SDK on the stand-in for its voices and Scribe."""

import asyncio
import base64
from importlib.metadata import version

from elevenlabs.client import ElevenLabs
from elevenlabs.core.api_error import ApiError
from elevenlabs.realtime import AudioFormat, CommitStrategy, RealtimeEvents
from elevenlabs.realtime.scribe import ScribeRealtime
from stand_in import fails_with, stand_in

VOICE = "21m00Tcm4TlvDq8ikWAM"
# 20 ms of a caller, as loud as the stand-in's first phrase is said.
LOUD = bytes([0xBF] * 4 + [0x3F] * 4) * 20


def speak(client: ElevenLabs, voice: str = VOICE, model: str = "eleven_flash_v2_5") -> bytes:
    pieces = client.text_to_speech.stream(voice_id=voice, text="Hello there.", model_id=model,
                                          output_format="ulaw_8000", language_code="en",
                                          request_options={"max_retries": 0})
    return b"".join(pieces)


async def transcript(url: str) -> list:
    scribe = ScribeRealtime(api_key="k", base_url=url.replace("http", "ws", 1))
    connection = await scribe.connect({
        "model_id": "scribe_v2_realtime", "audio_format": AudioFormat.ULAW_8000, "sample_rate": 8000,
        "commit_strategy": CommitStrategy.MANUAL, "include_timestamps": True, "keyterms": ["aurora"],
    })
    heard, done = [], asyncio.Event()
    connection.on(RealtimeEvents.PARTIAL_TRANSCRIPT, lambda data: heard.append(("partial", data)))

    def committed(data):
        heard.append(("committed", data))
        done.set()

    connection.on(RealtimeEvents.COMMITTED_TRANSCRIPT_WITH_TIMESTAMPS, committed)
    for _ in range(60):
        await connection.send({"audio_base_64": base64.b64encode(LOUD).decode()})
    await connection.commit()
    await asyncio.wait_for(done.wait(), 30)
    await connection.close()
    return heard


with stand_in("speech", "elevenlabs", "--key", "k", "--thinking-ms", "0") as url:
    client = ElevenLabs(api_key="k", base_url=url)
    assert len(speak(client)) > 4_000
    found = client.voices.search(search="rachel")
    assert [voice.voice_id for voice in found.voices] == [VOICE] and not found.has_more
    assert any(model.model_id == "eleven_flash_v2_5" for model in client.models.list())
    heard = asyncio.run(transcript(url))
    kinds = {kind for kind, _ in heard}
    assert kinds == {"partial", "committed"}, heard
    words = heard[-1][1]["words"]
    assert words and all(word["logprob"] <= 0 for word in words), heard[-1]
    assert fails_with(ApiError, lambda: speak(client, voice="nobody")).status_code == 404
    assert fails_with(ApiError, lambda: speak(client, model="eleven_monolingual_v1")).status_code == 400
    wrong = ElevenLabs(api_key="other", base_url=url)
    assert fails_with(ApiError, lambda: speak(wrong)).status_code == 401

for fault, status in [("401", 401), ("429=7", 429), ("no-credit", 401), ("503", 503)]:
    with stand_in("speech", "elevenlabs", "--thinking-ms", "0", "--fault", fault) as url:
        error = fails_with(ApiError, lambda: speak(ElevenLabs(api_key="k", base_url=url)))
        assert error.status_code == status, error
print(f"elevenlabs {version('elevenlabs')}: speech, voices, models, Scribe, 4 faults")
