// The report's two kinds of plots: maps over both thresholds, and DET curves.
"use strict";

// What every pair of `levels` makes of a word: misses (share, utterances by `weights`) and false accepts an hour, in
// [stage 1][stage 2] order.
wakeword.grid = (sweep, levels, weights) => {
  const misses = [], falsely = [];
  for (const one of levels) {
    const rows = sweep.rows(one), missed = [], wrong = [];
    for (const two of levels) {
      const heard = new Uint8Array(sweep.said);
      let found = 0, accepts = 0; // found: a share
      for (const row of sweep.wakes(rows, two)) {
        const owner = sweep.owner[row];
        if (owner === -1) accepts++;
        else if (owner >= 0 && !heard[owner]) { heard[owner] = 1; found += weights[owner]; }
      }
      missed.push(Math.max(0, 1 - found));
      wrong.push(sweep.hours ? accepts / sweep.hours : 0);
    }
    misses.push(missed);
    falsely.push(wrong);
  }
  return { levels, misses, falsely };
};

// The pair with the fewest misses among those with at most `most` false accepts an hour; the strictest of equals.
wakeword.fewest = (grid, most) => {
  let best = null;
  grid.levels.forEach((one, x) => grid.levels.forEach((two, y) => {
    if (grid.falsely[x][y] > most) return;
    const missed = grid.misses[x][y], sum = one + two;
    if (!best || missed < best.missed || (missed === best.missed && sum > best.sum)) best = { one, two, missed, sum };
  }));
  return best;
};

// A map of `values` over both thresholds. `share(value)` in [0, 1] is its colour; `choose(one, two)` is called on a click.
wakeword.thresholdMap = (place, grid, values, given) => {
  const { element, colour, heat } = wakeword, { levels } = grid, step = levels[1] - levels[0];
  const low = levels[0] - step / 2, high = levels.at(-1) + step / 2;
  const holder = element("div", { class: "plot", role: "img", "aria-label": given.title });
  const reading = element("div", { class: "small soft", text: " " });
  place.append(element("div", { class: "plot-title", text: given.title }), holder, wakeword.colourScale(given), reading);
  const image = element("canvas", { width: levels.length, height: levels.length });
  const context = image.getContext("2d"), cells = context.createImageData(levels.length, levels.length);
  values.forEach((column, x) => column.forEach((value, y) => {
    const [red, green, blue] = heat[Math.round(255 * Math.min(1, Math.max(0, given.share(value))))];
    cells.data.set([red, green, blue, 255], 4 * ((levels.length - 1 - y) * levels.length + x));
  }));
  context.putImageData(cells, 0, 0);
  const cross = (plot, one, two, stroke, filled) => {
    const { ctx } = plot, x = plot.valToPos(one, "x", true), y = plot.valToPos(two, "y", true), size = 7 * devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.arc(x, y, size, 0, 7);
    ctx.lineWidth = 2.5 * devicePixelRatio;
    ctx.strokeStyle = "#000";
    ctx.stroke();
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.strokeStyle = stroke;
    ctx.stroke();
    if (filled) { ctx.fillStyle = stroke; ctx.fill(); }
    ctx.restore();
  };
  const border = (plot) => { // where false accepts an hour pass the limit
    const { ctx } = plot;
    ctx.save();
    ctx.strokeStyle = "#fff";
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.beginPath();
    levels.forEach((one, x) => {
      const y = grid.falsely[x].findIndex((value) => value <= given.limit());
      const at = plot.valToPos(y < 0 ? high : levels[y] - step / 2, "y", true);
      ctx.lineTo(plot.valToPos(one - step / 2, "x", true), at);
      ctx.lineTo(plot.valToPos(one + step / 2, "x", true), at);
    });
    ctx.stroke();
    ctx.restore();
  };
  const width = () => Math.max(240, holder.clientWidth);
  const plot = new uPlot({
    width: width(), height: 320, legend: { show: false }, padding: [8, 8, 0, 0],
    cursor: { drag: { x: false, y: false }, points: { show: false } },
    scales: { x: { time: false, range: [low, high] }, y: { range: [low, high] } }, series: [{}, {}],
    axes: [wakeword.axis({ label: "threshold of stage 1", labelSize: 20, size: 34, labelFont: "13px system-ui", grid: { show: false } }),
      wakeword.axis({ label: "threshold of stage 2", labelSize: 20, size: 46, labelFont: "13px system-ui", grid: { show: false } })],
    hooks: {
      drawClear: [({ ctx, bbox }) => {
        ctx.imageSmoothingEnabled = false;
        ctx.drawImage(image, bbox.left, bbox.top, bbox.width, bbox.height);
      }],
      draw: [(drawn) => {
        border(drawn);
        const [one, two] = given.chosen();
        cross(drawn, given.ran[0], given.ran[1], "#ffffff", false);
        cross(drawn, one, two, "#7fe0ff", true);
      }],
      setCursor: [(drawn) => {
        const x = Math.round((drawn.posToVal(drawn.cursor.left, "x") - levels[0]) / step);
        const y = Math.round((drawn.posToVal(drawn.cursor.top, "y") - levels[0]) / step);
        const inside = drawn.cursor.left >= 0 && x in levels && y in levels;
        reading.textContent = inside ? `stage 1 ${levels[x].toFixed(2)}, stage 2 ${levels[y].toFixed(2)}: misses `
          + `${(100 * grid.misses[x][y]).toFixed(1)} %, false accepts ${grid.falsely[x][y].toFixed(2)} an hour` : " ";
      }],
    },
  }, [[low, high], [null, null]], holder);
  plot.over.addEventListener("click", (event) => {
    const inside = (value) => Math.min(1, Math.max(levels[0], Math.round(value * 100) / 100));
    given.choose(inside(plot.posToVal(event.offsetX, "x")), inside(plot.posToVal(event.offsetY, "y")));
  });
  const fit = new ResizeObserver(() => plot.width !== width() && plot.setSize({ width: width(), height: 320 }));
  fit.observe(holder);
  return { redraw: () => plot.redraw(false), close: () => { fit.disconnect(); plot.destroy(); } };
};

