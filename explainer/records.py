"""What a lens saw: frozen records of numpy arrays, without torch.

Each record is one dataclass of arrays, numbers, and labels (tuples of text). A field that does
not apply to a run is empty: an array of size 0 or `()`. Values that overflowed in the model
stay in the record as NaN or infinity, so that a chart can show where it happened.

`to_arrays` and `from_arrays` carry any record through a file of named arrays and texts; a tape
needs to know no more about it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int

Record = TypeVar("Record")

DTYPES = {"Float": "f", "Int": "iu", "Bool": "b"}
"""Of each of jaxtyping's names, the kinds of numpy's."""


@dataclass(frozen=True, eq=False)
class HiddenRecord:
    """The hidden state at every time step of one sequence, and what the model said there.

    Attributes:
        states: of each layer; for a Transformer the residual stream after each block.
        tokens: what the model read, as labels.
        mask: the positions that count in the loss.
        targets: what it should say, as labels.
        guesses: the likeliest token, and `certainty`, its probability (token tasks).
        right: probability that it gave to the right token (token tasks).
        output: the number that it said, in the units of the data (number tasks; of several, the first).
        target: the number that it should say (number tasks).
        errors: of each number that it says, the root mean square of output - target over the positions that count.
        signs: of each, the share of these positions where it has the target's sign.
        filled: the positions whose target was filled in, not measured; empty where none was.

    `right` and `target` are NaN where nobody knows what is right: after the last step of an input whose
    continuation is asked for.
    """

    states: Float[np.ndarray, "L T N"]
    tokens: tuple[str, ...]
    mask: Bool[np.ndarray, " T"]
    targets: tuple[str, ...]
    guesses: tuple[str, ...]
    certainty: Float[np.ndarray, " tokens"]
    right: Float[np.ndarray, " tokens"]
    output: Float[np.ndarray, " numbers"]
    target: Float[np.ndarray, " numbers"]
    errors: Float[np.ndarray, " outputs"] = field(default_factory=lambda: np.zeros(0, np.float32))
    signs: Float[np.ndarray, " outputs"] = field(default_factory=lambda: np.zeros(0, np.float32))
    filled: Bool[np.ndarray, " positions"] = field(default_factory=lambda: np.zeros(0, bool))

    def __post_init__(self) -> None:
        assert self.states.ndim == 3, self.states.shape
        T = self.states.shape[1]
        assert len(self.tokens) == len(self.targets) == T, (len(self.tokens), len(self.targets), T)
        assert self.mask.shape == (T,), self.mask.shape
        given = ((T,), (0,)) if self.has_tokens else ((0,), (T,))
        assert (self.right.shape, self.output.shape) == given, (self.right.shape, self.output.shape)
        assert self.target.shape == self.output.shape, self.target.shape
        assert self.errors.shape == self.signs.shape, (self.errors.shape, self.signs.shape)
        assert self.filled.shape in ((0,), (T,)), self.filled.shape
        assert len(self.guesses) == self.right.size, len(self.guesses)
        assert self.certainty.shape == self.right.shape, self.certainty.shape

    @property
    def foretells(self) -> bool:
        """Whether what it says last is a forecast: there nobody knows what is right."""
        return not self.mask[-1] and bool(np.isnan((self.right if self.has_tokens else self.target)[-1]))

    @property
    def has_tokens(self) -> bool:
        """Whether the model predicts tokens (else numbers)."""
        return self.right.size > 0


@dataclass(frozen=True, eq=False)
class GradientRecord:
    """How much of a late loss arrives at each earlier time step, and at each parameter.

    Attributes:
        norms: mean over the sequences of ||dL*/dh_t||_2 in the top layer, L* being the loss at
            the last position that counts; for a Transformer with respect to the residual stream
            that enters the first block. Zero after that position.
        theory: norms[last] rho^(last-t), a linear network's long-run rate (plain RNN; else empty).
        radius: rho, the spectral radius of the top layer's W_hh among the units that no surgery holds (plain RNN;
            else NaN).
        last: the position of L*.
        factor: by which the measured norm changes per step back (see `theory.jacobian`).
        parameters: names.
        parameter_norms: ||dL/dW||_2 of each, L being the loss that training minimises.
        total: norm over all parameters.
        clip: the largest norm that training allows (0: any).
        clipped: `total` after clipping.
        loss: L.
    """

    norms: Float[np.ndarray, " T"]
    theory: Float[np.ndarray, " rate"]
    radius: float
    last: int
    factor: float
    parameters: tuple[str, ...]
    parameter_norms: Float[np.ndarray, " P"]
    total: float
    clip: float
    clipped: float
    loss: float

    def __post_init__(self) -> None:
        assert self.norms.ndim == 1, self.norms.shape
        assert self.theory.shape in ((0,), self.norms.shape), self.theory.shape
        assert 0 <= self.last < len(self.norms), self.last
        assert self.parameter_norms.shape == (len(self.parameters),), self.parameter_norms.shape


ROLES = ("prefix_matching", "previous_token", "duplicate_token")
"""The scores that a head can have its role by, in the order of `chance` in two records."""


@dataclass(frozen=True, eq=False)
class AttentionRecord:
    """Which tokens look at which, in every head, for one sequence; and what each head is like.

    Attributes:
        weights: [l, h, t, s] is how much query t takes from key s; rows sum to 1. Of long sequences in many heads each row
            and column is of `cell` positions: what the queries of a group take, in the mean, from the keys of a group together.
        tokens: labels of the T positions.
        previous_token: mean weight on the token just before.
        prefix_matching: mean weight, from a token that was there before, on the token that
            followed it then: the mark of an induction head (Olsson et al. 2022).
        duplicate_token: the same on the earlier token itself.
        chance: [r, l, h], what score r of `ROLES` would be by chance: even attention, or this head on shuffled tokens,
            whichever is more (see `lenses.chance`).
        entropy: mean over the queries of -sum w ln w, in nats.

    The scores are means over the queries of a batch that they are about; NaN where there
    are none (no token repeats).
    """

    weights: Float[np.ndarray, "L H P P"]
    tokens: tuple[str, ...]
    previous_token: Float[np.ndarray, "L H"]
    prefix_matching: Float[np.ndarray, "L H"]
    duplicate_token: Float[np.ndarray, "L H"]
    chance: Float[np.ndarray, "roles L H"]
    entropy: Float[np.ndarray, "L H"]

    def __post_init__(self) -> None:
        assert self.weights.ndim == 4, self.weights.shape
        L, H, P, S = self.weights.shape
        assert P == S == -(-len(self.tokens) // self.cell), (P, S, len(self.tokens))
        for scores in (self.previous_token, self.prefix_matching, self.duplicate_token, self.entropy):
            assert scores.shape == (L, H), scores.shape
        assert self.chance.shape == (len(ROLES), L, H), self.chance.shape

    @property
    def cell(self) -> int:
        """How many positions share a row, and a column, of the maps (see `theory.look_sizes.pooling`)."""
        return -(-len(self.tokens) // self.weights.shape[2])


@dataclass(frozen=True, eq=False)
class PositionsRecord:
    """How a Transformer encodes positions, and how far its heads look.

    Attributes:
        kind: the scheme, one of `config.POSITIONS`.
        table: added to the embeddings (learned, sinusoidal; else of shape (0, 0)). A learned one
            is shown whole, also where the sequence is shorter. Row t is what token t gets: where positions are
            shuffled, that of another place.
        kernel: cosine of the angle between the table's rows m and n (else of shape (0, 0)).
        distance: [l, h, d] is the mean weight that a query gives to the key d tokens before it
            (a model without blocks: no rows).
    """

    kind: str
    table: Float[np.ndarray, "positions D"]
    kernel: Float[np.ndarray, "positions positions"]
    distance: Float[np.ndarray, "L H T"]

    def __post_init__(self) -> None:
        assert self.table.ndim == 2, self.table.shape
        assert self.kernel.shape == (len(self.table), len(self.table)), self.kernel.shape
        assert self.distance.ndim == 3, self.distance.shape


@dataclass(frozen=True, eq=False)
class MicroscopeRecord:
    """How much of every loss arrives at every earlier moment, along every way that was asked for.

    Attributes:
        norms: [w, l, t, k] is ||dL_t/ds_k||_2, with s what way w names, in layer l, of one sequence;
            L_t is the loss at place t. Zero where k is after t.
        ways: "h" or "x", the total derivative; of an LSTM also "c", and the two parts of it:
            "c along c", only by way of the layer's own cell state, and "c by way of h", the rest.
        gates: [g, l, j], the mean over the losses that count of the same for gate g, j places before the loss.
        gate_names: of the gates (none: a plain network).
        at: the places, as time steps.
        counted: whether the loss there counts in training.
        tokens: what the model read there, as labels.
    """

    norms: Float[np.ndarray, "W L P P"]
    ways: tuple[str, ...]
    gates: Float[np.ndarray, "G L P"]
    gate_names: tuple[str, ...]
    at: Int[np.ndarray, " P"]
    counted: Bool[np.ndarray, " P"]
    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        assert self.norms.ndim == 4, self.norms.shape
        W, L, P, Q = self.norms.shape
        assert P == Q == len(self.tokens), (P, Q, len(self.tokens))
        assert len(self.ways) == W, self.ways
        assert self.gates.shape == (len(self.gate_names), L, P), self.gates.shape
        assert self.at.shape == self.counted.shape == (P,), (self.at.shape, self.counted.shape)


@dataclass(frozen=True, eq=False)
class JacobianRecord:
    """J_t = ds_t/ds_(t-1) of the top layer's state s on one sequence, and what products of it do.

    s is h, and of an LSTM (h, c), M numbers. L* is the loss at the last step that counts.

    Attributes:
        eigenvalues: real and imaginary part for each choice, largest first. Of a product of k steps
            the k-th root of their length is taken, so that all are per step. NaN where rounding hides them.
        singular: singular values, likewise.
        steps: the last step of each choice.
        spans: how many Jacobians are multiplied in it.
        rate: radius^k for k = 0 ... K steps back from L*: a linear network.
        bound: what no direction exceeds: sigma^k of W_hh, or with gates the product of the sigma_max(J_t).
        largest: ||J_T ... J_(T-k+1)||_2, the most that any direction keeps.
        measured: ||dL*/ds_(T-k)|| / ||dL*/ds_T||, of the direction that the loss asks for.
        radius: spectral radius of the theory's matrix.
        sigma: its largest singular value.
        theory: which matrix that is: "W_hh", with zeros in the rows of units that surgery holds; or "rest", J without
            input where the state is zero, apart from what is held (gated cells).
        saturated: share of the activations that are not held whose slope is under a tenth of its largest, at each step.
        slope: their mean slope, as a share of its largest.
        parts: `saturated` of each kind of activation.
        part_names: of these.
        last: the step of L*.
        tokens: what the model read, as labels.
    """

    eigenvalues: Float[np.ndarray, "C M 2"]
    singular: Float[np.ndarray, "C M"]
    steps: Int[np.ndarray, " C"]
    spans: Int[np.ndarray, " C"]
    rate: Float[np.ndarray, " lags"]
    bound: Float[np.ndarray, " lags"]
    largest: Float[np.ndarray, " lags"]
    measured: Float[np.ndarray, " lags"]
    radius: float
    sigma: float
    theory: str
    saturated: Float[np.ndarray, " T"]
    slope: Float[np.ndarray, " T"]
    parts: Float[np.ndarray, "G T"]
    part_names: tuple[str, ...]
    last: int
    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        C, M = self.singular.shape
        assert self.eigenvalues.shape == (C, M, 2), self.eigenvalues.shape
        assert self.steps.shape == self.spans.shape == (C,), (self.steps.shape, self.spans.shape)
        for curve in (self.bound, self.largest, self.measured):
            assert curve.shape == self.rate.shape, (curve.shape, self.rate.shape)
        T = len(self.tokens)
        assert self.saturated.shape == self.slope.shape == (T,), (self.saturated.shape, self.slope.shape)
        assert self.parts.shape == (len(self.part_names), T), self.parts.shape
        assert 0 <= self.last < T, self.last


@dataclass(frozen=True, eq=False)
class GatesRecord:
    """What the gates of an LSTM or a GRU do on one sequence, and what the units keep track of.

    Attributes:
        gates: [l, g, t, n], each in (0, 1).
        gate_names: of the axis g: input, forget, output, or reset, update.
        kept: the mean share of its old state that each unit keeps (forget gate, or GRU's update gate),
            over a batch; the time constant is -1 / ln of it.
        closed: share of all values below 0.1 (over up to 16 sequences of the batch), for each layer and gate; `opened`: above 0.9.
        states: of the top layer.
        tokens: what was read, as labels.
        variables: names of what a unit might track (see `theory.variables`).
        values: of each variable at each position of this sequence.
        sequences: how many validation sequences the numbers below are measured on, the same for every input and every
            moment. No two of them share a step.
        correlations: Pearson's r of each variable with each unit of the top layer; NaN where a state is not finite, 0 for
            what does not change.
        correlation_errors: standard error of the largest |r| of each variable, over sequences.
        untrained_correlations: the largest |r| that a unit of the untrained network has.
        chance_correlations: the largest |r| of a unit with the values of other sequences (NaN: all have the same).
        probes: R^2 of a linear readout of each variable, on sequences that it has not seen; `probe_errors`: its
            standard error. NaN where the variable does not change, a state is not finite, or the sequences are too few.
        untrained: the same R^2 in the untrained network, the run's architecture with the weights that its seed draws.
        gain_errors: standard error of probes - untrained, both being measured on the same sequences.
        controls: R^2 of a readout of the values of other sequences (NaN: all have the same).
    """

    gates: Float[np.ndarray, "L G T N"]
    gate_names: tuple[str, ...]
    kept: Float[np.ndarray, "L N"]
    closed: Float[np.ndarray, "L G"]
    opened: Float[np.ndarray, "L G"]
    states: Float[np.ndarray, "T N"]
    tokens: tuple[str, ...]
    variables: tuple[str, ...]
    values: Float[np.ndarray, "Q T"]
    sequences: int
    correlations: Float[np.ndarray, "Q N"]
    correlation_errors: Float[np.ndarray, " Q"]
    untrained_correlations: Float[np.ndarray, " Q"]
    chance_correlations: Float[np.ndarray, " Q"]
    probes: Float[np.ndarray, " Q"]
    probe_errors: Float[np.ndarray, " Q"]
    untrained: Float[np.ndarray, " Q"]
    gain_errors: Float[np.ndarray, " Q"]
    controls: Float[np.ndarray, " Q"]

    def __post_init__(self) -> None:
        L, G, T, N = self.gates.shape
        assert len(self.gate_names) == G, self.gate_names
        assert self.kept.shape == (L, N), self.kept.shape
        assert self.closed.shape == self.opened.shape == (L, G), (self.closed.shape, self.opened.shape)
        assert self.states.shape == (T, N), self.states.shape
        assert len(self.tokens) == T, len(self.tokens)
        Q = len(self.variables)
        assert self.values.shape == (Q, T), self.values.shape
        assert self.correlations.shape == (Q, N), self.correlations.shape
        for each in (self.correlation_errors, self.untrained_correlations, self.chance_correlations):
            assert each.shape == (Q,), each.shape
        for each in (self.probes, self.probe_errors, self.untrained, self.gain_errors, self.controls):
            assert each.shape == (Q,), each.shape


@dataclass(frozen=True, eq=False)
class FixedPointsRecord:
    """States s that a network without input keeps, F(s) = s, or nearly so; and one sequence's path.

    s is h, and of an LSTM (h, c), M numbers; q(s) = |F(s) - s|^2 / 2.

    Attributes:
        points: the first of those that were found, in the order of their kinds (`theory.stability`).
        q: of each.
        fixed: whether q is as small as rounding allows; else a slow point, where q is small.
        unstable: eigenvalues of dF/ds with a length above 1, by more than a margin.
        neutral: eigenvalues with a length of 1, within that margin.
        eigenvalues: real and imaginary part of the longest ones, longest first.
        says: what the network's output is in that state, as text.
        counts: of all distinct points that were found, how many there are of each kind; P of them are kept.
        states: of the sequence, step by step.
        tokens: what was read there, as labels.
    """

    points: Float[np.ndarray, "P M"]
    q: Float[np.ndarray, " P"]
    fixed: Bool[np.ndarray, " P"]
    unstable: Int[np.ndarray, " P"]
    neutral: Int[np.ndarray, " P"]
    eigenvalues: Float[np.ndarray, "P E 2"]
    says: tuple[str, ...]
    counts: Int[np.ndarray, " kinds"]
    states: Float[np.ndarray, "T M"]
    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        P, M = self.points.shape
        for each in (self.q, self.fixed, self.unstable, self.neutral):
            assert each.shape == (P,), each.shape
        assert self.eigenvalues.ndim == 3, self.eigenvalues.shape
        assert (len(self.eigenvalues), self.eigenvalues.shape[2]) == (P, 2), self.eigenvalues.shape
        assert len(self.says) == P, len(self.says)
        assert self.counts.ndim == 1, self.counts.shape
        assert self.found >= P, (self.found, P)
        assert self.states.shape == (len(self.tokens), M), self.states.shape

    @property
    def found(self) -> int:
        """How many distinct points there are."""
        return int(self.counts.sum())


@dataclass(frozen=True, eq=False)
class PatternRecord:
    """Units of the top layer that are on together over a stretch of one text, and where else they are.

    On is a unit whose state is above the threshold. The text that is searched is cut into windows; a stretch
    lies in one of them.

    Attributes:
        units: on at every step of the stretch (and, if that was asked, off at the step before).
        above: how many are on at every step of it, whatever they were before; more than `units` only if that was asked.
        tokens: of the viewer's text, as labels.
        on: of the viewer's text, the share of `units` that is on at each step; NaN where a state is not finite.
        first: where the stretch begins in it.
        last: its last step.
        threshold: above which a unit is on.
        found: stretches of the same length over which all of `units` are on.
        searched: stretches of that length there are.
        expected: how many there would be if the units did not know of each other (`theory.patterns.expected`).
        times: found / expected, and `times_error`: its standard error over windows. NaN where there is none.
        places: where they are: stretches that overlap or touch are one place.
        shares: of the first places, the share of `units` that is on around each; NaN outside of its window.
            Column `before` is the first step of the place.
        before: columns before a place.
        lengths: for how many steps all of `units` are on there.
        texts: what stands there, row after row; empty outside of the window.
    """

    units: Int[np.ndarray, " U"]
    above: int
    tokens: tuple[str, ...]
    on: Float[np.ndarray, " T"]
    first: int
    last: int
    threshold: float
    found: int
    searched: int
    expected: float
    times: float
    times_error: float
    places: int
    shares: Float[np.ndarray, "R C"]
    before: int
    lengths: Int[np.ndarray, " R"]
    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        assert len(self.units) <= self.above, (len(self.units), self.above)
        assert self.on.shape == (len(self.tokens),), self.on.shape
        assert 0 <= self.first <= self.last < len(self.tokens), (self.first, self.last)
        assert 0 <= self.found <= self.searched, (self.found, self.searched)
        assert len(self.texts) == self.shares.size, (len(self.texts), self.shares.shape)
        assert self.lengths.shape == self.shares.shape[:1], self.lengths.shape
        assert self.places >= len(self.lengths), self.places


SCORES = (
    *ROLES,
    "positional",
    "entropy",
    "distance",
    "knocked_out",
)
"""What a head's biography tells of it, in the order of `BiographyRecord.scores`."""


@dataclass(frozen=True, eq=False)
class BiographyRecord:
    """What every head is like, and what it is good for, over a batch.

    Attributes:
        scores: [s, l, h], s as in `SCORES`. The first three are those of `AttentionRecord`;
            `positional`, 1 - sum |A - mean A| / (2 B T), the mean being that of the batch's sequences at the same
            query and key: 1 if attention depends on positions alone (Vig & Belinkov 2019: 1 - variability; NaN for
            one sequence); `entropy`, in nats; `distance`, mean of sum_s A_ts (t - s), in tokens; `knocked_out`,
            by how much the loss grows when the head's output is set to 0.
        chance: [r, l, h], what the first three would be by chance, as in `AttentionRecord`.
        errors: standard error of `knocked_out` over the sequences; NaN for one.
        loss: of the batch, with all heads.
        sequences: B.
        length: T.
    """

    scores: Float[np.ndarray, "scores L H"]
    chance: Float[np.ndarray, "roles L H"]
    errors: Float[np.ndarray, "L H"]
    loss: float
    sequences: int
    length: int

    def __post_init__(self) -> None:
        assert self.scores.ndim == 3, self.scores.shape
        assert len(self.scores) == len(SCORES), self.scores.shape
        assert self.chance.shape == (len(ROLES), *self.scores.shape[1:]), self.chance.shape
        assert self.errors.shape == self.scores.shape[1:], self.errors.shape


@dataclass(frozen=True, eq=False)
class CellRecord:
    """What the cells of one sequence's attention maps are computed from.

    Attributes:
        query: q_t of each head, `key` and `value` likewise; turned, where positions are rotary.
        weights: as the model has them; rows sum to 1.
        slopes: of ALiBi for each head (0: none).
        places: the position that each token is given: its own, unless they are shuffled.
        silent: the heads that are off: what they read is replaced by zeros.
        positions: the scheme, one of `config.POSITIONS`.
        tokens: what the model read, as labels.
        layer: the first that the arrays have, from 0: of long sequences in many heads they have a single one.
        head: likewise.
    """

    query: Float[np.ndarray, "L H T K"]
    key: Float[np.ndarray, "L H T K"]
    value: Float[np.ndarray, "L H T K"]
    weights: Float[np.ndarray, "L H T T"]
    slopes: Float[np.ndarray, " H"]
    places: Int[np.ndarray, " T"]
    silent: Bool[np.ndarray, "L H"]
    positions: str
    tokens: tuple[str, ...]
    layer: int = 0
    head: int = 0

    def __post_init__(self) -> None:
        L, H, T, _ = self.query.shape
        assert self.places.shape == (T,), self.places.shape
        assert self.silent.shape == (L, H), self.silent.shape
        assert self.key.shape == self.value.shape == self.query.shape, (self.key.shape, self.value.shape)
        assert self.weights.shape == (L, H, T, T), self.weights.shape
        assert self.slopes.shape == (H,), self.slopes.shape
        assert len(self.tokens) == T, len(self.tokens)


@dataclass(frozen=True, eq=False)
class LayersRecord:
    """What the model would say after each layer (the logit lens), and where its attention comes from (rollout).

    Attributes:
        losses: [l, t], of what the residual stream says at t, l = 0 after the embedding, l after layer l; NaN
            where nobody knows what is right.
        certainty: probability of the likeliest token there (token tasks; else of shape (0, 0)).
        guesses: that token, or the number, row by row: (L + 1) T labels.
        counted: the positions that count in the loss.
        targets: what it should say, as labels.
        tokens: what the model read, as labels.
        rollout: [t, s], how much of token s is in position t after all layers; rows sum to 1.
        last: the attention of the last layer, the mean over its heads that are on; zeros where all are off.
    """

    losses: Float[np.ndarray, "layers T"]
    certainty: Float[np.ndarray, "rows columns"]
    guesses: tuple[str, ...]
    counted: Bool[np.ndarray, " T"]
    targets: tuple[str, ...]
    tokens: tuple[str, ...]
    rollout: Float[np.ndarray, "T T"]
    last: Float[np.ndarray, "T T"]

    def __post_init__(self) -> None:
        rows, T = self.losses.shape
        assert self.certainty.shape in ((0, 0), (rows, T)), self.certainty.shape
        assert len(self.guesses) == rows * T, (len(self.guesses), rows, T)
        assert len(self.targets) == len(self.tokens) == T, (len(self.targets), len(self.tokens))
        assert self.counted.shape == (T,), self.counted.shape
        assert self.rollout.shape == self.last.shape == (T, T), (self.rollout.shape, self.last.shape)


@dataclass(frozen=True, eq=False)
class ReachRecord:
    """How much of the last loss arrives at the state of each time step.

    Attributes:
        norms: mean over the sequences of ||dL*/ds_t||_2 in the top layer, L* being the loss at the last
            position that counts, s = h, of an LSTM (h, c); for a Transformer the residual stream that
            enters the first block. Zero after that position.
        last: the position of L*.
    """

    norms: Float[np.ndarray, " T"]
    last: int

    def __post_init__(self) -> None:
        assert self.norms.ndim == 1, self.norms.shape
        assert 0 <= self.last < len(self.norms), self.last


@dataclass(frozen=True, eq=False)
class BeyondRecord:
    """How well a Transformer reads windows longer than those it was trained on, and where its heads look there.

    Attributes:
        kind: the encoding, one of `config.POSITIONS`.
        trained: T, the length it was trained at.
        lengths: T, 2T, 4T, 8T.
        loss: nats per character over the last quarter of windows of each length, on validation text; NaN
            where it can't read them.
        error: standard error of that (see `lenses.beyond.standard_error`); NaN where the text has too few blocks.
        blocks: stretches of text, none within another, that the error rests on; of each length.
        why: of each length, why there is no number; "" where there is one.
        windows: how many of each length.
        places: of the longest windows that it reads, the middle of each stretch of positions, from 0.
        course: nats per character in each of these stretches.
        distances: from a query to a key, in tokens.
        attention: mean weight on the key that far back, for the queries of the last quarter, over all blocks and
            heads; at length T and at the longest. NaN where no query has such a key, or there is no block.
        looked: mean distance of the weight in both, in tokens.
        kernel: what the encoding alone makes of that distance (see `lenses.beyond.kernel`); NaN where it has nothing.
    """

    kind: str
    trained: int
    lengths: Int[np.ndarray, " F"]
    loss: Float[np.ndarray, " F"]
    error: Float[np.ndarray, " F"]
    blocks: Int[np.ndarray, " F"]
    why: tuple[str, ...]
    windows: Int[np.ndarray, " F"]
    places: Float[np.ndarray, " P"]
    course: Float[np.ndarray, " P"]
    distances: Int[np.ndarray, " Q"]
    attention: Float[np.ndarray, "ends Q"]
    looked: Float[np.ndarray, " ends"]
    kernel: Float[np.ndarray, " Q"]

    def __post_init__(self) -> None:
        F = len(self.why)
        for each in (self.lengths, self.loss, self.error, self.blocks, self.windows):
            assert each.shape == (F,), (each.shape, F)
        assert self.places.shape == self.course.shape, (self.places.shape, self.course.shape)
        Q = len(self.distances)
        assert self.attention.shape == (2, Q), (self.attention.shape, Q)
        assert self.kernel.shape == (Q,), (self.kernel.shape, Q)
        assert self.looked.shape == (2,), self.looked.shape


@dataclass(frozen=True, eq=False)
class SurgeryRecord:
    """One sequence read by the same weights untouched and operated, and what each unit or head is worth.

    Attributes:
        surgery: what was done (see `explainer.surgery`); "" for nothing.
        loss: mean over `sequences` sequences, untouched; `operated_loss`: operated.
        loss_error: standard error of `loss`; `operated_error`: of the difference of the two, on the same sequences;
            `ratio_error`: of their ratio (see `theory.paired`). NaN for one sequence.
        sequences: how many these are. None of them is among the `screened` ones, unless it is the viewer's own.
        effects: the mean loss without each unit or head, less that with all, over `screened` sequences.
        errors: their standard errors.
        screened: how many these sequences are.
        layers: of the units or heads, from 0; `places`: their number in the layer, from 0.
        extremes: which of them have the largest and the smallest effect (none: there is nothing to switch off).
        checked: these two effects over the `sequences` that did not choose them; `checked_errors`: theirs.
        outputs: untouched and operated, of the first sequence: the probability of the right token
            (token tasks) or the number said, in the units of the data.
        losses: the same two, at each position. These, the probability and `target` are NaN where nobody
            knows what is right.
        moved: how far the output moved: |difference|, or half the sum of |p - q| over the tokens.
        target: the number that should be said (number tasks).
        guesses: the likeliest token untouched; `operated_guesses`: operated (token tasks).
        donor: of a swapped memory, what was read instead, as labels.
        tokens: what the model read; `targets`: what should come out, as labels.
        mask: the positions that count in the loss.
        filled: the positions whose target was filled in, not measured; empty where none was.
    """

    surgery: str
    loss: float
    operated_loss: float
    loss_error: float
    operated_error: float
    ratio_error: float
    sequences: int
    effects: Float[np.ndarray, " K"]
    errors: Float[np.ndarray, " K"]
    screened: int
    layers: Int[np.ndarray, " K"]
    places: Int[np.ndarray, " K"]
    extremes: Int[np.ndarray, " ends"]
    checked: Float[np.ndarray, " ends"]
    checked_errors: Float[np.ndarray, " ends"]
    outputs: Float[np.ndarray, "2 T"]
    losses: Float[np.ndarray, "2 T"]
    moved: Float[np.ndarray, " T"]
    target: Float[np.ndarray, " numbers"]
    guesses: tuple[str, ...]
    operated_guesses: tuple[str, ...]
    donor: tuple[str, ...]
    tokens: tuple[str, ...]
    targets: tuple[str, ...]
    mask: Bool[np.ndarray, " T"]
    filled: Bool[np.ndarray, " positions"] = field(default_factory=lambda: np.zeros(0, bool))

    def __post_init__(self) -> None:
        T = len(self.tokens)
        assert self.filled.shape in ((0,), (T,)), self.filled.shape
        assert self.outputs.shape == self.losses.shape == (2, T), (self.outputs.shape, self.losses.shape)
        assert self.moved.shape == self.mask.shape == (T,), (self.moved.shape, self.mask.shape)
        assert len(self.targets) == T, len(self.targets)
        for each in (self.errors, self.layers, self.places):
            assert each.shape == self.effects.shape, (each.shape, self.effects.shape)
        assert self.extremes.shape == ((2,) if self.effects.size else (0,)), self.extremes.shape
        assert self.checked.shape == self.checked_errors.shape == self.extremes.shape, self.checked.shape
        assert len(self.guesses) == len(self.operated_guesses), (len(self.guesses), len(self.operated_guesses))
        assert (len(self.guesses), self.target.shape) in ((T, (0,)), (0, (T,))), (len(self.guesses), self.target.shape)


RECORDS: dict[str, type] = {
    "hidden": HiddenRecord,
    "gradients": GradientRecord,
    "attention": AttentionRecord,
    "positions": PositionsRecord,
    "gates": GatesRecord,
    "microscope": MicroscopeRecord,
    "jacobian": JacobianRecord,
    "fixed_points": FixedPointsRecord,
    "pattern": PatternRecord,
    "biography": BiographyRecord,
    "cell": CellRecord,
    "layers": LayersRecord,
    "reach": ReachRecord,
    "beyond": BeyondRecord,
    "surgery": SurgeryRecord,
}
"""The record of each lens."""


def to_arrays(record: object) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """A record as named arrays (numbers become arrays of no dimension) and named JSON texts."""
    arrays: dict[str, np.ndarray] = {}
    text: dict[str, str] = {}
    for item in fields(record):  # type: ignore[arg-type]
        value = getattr(record, item.name)
        if isinstance(value, (str, tuple)):
            text[item.name] = json.dumps(value)
        else:
            arrays[item.name] = np.asarray(value)
    return arrays, text


def from_arrays(cls: type[Record], arrays: Mapping[str, np.ndarray], text: Mapping[str, str]) -> Record:
    """The inverse of `to_arrays`; entries that are not fields of `cls` are ignored.

    Raises:
        KeyError: a field without a default is missing.
        TypeError: a field is of another type, or has another number of dimensions.
        AssertionError: the shapes contradict each other.
    """
    values: dict[str, object] = {}
    for item in fields(cls):  # type: ignore[arg-type]
        if item.name in text:
            value = json.loads(text[item.name])
            values[item.name] = tuple(value) if isinstance(value, list) else value
        elif item.name not in arrays and (item.default, item.default_factory) != (MISSING, MISSING):
            continue
        elif item.type in ("int", "float"):
            values[item.name] = arrays[item.name].item()
        else:
            values[item.name] = arrays[item.name]
        _check(item.name, str(item.type), values[item.name])
    return cls(**values)


def _check(name: str, declared: str, value: object) -> None:
    """Whether a value is what a record's field is declared as, such as `Float[np.ndarray, "L T"]` or `tuple[str, ...]`.

    Raises:
        TypeError: it is not.
    """
    kind, _, shape = declared.partition("[")
    if isinstance(value, np.ndarray):
        dimensions = shape.rpartition(", ")[2].strip("\"']").split()
        fits = value.dtype.kind in DTYPES.get(kind, "") and value.ndim == len(dimensions)
    elif kind == "tuple":
        fits = isinstance(value, tuple) and all(isinstance(each, str) for each in value)
    else:
        fits = type(value).__name__ in (("int", "float") if kind == "float" else (kind,))
    if not fits:
        raise TypeError(f"{name} is not {declared}")
