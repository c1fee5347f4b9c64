"""The check that parameters are used by calling the module that holds them: hooks and adapters sit on the call."""

from collections import defaultdict

from torch import Tensor, nn

from archsmith.model import PreTrainedModel
from archsmith_devkit.harness import Harness, gradients_of

__all__ = ["ModuleCallChecks"]

#: Of torch: what is never called, and what reads the weights of its children by itself.
_CONTAINERS, _READERS = (nn.ParameterList, nn.ParameterDict), (nn.MultiheadAttention,)


class ModuleCallChecks(Harness):
    """Every layer and table that learns is called."""

    def test_modules_are_called(self) -> None:
        """A weight read past its module is silent: LoRA on it changes nothing, offloading and counting do not see it.

        Fix: call the module that holds the parameter, as self.positions(torch.arange(tokens, device=…)[None]) instead
        of self.positions.weight[:tokens]; a matrix of another shape belongs to a module of yours with its own forward.
        """
        for model in self.built():
            called = _called(model, self.inputs(model))
            spared = {child for module in model.modules() if isinstance(module, _READERS) for child in module.modules()}
            holders = defaultdict(list)  # a tied parameter has several: one that is called is enough
            for place, module in model.named_modules():
                for name, parameter in module.named_parameters(recurse=False):
                    holders[parameter].append((f"{place}.{name}".lstrip("."), module))
            for parameter, named in holders.items():
                modules = {module for _, module in named if not isinstance(module, _CONTAINERS)}
                (place, module), *_ = named
                assert parameter.grad is None or not modules or modules & (called | spared), (
                    f"{type(model).__name__}: {place} learns, but its {type(module).__name__} was never called: "
                    "hooks and adapters (LoRA) on that module have no effect; expected a call of the module"
                )


def _called(model: PreTrainedModel, inputs: dict[str, Tensor]) -> set[nn.Module]:
    """Return the modules that are called in a training step, which leaves its gradients."""
    called: set[nn.Module] = set()
    hooks = [module.register_forward_pre_hook(lambda found, _: called.add(found)) for module in model.modules()]
    gradients_of(model.train(), inputs)
    for hook in hooks:
        hook.remove()
    return called
