"""Morse code as audio, and a small wav2vec 2.0 that learns to read it.

For each text a tone goes on and off, of its own pitch, speed and noise.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from archsmith import Wav2Vec2Config, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC, Wav2Vec2Processor

#: Samples per second.
RATE = 2000

CODE = {
    "A": ".-", "B": "-...", "C": "-.-.", "D": "-..", "E": ".", "F": "..-.", "G": "--.", "H": "....", "I": "..",
    "J": ".---", "K": "-.-", "L": ".-..", "M": "--", "N": "-.", "O": "---", "P": ".--.", "Q": "--.-", "R": ".-.",
    "S": "...", "T": "-", "U": "..-", "V": "...-", "W": ".--", "X": "-..-", "Y": "-.--", "Z": "--..",
}  # fmt: skip


def keyed(text: str) -> list[bool]:
    """Return whether the key is down, unit by unit: a dash is three dots, and pauses are one, three or seven."""
    words = []
    for word in text.split():
        letters = ["0".join("111" if mark == "-" else "1" for mark in CODE[letter]) for letter in word]
        words.append("000".join(letters))
    return [unit == "1" for unit in "000" + "0000000".join(words) + "000"]


def tone(text: str, random: np.random.Generator) -> np.ndarray:
    """Return the audio of a text, ``(samples,)`` float32 from -1 to 1, sent by a hand and a radio drawn at random."""
    unit = random.uniform(0.024, 0.036)  # seconds: 33 to 50 words per minute
    units = np.repeat(keyed(text), round(unit * RATE)).astype(np.float32)
    ramp = np.hanning(11)
    envelope = np.convolve(units, ramp / ramp.sum(), "same")  # soft, as a key's click would be heard everywhere
    seconds = np.arange(len(envelope)) / RATE
    wave = np.sin(2 * np.pi * random.uniform(300, 700) * seconds + random.uniform(0, 6))
    noise = random.normal(0, random.uniform(0.02, 0.15), len(envelope))
    return (random.uniform(0.2, 0.6) * (envelope * wave + noise)).clip(-1, 1).astype(np.float32)


def build(letters: str, folder: Path) -> tuple[Wav2Vec2ForCTC, Wav2Vec2Processor]:
    """Return a model with random weights and a processor for texts of these letters."""
    tokens = ["<pad>", "<s>", "</s>", "<unk>", "|", *letters]
    vocabulary = folder / "letters.json"
    vocabulary.write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    processor = Wav2Vec2Processor(
        feature_extractor=Wav2Vec2FeatureExtractor(sampling_rate=RATE, return_attention_mask=True),
        tokenizer=Wav2Vec2CTCTokenizer(vocabulary),
    )
    config = Wav2Vec2Config(
        vocab_size=len(tokens),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        conv_dim=[32, 64, 64],
        conv_kernel=[16, 4, 4],
        conv_stride=[8, 2, 2],  # a frame every 16 milliseconds
        conv_bias=True,
        do_stable_layer_norm=True,
        num_conv_pos_embeddings=24,
        num_conv_pos_embedding_groups=8,
        initializer_range=0.12,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        activation_dropout=0.0,
        final_dropout=0.0,
        layerdrop=0.0,
        mask_time_prob=0.0,
        ctc_loss_reduction="mean",
        ctc_zero_infinity=True,
    )
    return Wav2Vec2ForCTC(config), processor


def train(
    model: Wav2Vec2ForCTC,
    processor: Wav2Vec2Processor,
    letters: str,
    random: np.random.Generator,
    *,
    steps: int,
    report: Callable[[float], None] = lambda _: None,
) -> None:
    """Train on random letters, first one at a time and then more and more of them."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps, pct_start=0.15)
    alphabet = [*letters, *[" "] * (len(letters) // 6)]
    model.train()
    for step in range(steps):
        length = 1 + 10 * step // steps
        texts = [" ".join("".join(random.choice(alphabet, length)).split()) or letters[0] for _ in range(16)]
        clips = [tone(text, random) for text in texts]
        batch = processor(clips, sampling_rate=RATE, text=texts, padding=True, return_tensors="pt")
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        report(float(loss.detach()))
    model.eval()


@torch.inference_mode()
def transcribe(model: Wav2Vec2ForCTC, processor: Wav2Vec2Processor, audio: object) -> list[str]:
    """Return the texts of audio clips: arrays of `RATE`, or files."""
    is_array = isinstance(audio, list) and isinstance(audio[0], np.ndarray)
    rate = RATE if is_array else None
    batch = processor(audio, sampling_rate=rate, padding=True, return_tensors="pt")
    texts: list[str] = processor.batch_decode(model(**batch).logits.argmax(-1))
    return texts


def errors(heard: str, sent: str) -> int:
    """Return how many letters must be put in, left out or changed to make one text of the other."""
    row = list(range(len(heard) + 1))
    for i, letter in enumerate(sent, 1):
        before, row = row, [i]
        for j, other in enumerate(heard, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != other)))
    return row[-1]
