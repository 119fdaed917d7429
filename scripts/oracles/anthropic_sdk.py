"""Anthropic's official SDK on the stand-in for its Messages."""

import anthropic
import anthropic.types.message_create_params as params
from our_requests import all_are_of, sent
from stand_in import fails_with, stand_in
from typed import strict

TOOLS = [{"name": "look_up", "description": "d",
          "input_schema": {"type": "object", "properties": {"name": {"type": "string"}}}}]
ORDER = 'SAY One moment please. CALL look_up {"name": "Ünï"}'


def client(url: str, key: str = "k") -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)


with stand_in("llm", "anthropic", "--key", "k", "--thinking-ms", "0") as url:
    asked = [{"role": "user", "content": ORDER}]

    def final(key: str = "k"):
        with client(url, key).messages.stream(model="a-model", max_tokens=99, messages=asked, tools=TOOLS) as stream:
            return "".join(stream.text_stream), stream.get_final_message()

    words, message = final()
    call = message.content[1]
    assert words == "One moment please." and (call.name, call.input) == ("look_up", {"name": "Ünï"})
    assert message.stop_reason == "tool_use" and message.usage.output_tokens > 1
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "It is done."}
    asked += [{"role": "assistant", "content": [block.model_dump(include={"type", "text", "id", "name", "input"})
                                                for block in message.content]},
              {"role": "user", "content": [result]}]
    assert final()[0] == "It is done."
    listed = client(url).models.list()
    assert [(model.id, model.lifecycle, model.retires_at) for model in listed] == [("a-model", "active", None)]
    assert client(url).models.retrieve("a-model").id == "a-model"
    fails_with(anthropic.NotFoundError, lambda: client(url).models.retrieve("gone"))
    result["tool_use_id"] = "toolu_other"
    fails_with(anthropic.BadRequestError, final)
    fails_with(anthropic.AuthenticationError, lambda: final("other"))

for fault, kind in [("401", anthropic.AuthenticationError), ("429=7", anthropic.RateLimitError),
                    ("no-credit", anthropic.BadRequestError), ("529", anthropic.APIStatusError),
                    ("refuse", anthropic.APIConnectionError)]:
    with stand_in("llm", "anthropic", "--thinking-ms", "0", "--fault", fault) as url:
        asked = [{"role": "user", "content": "Hi."}]
        fails_with(kind, final)

all_are_of(strict("anthropic", params.MessageCreateParamsStreaming), sent("Anthropic"))
print(f"anthropic {anthropic.__version__}: messages, 5 faults; our requests are of its types")
