"""hydra and omegaconf: a configuration by its path, with lists and mappings of omegaconf's."""

import pytest

from .support import SIDES

pytestmark = pytest.mark.long


@pytest.mark.parametrize("side", list(SIDES))
def test_instantiate(side):
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    values = {
        "_target_": f"{SIDES[side].__name__}.ResNetConfig",
        "_convert_": "all",
        "depths": [1, 2],
        "hidden_sizes": [8, 16],
        "embedding_size": 8,
    }
    config = instantiate(OmegaConf.create(values))
    assert list(config.depths) == [1, 2]
    with pytest.raises(InstantiationException, match="list"):  # a list of omegaconf's own is none, here and there
        instantiate(OmegaConf.create({**values, "_convert_": "none"}))


def test_to_omegaconf():
    from omegaconf import OmegaConf

    config = SIDES["ours"].BertConfig(num_labels=3)
    values = OmegaConf.to_container(OmegaConf.create(config.to_dict()))
    assert SIDES["ours"].BertConfig.from_dict(values) == config
