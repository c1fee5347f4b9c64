"""Lightning: a module that holds our model, trained, saved and loaded."""

import pytest
import torch

from ..parity.support import assert_close
from .support import make_pair, rows_of, text_inputs, trained

pytestmark = pytest.mark.long


def make_module(model):
    import lightning

    class Classifier(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = model

        def training_step(self, batch, _):
            loss = self.model(**batch).loss
            self.log("loss", loss)
            return loss

        def validation_step(self, batch, _):
            self.log("val_loss", self.model(**batch).loss)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    return Classifier()


def test_fit_and_load(bert, tmp_path):
    import lightning

    loader = torch.utils.data.DataLoader(rows_of(text_inputs(labels=3)), batch_size=2)
    ends = []
    for side, model in (("ours", bert.ours), ("theirs", bert.theirs)):
        module = make_module(model)
        trainer = lightning.Trainer(
            max_epochs=2, accelerator="cpu", logger=False, enable_progress_bar=False, default_root_dir=tmp_path / side
        )
        trainer.fit(module, loader, loader)
        trainer.save_checkpoint(tmp_path / f"{side}.ckpt")
        ends.append(trainer.callback_metrics["val_loss"])
    assert_close(*ends, "loss", 1e-4)
    fresh = make_module(make_pair("BertForSequenceClassification", num_labels=3).ours)
    saved = torch.load(tmp_path / "ours.ckpt", weights_only=True)
    fresh.load_state_dict(saved["state_dict"])
    assert all(torch.equal(value, trained(bert.ours)[name]) for name, value in trained(fresh.model).items())


def test_hyperparameters_hold_a_configuration(bert, tmp_path):
    import lightning

    class Holder(lightning.LightningModule):
        def __init__(self, config):
            super().__init__()
            self.save_hyperparameters()
            self.model = type(bert.ours)(config)

        def training_step(self, batch, _):
            return self.model(**batch).loss

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    loader = torch.utils.data.DataLoader(rows_of(text_inputs(labels=3)), batch_size=2)
    trainer = lightning.Trainer(max_epochs=1, accelerator="cpu", logger=False, enable_progress_bar=False)
    trainer.fit(Holder(bert.ours.config), loader)
    trainer.save_checkpoint(tmp_path / "held.ckpt")
    again = Holder.load_from_checkpoint(tmp_path / "held.ckpt", weights_only=False)
    assert again.model.config == bert.ours.config


def test_fabric(bert):
    import lightning

    fabric = lightning.Fabric(accelerator="cpu", precision="bf16-mixed")
    model, optimizer = fabric.setup(bert.ours, torch.optim.SGD(bert.ours.parameters(), lr=0.1))
    fabric.backward(model(**text_inputs(labels=3)).loss)
    optimizer.step()
