# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of which descriptions are made: operations, what they take and answer, and what many of them name."""

from typing import Any

from ....core.names import SAFE_ID
from ....core.task import LAST_FRAME

ID = {"type": "string", "pattern": f"^{SAFE_ID.pattern}$"}
JOB = {"name": "job", "in": "path", "required": True, "schema": ID, "description": "its id"}
ERROR = {
    "description": "why not, in a sentence",
    "content": {
        "application/json": {
            "schema": {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
        }
    },
}
WORKER = {"name": "worker", "in": "path", "required": True, "schema": {"type": "string"}, "description": "its id"}
NUMBER = {
    "name": "number",
    "in": "path",
    "required": True,
    "schema": {"type": "integer", "minimum": 0, "maximum": LAST_FRAME},
}
NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
TEXT = {"type": "string"}
MAYBE = {"type": ["string", "null"]}
COUNT = {"type": "integer", "minimum": 1, "maximum": 1_000_000}


def answers(what: str, schema: dict[str, Any] | None = None, *, status: str = "200") -> dict[str, Any]:
    content = {} if schema is None else {"content": {"application/json": {"schema": schema}}}
    return {status: {"description": what, **content}, "default": ERROR}


def operation(summary: str, responses: dict[str, Any], *parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"summary": summary, "responses": responses, "parameters": list(parameters), **more}


def body(*required: str, **properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"content": {"application/json": {"schema": schema}}}


def query(name: str, usual: int, most: int, what: str) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 0, "maximum": most, "default": usual}
    return {"name": name, "in": "query", "schema": schema, "description": what}
