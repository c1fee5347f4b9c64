"""FastAPI and pydantic: a configuration as an answer, as a field, as JSON."""

import json

import pytest

from archsmith import BertConfig

pytestmark = pytest.mark.long


def test_encoder():
    from fastapi.encoders import jsonable_encoder

    config = BertConfig(num_labels=3)
    encoded = json.loads(json.dumps(jsonable_encoder(config.to_dict())))
    assert BertConfig.from_dict(encoded) == config
    assert jsonable_encoder(config)["hidden_size"] == 768


def test_field_of_a_model():
    import pydantic

    class Job(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
        config: BertConfig

    assert Job(config=BertConfig()).config.hidden_size == 768
