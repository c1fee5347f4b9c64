"""jsonschema: the schema that a configuration class gives is one, and says what the class says."""

import pytest

from .support import SIDES

pytestmark = pytest.mark.long


@pytest.mark.parametrize("name", ["BertConfig", "DistilBertConfig", "ViTConfig", "ResNetConfig", "Wav2Vec2Config"])
def test_schema(name):
    import jsonschema

    kind = getattr(SIDES["ours"], name)
    schema = kind.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(kind().to_dict(), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**kind().to_dict(), "return_dict": 3}, schema)