wakeword.colourScale = (given) => {
  const canvas = wakeword.element("canvas", { width: 256, height: 1, "aria-hidden": "true" });
  const context = canvas.getContext("2d"), image = context.createImageData(256, 1);
  wakeword.heat.forEach(([red, green, blue], at) => image.data.set([red, green, blue, 255], 4 * at));
  context.putImageData(image, 0, 0);
  return wakeword.element("div", { class: "scale" }, wakeword.element("span", { text: given.least }), canvas,
    wakeword.element("span", { text: given.most }));
};

// DET curves: [name, colour, [[false accepts an hour, share of misses], ...], dash]; `point()` is the chosen pair.
wakeword.detPlot = (place, given) => {
  const { element, colour, probit } = wakeword;
  const holder = element("div", { class: "plot", role: "img", "aria-label": "DET curves: misses against false accepts an hour" });
  place.append(holder);
  const least = given.leastPerHour, bend = (share) => probit(Math.min(0.995, Math.max(0.0005, share)));
  const sorted = (points) => {
    const best = new Map();
    for (const [x, y] of points) {
      const at = Math.max(x, least);
      best.set(at, Math.min(y, best.get(at) ?? 1));
    }
    const xs = [...best.keys()].sort((a, b) => a - b);
    return [xs, xs.map((x) => bend(best.get(x)))];
  };
  const data = () => uPlot.join(given.curves().map(([, , points]) => sorted(points.length ? points : [[1, 1]])));
  const ticks = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95];
  const width = () => Math.max(240, holder.clientWidth), first = data();
  const shares = first.slice(1).flatMap((curve) => curve.filter((value) => value != null));
  const range = [Math.min(...shares, bend(0.05)) - 0.15, Math.min(bend(0.99), Math.max(...shares, bend(0.2)) + 0.15)];
  const most = Math.max(1, ...first[0]);
  const share = (value) => {
    if (value == null) return "–";
    let low = 0.0004, high = 0.996;
    for (let turn = 0; turn < 40; turn++) if (probit((low + high) / 2) < value) low = (low + high) / 2; else high = (low + high) / 2;
    return `${(100 * low).toFixed(1)} %`;
  };
  const plot = new uPlot({
    width: width(), height: 340, padding: [8, 12, 0, 0], legend: { show: true, live: true },
    cursor: { drag: { x: false, y: false }, y: false },
    scales: { x: { time: false, distr: 3, range: [least * 0.8, most * 1.2] }, y: { range } },
    series: [{ label: "false accepts an hour", value: (_, at) => (at == null ? "–" : at < least * 1.001 ? `under ${at.toPrecision(2)}` : at.toPrecision(3)) },
      ...given.curves().map(([label, stroke, , dash]) => ({ label, stroke: colour(stroke), width: 2, dash, spanGaps: true,
        points: { show: false }, value: (_, value) => share(value) }))],
    axes: [wakeword.axis({ label: "false accepts an hour", labelSize: 20, size: 34, labelFont: "13px system-ui",
      values: (_, values) => values.map((value) => (value == null ? "" : String(+value.toPrecision(2)))) }),
    wakeword.axis({ label: "misses", labelSize: 20, size: 46, labelFont: "13px system-ui",
      splits: () => ticks.map(bend).filter((at) => at > range[0] && at < range[1]),
      values: (_, values) => values.map((value) => `${+(100 * ticks[ticks.map(bend).indexOf(value)]).toPrecision(2)} %`) })],
    hooks: { draw: [(drawn) => {
      const [x, y] = given.point(), { ctx } = drawn;
      ctx.save();
      ctx.fillStyle = colour("mark");
      ctx.beginPath();
      ctx.arc(drawn.valToPos(Math.max(x, least), "x", true), drawn.valToPos(bend(y), "y", true), 6 * devicePixelRatio, 0, 7);
      ctx.fill();
      ctx.restore();
    }] },
  }, first, holder);
  const fit = new ResizeObserver(() => plot.width !== width() && plot.setSize({ width: width(), height: 340 }));
  fit.observe(holder);
  return { update: () => plot.setData(data()), close: () => { fit.disconnect(); plot.destroy(); } };
};
