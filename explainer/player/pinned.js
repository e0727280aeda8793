// What is said of a comparison: which moment, or which run, is taken from which; in the titles, the sentences and when hovering.

/**
 * The two sides of a comparison in words: the one shown, and the one that it is compared with.
 *
 * `reference` has the compared `step` (null: the same as here), `names` the two runs' names, null where both are of one run.
 */
function sidesOf(reference, step, names) {
  const moments = [`step ${step}`, `step ${reference.step ?? step}`];
  if (!names) return moments;
  if (reference.step == null || reference.step === step) return names;
  return names.map((name, at) => `${name}, ${moments[at]}`);
}

/** A panel's title where its table is a difference, or where it is one of two beside each other. */
function comparedTitle({ title, side }, [here, there], minus) {
  if (side) return `${title}: ${side === "there" ? there : here}`;
  return minus ? `${title}: ${here} minus ${there}` : title;
}

/** What a figure shows of a comparison (see `against`), as sentences before that of the side shown. */
function comparedWords({ tables, behind }, [here, there]) {
  const said = tables.map(({ low, high, sizes }) => {
    if (sizes) return `Not compared: the table of ${there} is ${sizes[1]}, that of ${here} ${sizes[0]}.`;
    if (low === undefined) return `${capital(here)} minus ${there}: no cell is a number in both.`;
    return `The colours are the difference, ${here} minus ${there}, from ${low.toPrecision(2)} to ${high.toPrecision(2)}: orange where ${here} is higher.`;
  });
  if (behind) said.push(`Faint: ${there}.`);
  return said.join(" ");
}

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}
