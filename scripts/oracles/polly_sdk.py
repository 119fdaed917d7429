"""Amazon's official SDK on the stand-in for Polly, which checks the signatures of Signature Version 4."""

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from stand_in import fails_with, stand_in

REGION, KEY_ID, SECRET = "eu-central-1", "AKIDEXAMPLE", "polly-test-secret"


def client(url: str, secret: str = SECRET, key_id: str = KEY_ID, region: str = REGION):
    return boto3.client("polly", endpoint_url=url, region_name=region, aws_access_key_id=key_id,
                        aws_secret_access_key=secret, config=Config(retries={"total_max_attempts": 1}, proxies={}))


def speak(polly, voice: str = "Joanna", engine: str = "neural") -> bytes:
    spoken = polly.synthesize_speech(Engine=engine, OutputFormat="mulaw", SampleRate="8000", Text="Grüß Gott, 1 & 2!",
                                     TextType="text", VoiceId=voice)
    assert spoken["ContentType"] == "audio/mulaw" and spoken["RequestCharacters"] == 17, spoken
    return spoken["AudioStream"].read()


def code(act) -> str:
    return fails_with(ClientError, act).response["Error"]["Code"]


with stand_in("speech", "polly", "--key", SECRET, "--region", REGION, "--thinking-ms", "0") as url:
    assert len(speak(client(url))) > 4_000
    pages = client(url).get_paginator("describe_voices").paginate(Engine="neural", IncludeAdditionalLanguageCodes=True)
    voices = [voice for page in pages for voice in page["Voices"]]
    assert {voice["Id"] for voice in voices} == {"Joanna", "Matthew", "Amy", "Vicki"}, voices
    assert code(lambda: speak(client(url), voice="Raveena")) == "EngineNotSupportedException"
    for wrong in ({"secret": "another"}, {"key_id": "AKIDOTHER"}, {"region": "us-east-1"}):
        assert code(lambda: speak(client(url, **wrong))) == "InvalidSignatureException", wrong

for fault, expected in [("401", "UnrecognizedClientException"), ("429=7", "TooManyRequestsException"),
                        ("no-credit", "AccessDeniedException"), ("503", "ServiceFailureException")]:
    with stand_in("speech", "polly", "--key", SECRET, "--region", REGION, "--thinking-ms", "0", "--fault", fault) as url:
        assert code(lambda: speak(client(url))) == expected, fault
with stand_in("speech", "polly", "--key", SECRET, "--region", REGION, "--thinking-ms", "0", "--fault", "refuse") as url:
    fails_with(HTTPClientError, lambda: speak(client(url)))
print(f"boto3 {boto3.__version__}: signed speech and voices, 5 faults")
