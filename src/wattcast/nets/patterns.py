"""Networks for whole sequences, by what goes in and what comes out: one or many, to one or many.

Every pattern is called the same way, `pattern(xs, key)`: `xs` `[time, batch, inputs]` in, `[steps, batch, outputs]`
out, where one-to-* take a sequence of length 1 and *-to-one give one. `pattern` makes any of them by name.
"""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from wattcast.nets.stack import Stack, States


class Dense(eqx.Module):
    """A linear layer on the outputs of a stack: Glorot-uniform weights, zero bias.

    Attributes:
        w: weights.
        b: bias.
    """

    w: Float[Array, "hidden outputs"]
    b: Float[Array, " outputs"]

    def __init__(self, hidden: int, outputs: int, key: PRNGKeyArray):
        self.w = jax.nn.initializers.glorot_uniform()(key, (hidden, outputs), jnp.float32)
        self.b = jnp.zeros(outputs)

    def __call__(self, h: Float[Array, "*batch hidden"]) -> Float[Array, "*batch outputs"]:
        """H w + b."""
        y = h @ self.w
        return y + jnp.broadcast_to(self.b, y.shape)


class AbstractPattern(eqx.Module):
    """Sequence in, sequence out."""

    @abstractmethod
    def __call__(
        self, xs: Float[Array, "time batch inputs"], key: PRNGKeyArray | None = None
    ) -> Float[Array, "steps batch outputs"]:
        """Outputs for inputs; `key` turns dropout on.

        Raises:
            ValueError: a pattern from one got a sequence.
        """


class InStep(AbstractPattern):
    """In step: an output after every input, as a forecast at each reading."""

    stack: Stack
    dense: Dense

    def __init__(self, stack: Stack, outputs: int, key: PRNGKeyArray):
        self.stack = stack
        self.dense = Dense(stack.cells[-1].hidden, outputs, key)

    def scan(
        self, xs: Float[Array, "time batch inputs"], states: States, key: PRNGKeyArray | None = None
    ) -> tuple[Float[Array, "time batch outputs"], States]:
        """Outputs from states given, and the last states; `key` turns dropout on."""
        hs, states = self.stack.scan(xs, states, key)
        return self.dense(hs), states

    def __call__(
        self, xs: Float[Array, "time batch inputs"], key: PRNGKeyArray | None = None
    ) -> Float[Array, "time batch outputs"]:
        """A linear layer on the output after every step."""
        return self.dense(_outputs(self.stack, xs, key))


class ManyToOne(AbstractPattern):
    """One output after the last input, as a value, or the kind of meter, of a window."""

    stack: Stack
    dense: Dense

    def __init__(self, stack: Stack, outputs: int, key: PRNGKeyArray):
        self.stack = stack
        self.dense = Dense(stack.cells[-1].hidden, outputs, key)

    def __call__(
        self, xs: Float[Array, "time batch inputs"], key: PRNGKeyArray | None = None
    ) -> Float[Array, "1 batch outputs"]:
        """A linear layer on the last output."""
        return self.dense(_outputs(self.stack, xs, key)[-1:])


class OneToOne(AbstractPattern):
    """One step from rest: what is left of a recurrent network without time."""

    stack: Stack
    dense: Dense

    def __init__(self, stack: Stack, outputs: int, key: PRNGKeyArray):
        self.stack = stack
        self.dense = Dense(stack.cells[-1].hidden, outputs, key)

    def __call__(
        self, xs: Float[Array, "time batch inputs"], key: PRNGKeyArray | None = None
    ) -> Float[Array, "1 batch outputs"]:
        """A linear layer on the output of the only step."""
        return self.dense(_outputs(self.stack, _alone(xs), key))


class OneToMany(AbstractPattern):
    """The one input stands before the network at every step; its state alone tells the steps apart.

    Attributes:
        steps: length of what comes out.
    """

    stack: Stack
    dense: Dense
    steps: int = eqx.field(static=True)

    def __init__(self, stack: Stack, outputs: int, key: PRNGKeyArray, *, steps: int):
        self.stack = stack
        self.dense = Dense(stack.cells[-1].hidden, outputs, key)
        self.steps = steps

    def __call__(
        self, xs: Float[Array, "time batch inputs"], key: PRNGKeyArray | None = None
    ) -> Float[Array, "steps batch outputs"]:
        """A linear layer on the output after every step."""
        return self.dense(_outputs(self.stack, jnp.repeat(_alone(xs), self.steps, axis=0), key))


class EncoderDecoder(AbstractPattern):
    """Many-to-one, then one-to-many (Cho 2014; Sutskever 2014): a sequence is read to its end, then another written.

    The decoder starts from the encoder's last states, and has its last output before it at every step.

    Attributes:
        encoder: reads.
        decoder: writes; layers of the same sizes.
        steps: length of what comes out.
    """

    encoder: Stack
    decoder: Stack
    dense: Dense
    steps: int = eqx.field(static=True)

    def __init__(self, encoder: Stack, decoder: Stack, outputs: int, key: PRNGKeyArray, *, steps: int):
        reads, writes = (tuple(cell.hidden for cell in stack.cells) for stack in (encoder, decoder))
        if reads != writes:
            raise ValueError(
                f"The decoder starts from the encoder's states, so their layers must have the same sizes, got {reads} "
                f"and {writes}."
            )
        self.encoder = encoder
        self.decoder = decoder
        self.dense = Dense(decoder.cells[-1].hidden, outputs, key)
        self.steps = steps

    def __call__(
        self, xs: Float[Array, "time batch inputs"], key: PRNGKeyArray | None = None
    ) -> Float[Array, "steps batch outputs"]:
        """A linear layer on the decoder's output after every step."""
        k_in, k_out = (None, None) if key is None else jax.random.split(key)
        hs, states = self.encoder.scan(xs, self.encoder.initial_state(xs.shape[1]), k_in)
        hs, _ = self.decoder.scan(jnp.repeat(hs[-1:], self.steps, axis=0), states, k_out)
        return self.dense(hs)


