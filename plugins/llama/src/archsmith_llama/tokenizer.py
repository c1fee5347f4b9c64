"""The tokenizer of Llama and Mistral: what their tokenizer.json says."""

from typing import Any

from archsmith.errors import CheckpointNotFound
from archsmith.files import TOKENIZER_FILE, Checkpoint
from archsmith_bpe import ByteLevelTokenizerFast

__all__ = ["LlamaTokenizerFast"]

_SENTENCEPIECE = "tokenizer.model"


class LlamaTokenizerFast(ByteLevelTokenizerFast):
    """BPE on the Rust library, of whatever kind a tokenizer.json describes: Llama 1 to 3, Mistral, SmolLM2.

    Raises:
        CheckpointNotFound: There is no tokenizer.json, but maybe a tokenizer.model, which SentencePiece reads.
    """

    default_tokens = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    tokenizer_class = "PreTrainedTokenizerFast"  # others make a Llama's parts anew where they read its name

    @classmethod
    def read_vocabulary(cls, checkpoint: Checkpoint) -> dict[str, Any]:
        """Return what the constructor is given for the vocabulary."""
        has_own = checkpoint.find(TOKENIZER_FILE)
        if not has_own and (found := checkpoint.find(_SENTENCEPIECE)):
            raise CheckpointNotFound(
                f"{found}: this is a vocabulary of SentencePiece, which archsmith does not read, and there is no "
                f"{TOKENIZER_FILE} beside it. Convert it once with the program that made it: in Python, "
                "transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(folder) writes one."
            )
        return super().read_vocabulary(checkpoint)
