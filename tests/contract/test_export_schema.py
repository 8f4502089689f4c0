"""`specs/export.schema.json` is the schema of what an export is."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from rest_api.examples import EXAMPLES
from tests.contract.project import SPECS, Compare
from todo_core.models.exports import FORMAT, VERSION, Export

pytestmark = pytest.mark.requirement("LT4", "WR1")

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    return {"$schema": DIALECT, **Export.model_json_schema(mode="serialization")}


def test_the_schema_is_the_written_one(compare: Compare) -> None:
    compare(SPECS / "export.schema.json", schema())


def test_it_is_a_schema_that_takes_the_example_and_no_other_version() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    validator.check_schema(schema())
    example = EXAMPLES["Export"]

    validator.validate(example)
    assert (example["format"], example["version"]) == (FORMAT, VERSION)
    for changed in ({"version": 2}, {"format": "other"}, {"todos": [{}]}):
        assert not validator.is_valid(example | changed), changed