class Bidirectional(AbstractPattern):
    """In step, from both sides: an output sees what came before it and what came after (Schuster & Paliwal 1997).

    For sequences that lie there whole, as a week with a gap to fill; never for a forecast.

    Attributes:
        forward: reads from the first step on.
        backward: reads from the last step back.
    """

    forward: Stack
    backward: Stack
    dense: Dense

    def __init__(self, forward: Stack, backward: Stack, outputs: int, key: PRNGKeyArray):
        self.forward = forward
        self.backward = backward
        self.dense = Dense(forward.cells[-1].hidden + backward.cells[-1].hidden, outputs, key)

    def __call__(
        self, xs: Float[Array, "time batch inputs"], key: PRNGKeyArray | None = None
    ) -> Float[Array, "time batch outputs"]:
        """A linear layer on both outputs at every step."""
        k_on, k_back = (None, None) if key is None else jax.random.split(key)
        on, back = _outputs(self.forward, xs, k_on), _outputs(self.backward, xs[::-1], k_back)[::-1]
        return self.dense(jnp.concatenate([on, back], axis=-1))


class Classifier(eqx.Module):
    """Many-to-one with a class for an answer: which of some kinds a window comes from.

    Attributes:
        reads: gives a logit a kind.
        kinds: their names.
    """

    reads: ManyToOne
    kinds: tuple[str, ...] = eqx.field(static=True)

    def __init__(self, stack: Stack, kinds: tuple[str, ...], key: PRNGKeyArray):
        if len(kinds) < 2:
            raise ValueError(f"To tell kinds apart there must be 2 or more, got {kinds}.")
        self.reads = ManyToOne(stack, len(kinds), key)
        self.kinds = kinds

    def __call__(
        self, xs: Float[Array, "time batch inputs"], key: PRNGKeyArray | None = None
    ) -> Float[Array, "batch kinds"]:
        """Probability of each kind; `key` turns dropout on."""
        return jax.nn.softmax(self.reads(xs, key)[0], axis=-1)

    def loss(
        self, xs: Float[Array, "time batch inputs"], kind: Int[Array, " batch"], key: PRNGKeyArray | None = None
    ) -> Float[Array, " batch"]:
        """Cross-entropy [nat] of each window with the place of its kind in `kinds`."""
        said = jax.nn.log_softmax(self.reads(xs, key)[0], axis=-1)
        return -jnp.take_along_axis(said, kind[:, None], axis=-1)[:, 0]


PATTERNS = ("one-to-one", "one-to-many", "many-to-one", "in-step", "encoder-decoder")


def pattern(  # noqa: PLR0913  (one door for five)
    name: str,
    inputs: int,
    outputs: int,
    key: PRNGKeyArray,
    *,
    hidden: tuple[int, ...] = (32,),
    cell: str = "gru",
    steps: int | None = None,
) -> AbstractPattern:
    """A network of one of the five patterns, at its start.

    Args:
        name: one of `PATTERNS`.
        inputs: numbers a step in.
        outputs: numbers a step out.
        key: of the starting weights.
        hidden: units of each recurrent layer.
        cell: one of `CELLS` or `NEWER`.
        steps: length of what comes out; one-to-many and encoder-decoder have to know it, the others follow `xs`.

    Raises:
        ValueError: no such pattern; steps missing, or given where the input decides.
    """
    if name not in PATTERNS:
        raise ValueError(f"There is no pattern {name!r}; there are {', '.join(PATTERNS)}.")
    writes = name in ("one-to-many", "encoder-decoder")
    if writes != (steps is not None) or (steps is not None and steps < 1):
        raise ValueError(f"{name} {'needs steps of 1 or more' if writes else 'takes no steps'}, got steps={steps}.")
    k_stack, k_more, k_dense = jax.random.split(key, 3)
    stack = Stack(inputs, hidden, k_stack, cell=cell)
    if name == "one-to-many":
        return OneToMany(stack, outputs, k_dense, steps=steps or 1)
    if name == "encoder-decoder":
        decoder = Stack(hidden[-1], hidden, k_more, cell=cell)
        return EncoderDecoder(stack, decoder, outputs, k_dense, steps=steps or 1)
    if name == "in-step":
        return InStep(stack, outputs, k_dense)
    kind = ManyToOne if name == "many-to-one" else OneToOne
    return kind(stack, outputs, k_dense)


def _outputs(
    stack: Stack, xs: Float[Array, "time batch inputs"], key: PRNGKeyArray | None
) -> Float[Array, "time batch hidden"]:
    """What a stack at rest before the first input says after each."""
    return stack.scan(xs, stack.initial_state(xs.shape[1]), key)[0]


def _alone(xs: Float[Array, "time batch inputs"]) -> Float[Array, "1 batch inputs"]:
    if len(xs) != 1:
        raise ValueError(f"This pattern reads one input, [1, batch, inputs], got a sequence of shape {xs.shape}.")
    return xs
