// Draws a few seconds of a recording: sound, outline, spectrogram, both stages' scores, and what stage 2 looked at.
// What it is given is made by wakeword/eval/clip.py. Text only ever goes in as text, never as markup.
"use strict";
const wakeword = {};

wakeword.element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "text") made.textContent = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
};

// A table from rows of texts; columns named in `numbers` stand at the right.
wakeword.table = (caption, heads, rows, numbers = []) => {
  const { element } = wakeword;
  const place = (index) => (numbers.includes(index) ? "number" : null);
  const cell = (value, index) => (value instanceof Node
    ? element("td", { class: place(index) }, value) : element("td", { class: place(index), text: String(value) }));
  const body = rows.map((row) => element("tr", {}, ...row.map(cell)));
  const head = element("tr", {}, ...heads.map((text, index) => element("th", { scope: "col", class: place(index), text })));
  return element("div", { class: "wide", tabindex: "0", role: "region", "aria-label": caption },
    element("table", {}, element("caption", { text: caption }), element("thead", {}, head), element("tbody", {}, ...body)));
};

wakeword.payload = (id) => JSON.parse(document.getElementById(id).textContent);
wakeword.octets = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
wakeword.colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
wakeword.onTheme = (act) => matchMedia("(prefers-color-scheme: dark)").addEventListener("change", act);

// 256 colours from nothing to loud: matplotlib's "magma" at nine places, straight lines between.
wakeword.heat = (() => {
  const stops = [[0, 0, 4], [28, 16, 68], [79, 18, 123], [129, 37, 129], [181, 54, 122], [229, 80, 100], [251, 135, 97],
    [254, 194, 135], [252, 253, 191]];
  return Array.from({ length: 256 }, (_, level) => {
    const at = (level / 255) * (stops.length - 1), low = Math.min(Math.floor(at), stops.length - 2);
    return stops[low].map((value, part) => Math.round(value + (stops[low + 1][part] - value) * (at - low)));
  });
})();

