"""The requests that our own clients were seen to send, as a test of `providers` keeps them."""

import json
import os
import pathlib


def sent(protocol: str) -> list:
    bodies = json.loads((pathlib.Path(os.environ["LLM_REQUESTS"]) / f"{protocol}.json").read_text())
    assert len(bodies) > 10, f"only {len(bodies)} requests of {protocol}"
    return bodies


def all_are_of(validator, bodies: list) -> None:
    """Each is of the SDK's types, and a field too many would be found, also deep inside."""
    for body in bodies:
        validator.validate_python(body)
    for place in (bodies[1], (bodies[1].get("messages") or bodies[1].get("input"))[0]):
        place["made_up"] = 1
        try:
            validator.validate_python(bodies[1])
        except ValueError as error:
            assert "made_up" in str(error), error
        else:
            raise AssertionError("the types take anything")
        del place["made_up"]
