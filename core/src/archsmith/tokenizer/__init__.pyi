from archsmith.tokenizer.added_tokens import AddedToken, read_token
from archsmith.tokenizer.base import PreTrainedTokenizerBase
from archsmith.tokenizer.calls import EncodedRows
from archsmith.tokenizer.characters import WHITE_SPACE, CharacterClass
from archsmith.tokenizer.fast import PreTrainedTokenizerFast, named_file
from archsmith.tokenizer.files import plain_settings
from archsmith.tokenizer.post_processor import read_template, surround, template_json
from archsmith.tokenizer.rust import (
    MAX_TOKENIZER_BYTES,
    check_vocabulary,
    import_tokenizers,
    load_tokenizer_json,
    translated,
)
from archsmith.tokenizer.settings import (
    StoredPadding,
    StoredTruncation,
    Token,
    TokenizerSettings,
    read_settings,
    stored_settings,
)
from archsmith.tokenizer.slow import PreTrainedTokenizer
from archsmith.tokenizer.special_tokens import SPECIAL_TOKENS, SpecialToken, SpecialTokenId, SpecialTokens
from archsmith.tokenizer.templates import SpecialTokensTemplate, TemplatePart
from archsmith.tokenizer.texts import clean_up
from archsmith.tokenizer.vocabulary import Vocabulary, check_token_ids, id_rows

__all__ = [
    "MAX_TOKENIZER_BYTES", "SPECIAL_TOKENS", "WHITE_SPACE", "AddedToken", "CharacterClass", "EncodedRows",
    "PreTrainedTokenizer", "PreTrainedTokenizerBase", "PreTrainedTokenizerFast", "SpecialToken", "SpecialTokenId",
    "SpecialTokens", "SpecialTokensTemplate", "StoredPadding", "StoredTruncation",
    "TemplatePart", "Token", "TokenizerSettings", "Vocabulary",
    "check_token_ids", "check_vocabulary", "clean_up", "id_rows", "import_tokenizers", "load_tokenizer_json",
    "named_file", "plain_settings", "read_settings", "read_template", "read_token", "stored_settings", "surround",
    "template_json", "translated",
]  # fmt: skip
