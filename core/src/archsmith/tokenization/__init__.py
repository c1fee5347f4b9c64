"""The parts of tokenizers. The public faces are `archsmith.tokenizer` and `archsmith.wordpiece`."""
