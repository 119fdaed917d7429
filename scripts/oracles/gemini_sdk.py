"""Google's official SDK on the stand-in for `streamGenerateContent`."""

from google import genai
from google.genai import errors, types
from our_requests import sent
from stand_in import fails_with, stand_in

ORDER = 'SAY One moment please. CALL look_up {"name": "Ünï"}'
LOOK_UP = {"name": "look_up", "description": "d",
           "parameters_json_schema": {"type": "object", "properties": {"name": {"type": "string"}}}}


def client(url: str, key: str = "k") -> genai.Client:
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url))


def ask(url: str, contents: list, key: str = "k") -> list:
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[LOOK_UP])], max_output_tokens=99,
                                         system_instruction="s")
    # It closes its connections when nobody holds it.
    vendor = client(url, key)
    return list(vendor.models.generate_content_stream(model="a-model", contents=contents, config=config))


with stand_in("llm", "gemini", "--key", "k", "--thinking-ms", "0") as url:
    contents = [types.Content(role="user", parts=[types.Part(text=ORDER)])]
    chunks = ask(url, contents)
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
    assert "".join(part.text or "" for part in parts) == "One moment please."
    call = next(part for part in parts if part.function_call)
    assert (call.function_call.name, call.function_call.args) == ("look_up", {"name": "Ünï"})
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert chunks[-1].usage_metadata.candidates_token_count > 0
    result = types.Part.from_function_response(name="look_up", response={"output": "It is done."})
    contents += [types.Content(role="model", parts=[call]), types.Content(role="user", parts=[result])]
    assert "".join(chunk.text or "" for chunk in ask(url, contents)) == "It is done."
    vendor = client(url)
    assert [model.name for model in vendor.models.list()] == ["models/a-model"]
    assert vendor.models.get(model="a-model").name == "models/a-model"
    assert fails_with(errors.ClientError, lambda: vendor.models.get(model="gone")).code == 404
    call.thought_signature = None
    assert fails_with(errors.ClientError, lambda: ask(url, contents)).code == 400
    assert fails_with(errors.ClientError, lambda: ask(url, contents[:1], "other")).code == 400

for fault, code in [("401", 401), ("429", 429), ("no-credit", 403), ("503", 503)]:
    with stand_in("llm", "gemini", "--thinking-ms", "0", "--fault", fault) as url:
        assert fails_with(errors.APIError, lambda: ask(url, contents[:1])).code == code

# Its types refuse fields that they don't know.
for body in sent("Gemini"):
    for content in [*body["contents"], body["systemInstruction"]]:
        types.Content.model_validate(content)
    for tool in body.get("tools", []):
        types.Tool.model_validate(tool)
    types.GenerationConfig.model_validate(body["generationConfig"])
    assert set(body) <= {"contents", "systemInstruction", "tools", "generationConfig"}, set(body)
fails_with(ValueError, lambda: types.Content.model_validate({"role": "user", "parts": [], "made_up": 1}))
print(f"google-genai {genai.__version__}: streamGenerateContent, 4 faults; our requests are of its types")
