"""The same cells on text and on music: what comes next, in a text written here and in melodies made by a rule."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from numpy.typing import NDArray

from wattcast.learn.lesson import Lesson
from wattcast.learn.training import in_step, train
from wattcast.nets.patterns import InStep
from wattcast.nets.stack import States
from wattcast.report.page import Code, Section, Table, Text

Symbols = NDArray[np.int64]
#: Notes of a scale by their step, and the accompaniment the melodies follow: a chord a bar of eight notes.
NOTES, CHORDS = "CDEFGABc", ((0, 2, 4, 7), (3, 5, 0, 7), (4, 6, 1, 4), (0, 4, 2, 7))
BAR = 8
#: The last part of a sequence is scored.
SCORED = 0.15


@dataclass(frozen=True)
class Learned:
    """How well the next symbol of the scored part is known.

    Attributes:
        network, last: mean -log2 of the probability given to what came [bit]: by the network, and by counts of what
            followed the symbol before (for text: the bigram).
        most_common: the same by counts of the symbols alone.
        written: what the network goes on with when its own choices are fed back.
    """

    network: float
    last: float
    most_common: float
    written: Symbols


def run(*, steps: int = 400, seed: int = 0) -> Lesson:
    """The lesson on text and music.

    Args:
        steps: batches of each training.
        seed: starts, batches, melodies and what is written follow from it.
    """
    letters, text = english()
    words = learn(text, len(letters), steps=steps, seed=seed, write=240)
    tune = melodies(600, seed)
    music = learn(tune, len(NOTES), steps=steps, seed=seed, write=4 * BAR)
    facts = {
        "text_bits": words.network,
        "text_bits_bigram": words.last,
        "text_bits_most_common": words.most_common,
        "music_bits": music.network,
        "music_bits_last_note": music.last,
        "music_bits_most_common": music.most_common,
        "characters": len(text),
        "notes": len(tune),
    }
    headline = (
        f"The cell that forecasts load says the next letter of a text with {words.network:.2f} bits of doubt (counting "
        f"pairs of letters: {words.last:.2f}), and the next note of a melody with {music.network:.2f} "
        f"({music.last:.2f})."
    )
    sections = [_text("".join(letters[k] for k in words.written), words, len(text)), _music(tune, music)]
    return Lesson("elsewhere", "The same cells on text and music", headline, sections, facts)


def english() -> tuple[list[str], Symbols]:
    """The characters of the text, and the text in them: a page written for it, after what the package says of itself.

    That is the descriptions of its modules, classes and functions, in small letters, without signs that are rare.
    """
    home = resources.files("wattcast")
    parts = [
        text for room in ("read", "check", "features", "kernels", "nets", "evaluate") for text in _said(home / room)
    ]
    parts.append((home / "learn" / "text.txt").read_text(encoding="utf-8"))
    common = set("abcdefghijklmnopqrstuvwxyz .,:;'-()\n")
    text = "".join(letter for letter in "\n".join(parts).lower() if letter in common)
    text = re.sub(r" +", " ", text)
    letters = sorted(set(text))
    place = {letter: k for k, letter in enumerate(letters)}
    return letters, np.array([place[letter] for letter in text])


def _said(room: Traversable) -> list[str]:
    """Descriptions in the modules of a room, by name and place."""
    found = []
    for file in sorted((f for f in room.iterdir() if f.name.endswith(".py")), key=lambda f: f.name):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                found.append(ast.get_docstring(node) or "")
    return found


def melodies(bars: int, seed: int) -> Symbols:
    """Notes, eight a bar: a bar walks through its chord from a place that the bar before decides; one in ten strays.

    The chord depends on the bar's number, so what comes next takes a memory of more than one note.
    """
    rng, notes, start = np.random.default_rng(seed), [], 0
    for bar in range(bars):
        chord = CHORDS[bar % len(CHORDS)]
        walk = [chord[(start + k * (1 + bar // 2 % 2)) % len(chord)] for k in range(BAR)]
        strays = rng.random(BAR) < 0.1
        notes += [int(rng.integers(len(NOTES))) if stray else note for note, stray in zip(walk, strays, strict=True)]
        start = (start + 1) % len(chord)
    return np.array(notes)


def learn(symbols: Symbols, kinds: int, *, steps: int, seed: int, write: int, length: int = 64) -> Learned:
    """Trains a GRU of 64 units to say the next symbol, scores it on the last part, lets it write on."""
    split = round(len(symbols) * (1 - SCORED))
    sequence = jnp.asarray(symbols)

    def sample(key: Array) -> tuple[Array, Array]:
        starts = jax.random.randint(key, (32,), 0, split - length)
        rows = sequence[starts[None] + jnp.arange(length + 1)[:, None]]
        return rows[:-1], rows[1:]

    start = in_step("gru", 64, inputs=kinds, outputs=kinds)
    [model], _ = train(
        [start(jax.random.key(seed))], lambda m, batch: jnp.mean(_surprise(m, *batch)), sample, steps=steps, seeds=seed
    )
    scored = sequence[split - length :][:, None]  # the state fills before the part that is scored
    bits = np.asarray(eqx.filter_jit(_surprise)(model, scored[:-1], scored[1:]))[length - 1 :] / np.log(2)
    pairs, alone = _counts(symbols[:split], kinds)
    before, came = symbols[split - 1 : -1], symbols[split:]
    last, most = -np.log2(pairs[before, came]), -np.log2(alone[came])
    written = _write(model, symbols[split - length : split], write, jax.random.key(seed + 1))
    return Learned(float(bits.mean()), float(last.mean()), float(most.mean()), written)


def _surprise(model: InStep, before: Array, came: Array) -> Array:
    """-log of the probability of what came [nat]."""
    said = jax.nn.log_softmax(model(jax.nn.one_hot(before, model.dense.b.size)), axis=-1)
    return -jnp.take_along_axis(said, came[..., None], axis=-1)[..., 0]


def _counts(symbols: Symbols, kinds: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares of what followed each symbol, and of all; as if each had been seen a tenth of a time more."""
    pairs = np.full((kinds, kinds), 0.1)
    np.add.at(pairs, (symbols[:-1], symbols[1:]), 1.0)
    alone = pairs.sum(axis=0)
    return pairs / pairs.sum(axis=1, keepdims=True), alone / alone.sum()


