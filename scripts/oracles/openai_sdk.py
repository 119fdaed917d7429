"""OpenAI's official SDK on the stand-ins for Chat Completions, Responses and what is compatible."""

import openai
import openai.types.chat.completion_create_params as chat_params
import openai.types.responses.response_create_params as response_params
from our_requests import all_are_of, sent
from stand_in import fails_with, stand_in
from typed import strict

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
ORDER = 'SAY One moment please. CALL look_up {"name": "Ünï"}'


def client(url: str, key: str = "k") -> openai.OpenAI:
    return openai.OpenAI(base_url=url, api_key=key, max_retries=0)


def chat(protocol: str) -> None:
    tools = [{"type": "function", "function": {"name": "look_up", "description": "d", "parameters": SCHEMA}}]
    most = {"max_completion_tokens" if protocol == "openai-chat" else "max_tokens": 100}
    with stand_in("llm", protocol, "--key", "k", "--thinking-ms", "0") as url:
        asked = [{"role": "system", "content": "s"}, {"role": "user", "content": ORDER}]

        def create(**further):
            return client(url).chat.completions.create(model="a-model", messages=asked, tools=tools, **most, **further)

        chunks = list(create(stream=True, stream_options={"include_usage": True}))
        deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
        assert "".join(delta.content or "" for delta in deltas) == "One moment please."
        parts = [part for delta in deltas for part in delta.tool_calls or []]
        assert "".join(part.function.arguments for part in parts) == '{"name":"Ünï"}', parts
        assert chunks[-2].choices[0].finish_reason == "tool_calls" and chunks[-1].usage.prompt_tokens > 0
        whole = create()
        message = whole.choices[0].message
        assert message.content == "One moment please." and message.tool_calls[0].function.name == "look_up"
        asked += [message.model_dump(exclude_none=True),
                  {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "It is done."}]
        assert create().choices[0].message.content == "It is done."
        assert [model.id for model in client(url).models.list()] == ["a-model"]
        assert client(url).models.retrieve("a-model").shutdown_date is None
        fails_with(openai.NotFoundError, lambda: client(url).models.retrieve("gone"))
        wrong = lambda **arguments: lambda: create(extra_body=arguments)
        fails_with(openai.BadRequestError, wrong(made_up=1))
        fails_with(openai.AuthenticationError, lambda: client(url, "other").models.list())
        asked.append({"role": "user", "content": "?"})
        missing = lambda: client(url).chat.completions.create(model="gone", messages=asked)
        assert fails_with(openai.NotFoundError, missing).code == "model_not_found"


def responses() -> None:
    tools = [{"type": "function", "name": "look_up", "parameters": SCHEMA, "strict": False}]
    with stand_in("llm", "openai-responses", "--key", "k", "--thinking-ms", "0") as url:
        asked = [{"role": "user", "content": ORDER}]
        with client(url).responses.stream(model="a-model", input=asked, tools=tools, store=False) as stream:
            events = list(stream)
            final = stream.get_final_response()
        words = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        assert words == "One moment please." == final.output_text
        call = final.output[1]
        assert (call.type, call.name, call.arguments) == ("function_call", "look_up", '{"name":"Ünï"}')
        assert final.status == "completed" and final.usage.output_tokens > 0
        asked += [{"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
                  {"type": "function_call_output", "call_id": call.call_id, "output": "It is done."}]
        with client(url).responses.stream(model="a-model", input=asked, tools=tools) as stream:
            assert stream.get_final_response().output_text == "It is done."
        lonely = lambda: list(client(url).responses.create(model="a-model", input=asked[1:2], stream=True))
        fails_with(openai.BadRequestError, lonely)


def faults() -> None:
    ask = lambda url: lambda: client(url).chat.completions.create(
        model="a-model", messages=[{"role": "user", "content": "Hi."}])
    for fault, kind in [("401", openai.AuthenticationError), ("429=7", openai.RateLimitError),
                        ("no-credit", openai.RateLimitError), ("503", openai.InternalServerError),
                        ("refuse", openai.APIConnectionError), ("cut=0", openai.APIConnectionError)]:
        with stand_in("llm", "openai-chat", "--thinking-ms", "0", "--fault", fault) as url:
            error = fails_with(kind, ask(url))
            if fault == "429=7":
                assert error.response.headers["retry-after"] == "7" and error.code == "rate_limit_exceeded"
            if fault == "no-credit":
                assert error.code == "insufficient_quota"


for protocol in ("openai-chat", "compatible"):
    chat(protocol)
responses()
faults()
all_are_of(strict("openai", chat_params.CompletionCreateParamsStreaming), sent("OpenAiChat"))
all_are_of(strict("openai", response_params.ResponseCreateParamsStreaming), sent("OpenAiResponses"))
print(f"openai {openai.__version__}: chat, compatible, responses, 6 faults; our requests are of its types")