// A picture of columns x rows bytes (columns one after another, lowest row first) on a canvas of its own.
wakeword.picture = (bytes, rows) => {
  const columns = bytes.length / rows;
  const canvas = wakeword.element("canvas", { width: columns, height: rows });
  const context = canvas.getContext("2d"), image = context.createImageData(columns, rows);
  for (let x = 0; x < columns; x++) {
    for (let y = 0; y < rows; y++) {
      const at = 4 * ((rows - 1 - y) * columns + x), [red, green, blue] = wakeword.heat[bytes[x * rows + y]];
      image.data.set([red, green, blue, 255], at);
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
};

wakeword.axis = (more = {}) => ({
  stroke: wakeword.colour("soft"), font: "12px system-ui, sans-serif", grid: { stroke: wakeword.colour("faint"), width: 1 },
  ticks: { stroke: wakeword.colour("line"), width: 1, size: 4 }, ...more,
});

// Shows `clip` in `place`. `given`: limits [stage 1, stage 2], segment [start, end], word [start, end], voice and rests
// [[start, end], ...], map (or null), name (what it is a picture of). Returns { limits(first, second), close() }.
wakeword.showClip = (place, clip, given) => {
  const { element, colour } = wakeword;
  const wave = new Int8Array(wakeword.octets(clip.wave).buffer);
  const image = wakeword.picture(wakeword.octets(clip.spectrogram), clip.rows);
  const end = clip.start + clip.seconds;
  const audio = element("audio", { controls: true, preload: "metadata", src: clip.audio, "aria-label": `Sound: ${given.name}` });
  const drawn = [], heads = [];
  let limits = given.limits;
  place.append(audio);

  const shade = (plot, spans, fill) => {
    const { ctx, bbox } = plot;
    ctx.fillStyle = fill;
    for (const [from, to] of spans) {
      const left = plot.valToPos(Math.max(from, clip.start), "x", true);
      const right = plot.valToPos(Math.min(to, end), "x", true);
      if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
    }
  };
  const frame = (plot, [from, to], stroke, dash) => {
    const { ctx, bbox } = plot;
    const left = plot.valToPos(Math.max(from, clip.start), "x", true), right = plot.valToPos(Math.min(to, end), "x", true);
    ctx.save();
    ctx.strokeStyle = stroke;
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.setLineDash(dash);
    ctx.strokeRect(left, bbox.top + 1, right - left, bbox.height - 2);
    ctx.restore();
  };
  const marks = (stroke) => (plot) => {
    if (given.segment) frame(plot, given.segment, stroke, []);
    if (given.word) frame(plot, given.word, stroke, [4, 4]);
  };

  const add = (title, description, height, data, options) => {
    const holder = element("div", { class: "plot", role: "img", "aria-label": `${description}: ${given.name}` });
    place.append(element("div", { class: "plot-title", text: title }), holder);
    const width = () => Math.max(240, holder.clientWidth);
    const plot = new uPlot({
      width: width(), height, legend: { show: false }, ...options, padding: [8, 8, 0, 0],
      cursor: { sync: { key: given.key }, drag: { x: false, y: false }, points: { show: !!options.legend }, y: false },
      scales: { x: { time: false, range: [clip.start, end] }, ...options.scales },
      axes: [wakeword.axis({ size: options.times ? 30 : 8, ...options.x,
        values: options.times ? (_, values) => values.map((at) => `${+at.toFixed(2)} s`) : () => [] }),
      wakeword.axis({ size: 52, ...options.y })],
    }, data, holder);
    const head = element("div", { class: "playhead", hidden: true });
    plot.over.append(head);
    plot.over.addEventListener("click", (event) => {
      audio.currentTime = Math.max(0, plot.posToVal(event.offsetX, "x") - clip.start);
    });
    drawn.push({ plot, height, width });
    heads.push({ plot, head });
    return plot;
  };

  const columns = Array.from({ length: wave.length / 2 }, (_, column) => clip.start + (column + 0.5) / clip.columns_s);
  const low = columns.map((_, column) => wave[2 * column] / 127), high = columns.map((_, column) => wave[2 * column + 1] / 127);
  const loudest = Math.max(0.01, ...high, ...low.map((value) => -value));
  add("Sound", "Outline of the sound", 64, [columns, low, high], {
    scales: { y: { range: [-loudest, loudest] } },
    series: [{}, { stroke: colour("soft"), points: { show: false } }, { stroke: colour("soft"), points: { show: false } }],
    bands: [{ series: [2, 1], fill: colour("soft") }],
    y: { values: (_, values) => values.map((value) => (value ? "" : "0")), splits: () => [0] },
    hooks: { drawClear: [(plot) => { shade(plot, given.voice, colour("voice")); shade(plot, given.rests, colour("rest")); }],
      draw: [marks(colour("mark"))] },
  });
  add("Spectrogram", "Spectrogram, 0 to 8 kHz", 170, [[clip.start, end], [null, null]], {
    scales: { y: { range: [0, 8] } }, series: [{}, {}],
    y: { values: (_, values) => values.map((value) => `${value} kHz`), splits: () => [0, 2, 4, 6, 8], grid: { show: false } },
    x: { grid: { show: false } },
    hooks: { drawClear: [({ ctx, bbox }) => ctx.drawImage(image, bbox.left, bbox.top, bbox.width, bbox.height)],
      draw: [marks("#d9c8ff")] },
  });
  if (given.map) {
    add("What stage 2 looked at", "Map of what speaks for and against the word", 150, [[clip.start, end], [null, null]],
      wakeword.mapOptions(given.map));
  }
  const stepped = uPlot.join([clip.stage1, clip.stage2]);
  const line = (plot, value, stroke, offset) => {
    const { ctx, bbox } = plot, at = plot.valToPos(value, "y", true);
    ctx.save();
    ctx.strokeStyle = stroke;
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.setLineDash([6 * devicePixelRatio, 6 * devicePixelRatio]);
    ctx.lineDashOffset = offset * devicePixelRatio; // one's dashes fall between the other's where both are equal
    ctx.beginPath();
    ctx.moveTo(bbox.left, at);
    ctx.lineTo(bbox.left + bbox.width, at);
    ctx.stroke();
    ctx.restore();
  };
  const said = (_, value) => (value == null ? "–" : value.toFixed(2));
  add("Scores, and the thresholds they must reach (dashed)", "Scores of both stages against time", 210, stepped, {
    times: true, legend: { show: true, live: true }, scales: { y: { range: [0, 1.02] } },
    series: [{ label: "time", value: (_, at) => (at == null ? "–" : `${at.toFixed(2)} s`) },
      { label: "stage 1", stroke: colour("one"), width: 2, value: said, points: { show: false } },
      { label: "stage 2, if asked", stroke: colour("two"), width: 2, value: said, points: { show: false } }],
    y: { splits: () => [0, 0.25, 0.5, 0.75, 1], values: (_, values) => values.map((value) => value.toFixed(2)) },
    hooks: { drawClear: [(plot) => shade(plot, given.rests, colour("rest"))],
      draw: [(plot) => { line(plot, limits[0], colour("one"), 0); line(plot, limits[1], colour("two"), 6); marks(colour("mark"))(plot); }] },
  });

  const move = () => {
    const at = clip.start + audio.currentTime;
    for (const { plot, head } of heads) {
      head.hidden = audio.currentTime === 0 && audio.paused;
      head.style.left = `${plot.valToPos(at, "x")}px`;
    }
    if (!audio.paused) requestAnimationFrame(move);
  };
  for (const event of ["play", "seeked", "pause"]) audio.addEventListener(event, move);
  const fit = new ResizeObserver(() => {
    for (const { plot, height, width } of drawn) if (plot.width !== width()) plot.setSize({ width: width(), height });
  });
  fit.observe(place);
  return {
    limits: (first, second) => { limits = [first, second]; drawn.at(-1).plot.redraw(false); },
    close: () => { fit.disconnect(); audio.pause(); for (const { plot } of drawn) plot.destroy(); place.replaceChildren(); },
  };
};

// The occlusion map: blue speaks for the word, orange against it, the stronger the fuller. Full at `map.full` nats.
wakeword.mapOptions = (map) => {
  const bands = map.edges.length - 1;
  const draw = (plot) => {
    const { ctx } = plot;
    map.effect.forEach((row, index) => {
      const middle = map.times[index], half = map.step / 2;
      const left = plot.valToPos(middle - half, "x", true), right = plot.valToPos(middle + half, "x", true);
      row.forEach((effect, band) => {
        const top = plot.valToPos(band + 1, "y", true), bottom = plot.valToPos(band, "y", true);
        ctx.globalAlpha = Math.min(1, Math.abs(effect) / map.full);
        ctx.fillStyle = wakeword.colour(effect > 0 ? "one" : "two");
        ctx.fillRect(left, top, right - left + 0.5, bottom - top + 0.5);
      });
    });
    ctx.globalAlpha = 1;
  };
  return {
    scales: { y: { range: [0, bands] } }, series: [{}, {}],
    y: { splits: () => map.edges.map((_, edge) => edge).filter((edge) => edge % 2 === 1),
      values: (_, values) => values.map((edge) => (map.edges[edge] < 1000 ? map.edges[edge] : `${map.edges[edge] / 1000}k`)) },
    hooks: { draw: [draw] },
  };
};
