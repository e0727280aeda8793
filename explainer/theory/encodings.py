"""How a Transformer can know the order of its tokens, as closed forms.

Each scheme in its paper's own terms:

    sinusoidal  a table added to the embeddings    Vaswani et al. 2017, section 3.5
    rotary      query and key pairs are turned     Su et al. 2021, section 3.2
    ALiBi       a penalty on far keys              Press et al. 2022, section 3

Positions p count from 0. Frequencies are omega_i = base^(-2i/D), i = 0 ... D/2-1, in radians
per token. Everything is float64.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Real

BUGS: dict[str, str] = {
    "double_step": "the exponent doubles an index that already steps by two",
    "other_exponent": "the same, and the cosine has another exponent than its sine",
}
"""Names of the mistakes that `sinusoidal_bug` makes, and what each is."""


def sinusoidal(T: int, D: int, base: float = 10_000.0) -> Float[np.ndarray, "T D"]:
    """PE[p, 2i] = sin(p omega_i), PE[p, 2i+1] = cos(p omega_i): one frequency for both of a pair.

    Raises:
        ValueError: D is odd, or base is not above 1.
    """
    return _table(T, *_frequencies(D, base))


def sinusoidal_bug(T: int, D: int, base: float = 10_000.0, kind: str = "other_exponent") -> Float[np.ndarray, "T D"]:
    """The table as many tutorials compute it: right to the eye, wrong in its numbers.

    Both loop `for i in range(0, D, 2)` and then write the paper's 2i with that i:

        double_step      sin(p / base^(2i/D)), cos(p / base^(2i/D))
        other_exponent   sin(p / base^(2i/D)), cos(p / base^(2(i+1)/D))

    The first keeps the dot product a function of the offset, but its longest wavelength is
    about 2 pi base^2: nearly half of the columns hardly move. The second breaks the offset too.

    Raises:
        ValueError: D is odd, base is not above 1, or kind is not one of `BUGS`.
    """
    return _table(T, *_frequencies(D, base, kind))


def wavelengths(D: int, base: float = 10_000.0, kind: str | None = None) -> Float[np.ndarray, " D"]:
    """2 pi / omega of each column, in tokens: from 2 pi up to nearly 2 pi base.

    Args:
        D: width of the table.
        base: of the frequencies.
        kind: a bug of `sinusoidal_bug`; None, the right table.
    """
    sines, cosines = _frequencies(D, base, kind)
    return 2 * np.pi / np.stack([sines, cosines], axis=1).reshape(D)


def dot_kernel(table: Float[np.ndarray, "T D"], *, normalised: bool = False) -> Float[np.ndarray, "T T"]:
    """G[m, n] = <PE(m), PE(n)>; normalised, the cosine of the angle between them (0 for a zero row)."""
    table = np.asarray(table, dtype=np.float64)
    if normalised:
        norms = np.linalg.norm(table, axis=1, keepdims=True)
        table = np.divide(table, norms, out=np.zeros_like(table), where=norms > 0)
    return table @ table.T


def offset_error(table: Float[np.ndarray, "T D"]) -> float:
    """max |G[m, n] - G[0, |m-n|]|: how far the dot product is from a function of the offset alone."""
    G = dot_kernel(table)
    position = np.arange(len(G))
    return float(np.abs(G - G[0, np.abs(position[:, None] - position)]).max())


def still_share(table: Float[np.ndarray, "T D"], threshold: float = 1e-3) -> float:
    """Share of the columns whose standard deviation over the positions is below `threshold`."""
    return float((np.std(table, axis=0) < threshold).mean())


def rotary_angles(T: int, K: int, base: float = 10_000.0) -> Float[np.ndarray, "T pairs"]:
    """p omega_i in radians: by how much position p turns pair i of a head of size K."""
    return np.arange(T)[:, None] * _frequencies(K, base)[0]


def rotate(
    x: Float[np.ndarray, "T K"], positions: Real[np.ndarray, " T"], base: float = 10_000.0
) -> Float[np.ndarray, "T K"]:
    """R_p x: each pair (x_2i, x_2i+1) turned by p omega_i. <R_m q, R_n k> depends on m-n only."""
    T, K = x.shape
    angles = np.asarray(positions, dtype=np.float64)[:, None] * _frequencies(K, base)[0]
    turned = (x[:, 0::2] + 1j * x[:, 1::2]) * np.exp(1j * angles)
    return np.stack([turned.real, turned.imag], axis=2).reshape(T, K)


def rotary_kernel(T: int, K: int, base: float = 10_000.0) -> Float[np.ndarray, " T"]:
    """(2/K) sum_i cos(d omega_i) for d = 0 ... T-1: cosine of a vector of equal pairs with itself, d tokens on."""
    return np.cos(rotary_angles(T, K, base)).mean(axis=1)


def rotary_scores(
    q: Float[np.ndarray, " K"], k: Float[np.ndarray, " K"], T: int, base: float = 10_000.0
) -> Float[np.ndarray, "T T"]:
    """S[m, n] = <R_m q, R_n k>: one query and one key at all positions."""
    positions = np.arange(T)
    at = np.ones((T, 1))
    return rotate(at * q, positions, base) @ rotate(at * k, positions, base).T


def alibi_slopes(H: int) -> Float[np.ndarray, " H"]:
    """2^(-8h/H), h = 1 ... H, when H is a power of two.

    Otherwise those of the next lower power of two, and then every other one of twice as many
    (the rule of the authors' code).

    Raises:
        ValueError: H is below 1.
    """
    if H < 1:
        raise ValueError(f"H = {H} heads: choose at least 1.")
    lower = 1 << (H.bit_length() - 1)
    slopes = 2.0 ** (-8 * np.arange(1, lower + 1) / lower)
    between = 2.0 ** (-8 * np.arange(1, 2 * lower + 1, 2) / (2 * lower))
    return np.concatenate([slopes, between[: H - lower]])


def alibi_bias(H: int, T: int) -> Float[np.ndarray, "H T T"]:
    """-slope_h (i - j), added to the score of query i and key j <= i; -inf for the future, j > i."""
    distance = np.arange(T)[:, None] - np.arange(T)
    return np.where(distance < 0, -np.inf, -alibi_slopes(H)[:, None, None] * distance)


def alibi_weights(slope: float, T: int) -> Float[np.ndarray, "T T"]:
    """Attention of one head when every key scores the same: softmax over j <= i of -slope (i - j)."""
    distance = np.arange(T)[:, None] - np.arange(T)
    weights = np.where(distance < 0, 0.0, np.exp(-slope * np.maximum(distance, 0)))
    return weights / weights.sum(axis=1, keepdims=True)


def offset_range(
    scores: Float[np.ndarray, "T T"],
) -> tuple[Float[np.ndarray, " offsets"], Float[np.ndarray, " offsets"], Float[np.ndarray, " offsets"]]:
    """Least, mean and largest of scores[m, n] at each offset m - n = -(T-1) ... T-1.

    Where the score is a function of the offset alone, the three are equal.
    """
    T = len(scores)
    if T == 0:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    position = np.arange(T)
    column = position[:, None] - position + T - 1
    low, high = np.full((T, 2 * T - 1), np.inf), np.full((T, 2 * T - 1), -np.inf)
    np.put_along_axis(low, column, scores, axis=1)
    np.put_along_axis(high, column, scores, axis=1)
    mean = np.bincount(column.ravel(), np.asarray(scores, dtype=np.float64).ravel()) / np.bincount(column.ravel())
    return low.min(axis=0), mean, high.max(axis=0)


def _frequencies(
    D: int, base: float, kind: str | None = None
) -> tuple[Float[np.ndarray, " pairs"], Float[np.ndarray, " pairs"]]:
    """omega of the sines and of the cosines."""
    if D < 2 or D % 2:
        raise ValueError(f"A width of {D} does not make pairs of sine and cosine. Choose an even width.")
    if not base > 1:
        raise ValueError(f"base = {base!r} must be above 1.")
    if kind is None:
        sine = cosine = np.arange(0, D, 2)
    elif kind == "double_step":
        sine = cosine = 2 * np.arange(0, D, 2)
    elif kind == "other_exponent":
        sine = 2 * np.arange(0, D, 2)
        cosine = sine + 2
    else:
        raise ValueError(f"kind = {kind!r} is not a known bug. Choose one of: {', '.join(BUGS)}.")
    return base ** (-sine / D), base ** (-cosine / D)


def _table(
    T: int, sines: Float[np.ndarray, " pairs"], cosines: Float[np.ndarray, " pairs"]
) -> Float[np.ndarray, "T D"]:
    position = np.arange(T)[:, None]
    return np.stack([np.sin(position * sines), np.cos(position * cosines)], axis=2).reshape(T, 2 * len(sines))
