// The moments of a bar, and where they stand on it.

/** Whether the moments of a bar lie equally far apart, but for the last one. */
export function isEven(times) {
  const gap = times[1] - times[0];
  return times.slice(1, -1).every((step, at) => step - times[at] === gap);
}

/** Where a step stands on a bar that goes from moment to moment, from 0 to 1. */
function placeOf(step, times) {
  const after = Math.max(1, times.findIndex((each) => each >= step));
  const [from, to] = [times[after - 1], times[after]];
  return (after - 1 + (step - from) / (to - from)) / (times.length - 1);
}

/** The steps that are written under a bar: both ends, then 1, 10, 100 …, then 5 and 2 times these, where there is room. */
export function named(times, share) {
  const [first, last] = [times[0], times.at(-1)];
  const powers = Array.from({ length: 8 }, (_, at) => 10 ** at);
  const wanted = [first, last, ...powers, ...powers.flatMap((power) => [5 * power, 2 * power])];
  const found = [];
  for (const step of new Set(wanted.filter((each) => each >= first && each <= last))) {
    const [at, half] = [placeOf(step, times), share(step) / 2 + share("0") / 2];
    if (found.every((other) => Math.abs(other.at - at) > other.half + half)) found.push({ step, at, half });
  }
  return found;
}
