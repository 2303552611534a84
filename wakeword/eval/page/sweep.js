// One word of a run at any pair of thresholds: the same decisions as wakeword/eval/joint.py, the same bounds as
// wakeword/eval/bounds.py. tests/eval/test_report.py compares both at drawn thresholds.
"use strict";
wakeword.Sweep = class {
  // `form`: columns of rows by recording and time, and of utterances; `files`: columns of all recordings.
  constructor(form, files) {
    Object.assign(this, form);
    this.files = files;
    this.count = form.file.length;
    this.said = form.utterance_file.length;
    this.hours = files.hours.reduce((sum, hours, at) => sum + (files.negative[at] ? hours : 0), 0);
  }

  // Rows that threshold `one` of stage 1 makes, if nothing wakes.
  rows(one) {
    const found = [];
    for (let row = 0; row < this.count; row++) if (this.above[row] < one && one <= this.upto[row]) found.push(row);
    return found;
  }

  // Of `rows`, those that wake at threshold `two` of stage 2, each after the rest of the one before in its recording.
  wakes(rows, two) {
    const woken = [];
    let file = -1, deaf = 0;
    for (const row of rows) {
      if (this.stage2[row] < two || (this.file[row] === file && this.decided_ms[row] <= deaf)) continue;
      woken.push(row);
      file = this.file[row];
      deaf = this.rest_ms[row];
    }
    return woken;
  }

  // Weights of utterances that make each condition weigh the same, and all that `counts` together 1 (tune.py).
  weights(counts = () => true) {
    const group = this.groups.find(({ name }) => name === "condition"), sums = new Map();
    const of = (number) => (group ? group.of[number] : 0);
    for (let number = 0; number < this.said; number++) if (counts(number)) sums.set(of(number), (sums.get(of(number)) ?? 0) + 1);
    return Float64Array.from({ length: this.said }, (_, number) => (counts(number) ? 1 / (sums.size * sums.get(of(number))) : 0));
  }

  // All that can be said at both thresholds. `counts(utterance)` tells which utterances are meant (default: all).
  at(one, two, counts = () => true) {
    const rows = this.rows(one), woken = this.wakes(rows, two);
    const owned = (list) => {
      const found = new Uint8Array(this.said);
      for (const row of list) if (this.owner[row] >= 0) found[this.owner[row]] = 1;
      return found;
    };
    const heard = owned(woken), asked = owned(rows);
    const missed = [];
    let utterances = 0, unasked = 0;
    for (let number = 0; number < this.said; number++) {
      if (!counts(number)) continue;
      utterances++;
      if (!heard[number]) missed.push(number);
      if (!asked[number]) unasked++;
    }
    const falsely = woken.filter((row) => this.owner[row] === -1);
    const candidates = rows.reduce((sum, row) => sum + (this.owner[row] === -1), 0);
    return { heard, asked, utterances, missed, unasked, falsely, candidates };
  }
};

// Wilson's interval of a share at 95 %: [low, high].
wakeword.wilson = (count, of) => {
  if (!of) return [0, 1];
  const z = 1.959963984540054, share = count / of, weight = (z * z) / of;
  const middle = (share + weight / 2) / (1 + weight);
  const half = (z / (1 + weight)) * Math.sqrt((share * (1 - share)) / of + weight / (4 * of));
  return [count ? Math.max(0, middle - half) : 0, count < of ? Math.min(1, middle + half) : 1];
};

// Exact bounds of a Poisson mean at 95 % (Garwood): [low, high] for a count.
wakeword.poisson = (() => {
  const logs = [0];
  const logFactorial = (number) => {
    for (let next = logs.length; next <= number; next++) logs.push(logs[next - 1] + Math.log(next));
    return logs[number];
  };
  const tail = (first, mean, step) => {
    let term = Math.exp(first * Math.log(mean) - mean - logFactorial(first)), total = 0;
    for (let number = first; term > total * 1e-17 && number >= 0; number += step) {
      total += term;
      term *= step > 0 ? mean / (number + 1) : number / mean;
    }
    return total;
  };
  const atMost = (count, mean) => {
    if (count < 0 || mean <= 0) return count < 0 ? 0 : 1;
    return count >= mean ? 1 - tail(count + 1, mean, 1) : tail(count, mean, -1);
  };
  const solve = (above, start) => {
    let low = 0, high = start;
    while (!above(high)) high *= 2;
    while (high - low > 1e-12 * high) {
      const middle = (low + high) / 2;
      if (above(middle)) high = middle; else low = middle;
    }
    return (low + high) / 2;
  };
  const known = new Map();
  return (count) => {
    if (!known.has(count)) {
      const low = count ? solve((mean) => 1 - atMost(count - 1, mean) > 0.025, count + 1) : 0;
      known.set(count, [low, solve((mean) => atMost(count, mean) < 0.025, count + 1)]);
    }
    return known.get(count);
  };
})();

// The quantile of the normal distribution, for DET axes: Acklam's approximation, relative error below 1.2e-9.
wakeword.probit = (share) => {
  const a = [-39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716,
    2.506628277459239];
  const b = [-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572];
  const c = [-0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968,
    2.938163982698783];
  const d = [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416];
  const polynomial = (terms, at) => terms.reduce((sum, term) => sum * at + term, 0);
  if (share > 0.5) return -wakeword.probit(1 - share);
  if (share < 0.02425) {
    const root = Math.sqrt(-2 * Math.log(share));
    return polynomial(c, root) / (polynomial(d, root) * root + 1);
  }
  const off = share - 0.5, square = off * off;
  return (polynomial(a, square) * off) / (polynomial(b, square) * square + 1);
};
