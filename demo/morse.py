"""Morse code as sound: for each text a tone that goes on and off, of its own pitch, speed and noise."""

import numpy as np

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
    """Return the sound of a text, ``(samples,)`` float32 from -1 to 1, sent by a hand and a radio drawn at random."""
    unit = random.uniform(0.024, 0.036)  # seconds: 33 to 50 words per minute
    units = np.repeat(keyed(text), round(unit * RATE)).astype(np.float32)
    ramp = np.hanning(11)
    envelope = np.convolve(units, ramp / ramp.sum(), "same")  # soft, as a key's click would be heard everywhere
    seconds = np.arange(len(envelope)) / RATE
    wave = np.sin(2 * np.pi * random.uniform(300, 700) * seconds + random.uniform(0, 6))
    noise = random.normal(0, random.uniform(0.02, 0.15), len(envelope))
    return (random.uniform(0.2, 0.6) * (envelope * wave + noise)).clip(-1, 1).astype(np.float32)