def _write(model: InStep, begun: Symbols, count: int, key: Array) -> Symbols:
    """Goes on from a beginning: each symbol is drawn from what the network says, and read by it."""
    kinds = model.dense.b.size
    said, states = model.scan(jax.nn.one_hot(begun, kinds)[:, None], model.stack.initial_state(1))

    def step(carry: tuple[Array, States], key: Array) -> tuple[tuple[Array, States], Array]:
        logits, states = carry
        drawn = jax.random.categorical(key, 1.5 * logits[0])  # 1.5: a little bolder than it is sure
        h, states = model.stack.step(jax.nn.one_hot(drawn, kinds)[None], states)
        return (model.dense(h), states), drawn

    return np.asarray(jax.lax.scan(step, (said[-1], states), jax.random.split(key, count))[1])


def _text(written: str, words: Learned, size: int) -> Section:
    text = [
        f"{size:,} characters of English: what the package says of itself, and a page written for this lesson. One "
        f"character a step; the network says how likely each is to come next. The last {SCORED:.0%} is only scored. A "
        "bit of doubt is one question answered by yes or no: with one bit there are two letters to choose from, with "
        "three there are eight."
    ]
    after = ["Its own choices fed back, it writes (this is little to learn English from):"]
    return Section("text", "Text", [Text(text), _table(words, "pairs of letters"), Text(after), Code(written)])


def _music(tune: Symbols, music: Learned) -> Section:
    text = [
        f"{len(tune):,} notes made by a rule: eight a bar, walking through the bar's chord, four chords in turn, one "
        "note in ten strays. What comes next depends on where in the four bars one is: pairs of notes cannot know."
    ]
    bars = [" ".join(NOTES[n] for n in music.written[k : k + BAR]) for k in range(0, len(music.written), BAR)]
    after = ["Four bars it goes on with:"]
    score = _table(music, "the last note")
    return Section("music", "Music", [Text(text), score, Text(after), Code(" | ".join(bars))])


def _table(learned: Learned, pairs: str) -> Table:
    rows = [
        ["network (GRU, 64 hidden)", f"{learned.network:.2f}"],
        [f"counts: what followed ({pairs})", f"{learned.last:.2f}"],
        ["counts: how often at all", f"{learned.most_common:.2f}"],
    ]
    best = min(range(3), key=lambda row: float(rows[row][1]))
    return Table(["doubt about what comes next", "bits"], rows, frozenset({(best, 1)}))
