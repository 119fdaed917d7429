"""Mistral's official SDK on the stand-in for its chat."""

import json
from importlib.metadata import version

from mistralai.client import Mistral, errors
from our_requests import sent
from stand_in import fails_with, stand_in

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
TOOLS = [{"type": "function", "function": {"name": "look_up", "description": "d", "parameters": SCHEMA}}]
ORDER = 'SAY One moment please. CALL look_up {"name": "Ünï"}'


def client(url: str, key: str = "k") -> Mistral:
    # The SDK adds /v1 itself.
    return Mistral(api_key=key, server_url=url.removesuffix("/v1"))


def conversation() -> None:
    with stand_in("llm", "mistral", "--key", "k", "--thinking-ms", "0") as url:
        asked = [{"role": "user", "content": ORDER}]
        ask = dict(model="a-model", messages=asked, tools=TOOLS)
        chunks = [event.data for event in client(url).chat.stream(**ask)]
        deltas = [chunk.choices[0].delta for chunk in chunks]
        assert "".join(delta.content or "" for delta in deltas) == "One moment please."
        calls = [call for delta in deltas for call in delta.tool_calls or []]
        assert len(calls) == 1 and json.loads(calls[0].function.arguments) == {"name": "Ünï"}
        assert chunks[-1].choices[0].finish_reason == "tool_calls" and chunks[-1].usage.prompt_tokens > 0
        whole = client(url).chat.complete(**ask).choices[0].message
        assert whole.content == "One moment please." and whole.tool_calls[0].function.name == "look_up"
        asked += [whole, {"role": "tool", "tool_call_id": whole.tool_calls[0].id, "content": "It is done."}]
        assert client(url).chat.complete(**ask).choices[0].message.content == "It is done."
        assert [model.id for model in client(url).models.list().data] == ["a-model"]
        assert client(url).models.retrieve(model_id="a-model").id == "a-model"
        gone = lambda: client(url).models.retrieve(model_id="gone")
        assert fails_with(errors.SDKError, gone).status_code == 404
        asked.append({"role": "user", "content": "After a tool the model speaks."})
        assert fails_with(errors.SDKError, lambda: client(url).chat.complete(**ask)).status_code == 400
        other = lambda: client(url, "other").chat.complete(**ask)
        assert fails_with(errors.SDKError, other).status_code == 401


def our_requests() -> None:
    """Sent again by the SDK, whose models drop or refuse what they don't know, they are what they were."""
    import httpx2 as httpx

    seen = []

    class Keeps(httpx.Client):
        def send(self, request, **further):
            seen.append(json.loads(request.content))
            return super().send(request, **further)

    with stand_in("llm", "mistral", "--model", "model-of-today", "--thinking-ms", "0") as url:
        for body in sent("Mistral"):
            arguments = {name: value for name, value in body.items() if name != "stream"}
            vendor = Mistral(api_key="k", server_url=url.removesuffix("/v1"), client=Keeps())
            list(vendor.chat.stream(**arguments))
            again = seen.pop()
            for name, value in arguments.items():
                if name not in ("messages", "tools"):
                    assert again[name] == value, (name, again[name], value)
            for ours, theirs in zip(arguments["messages"], again["messages"], strict=True):
                for name, value in ours.items():
                    assert name == "tool_calls" or theirs.get(name) == value, (ours, theirs)


def faults() -> None:
    for fault, status in [("401", 401), ("429=7", 429), ("no-credit", 402), ("503", 503)]:
        with stand_in("llm", "mistral", "--thinking-ms", "0", "--fault", fault) as url:
            ask = lambda: client(url).chat.complete(model="a-model", messages=[{"role": "user", "content": "Hi."}])
            assert fails_with(errors.SDKError, ask).status_code == status, fault


conversation()
our_requests()
faults()
print(f"mistralai {version('mistralai')}: chat, 4 faults; takes our requests")
