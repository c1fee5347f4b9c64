"""Chat templates: how the turns of a conversation become one text, and the ids of that."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_chat_templates.applying import apply_chat_template

__all__ = ["apply_chat_template"]

__getattr__ = lazy_attributes(__name__, {"applying": ["apply_chat_template"]})
