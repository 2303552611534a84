// The report of `wakeword eval`: every number and list at any pair of thresholds. What it is given is made by
// wakeword/eval/report.py; how decisions follow from thresholds is in sweep.js.
"use strict";
(() => {
  const { element, table } = wakeword;
  const given = wakeword.payload("report"), clips = wakeword.payload("clips"), { files } = given;
  const sweeps = given.words.map((form) => new wakeword.Sweep(form, files));
  const find = (id) => document.getElementById(id);
  const brief = (path) => {
    const parts = path.split("/");
    return element("span", { title: path, text: parts.length > 4 ? `…/${parts.slice(-3).join("/")}` : path });
  };
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  const perHour = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));
  const state = { word: 0, one: 0, two: 0, condition: "", limit: 0.5, group: "", shown: { falsely: 50, missed: 50 }, now: null };
  const sweep = () => sweeps[state.word];
  const conditions = () => sweep().groups.find((group) => group.name === "condition");
  const counts = (number) => {
    const group = conditions();
    return !state.condition || !group || group.values[group.of[number]] === state.condition;
  };
  let found = null, grid = null, weights = null, drawn = [], view = null;

  // --- figures

  const share = (count, of) => {
    const [low, high] = wakeword.wilson(count, of);
    return { much: of ? percent(count / of) : "–", more: `${count} of ${of}; 95 %: ${percent(low)} to ${percent(high)}` };
  };
  const frequency = (count, hours) => {
    const [low, high] = wakeword.poisson(count);
    return hours ? { much: perHour(count / hours), more: `${count} in ${hours.toFixed(2)} h; 95 %: ${perHour(low / hours)} to ${perHour(high / hours)}` }
      : { much: "–", more: "no hours without the word" };
  };
  const tile = (id, what, { much, more }) => element("div", { class: "tile", id },
    element("div", { class: "what", text: what }), element("div", { class: "much", text: much }),
    element("div", { class: "more", text: more }));

  const figures = () => {
    const { missed, utterances, unasked, falsely, candidates } = found, { hours } = sweep();
    const refused = missed.length - unasked, passed = falsely.length;
    find("tiles").replaceChildren(
      tile("misses", "misses", share(missed.length, utterances)),
      tile("false-accepts", "false accepts an hour", frequency(passed, hours)),
      tile("candidates", "stage 1 alone asks, an hour", frequency(candidates, hours)),
      tile("passed", "of these, stage 2 passes", share(passed, candidates)),
      tile("lost", "misses by stage", { much: `${unasked} + ${refused}`, more: "stage 1 did not ask + stage 2 refused, or it rested" }));
    find("brief").textContent = [utterances ? `misses ${percent(missed.length / utterances)}` : "",
      hours ? `false accepts ${perHour(passed / hours)}/h` : ""].filter(Boolean).join(" · ");
    const run = sweep().thresholds, [one, two] = run;
    find("where").textContent = state.one === one && state.two === two ? "These are the thresholds of the run."
      : `The run had ${one} and ${two}.`;
    const points = grid ? wakeword.fewest(grid, state.limit) : null;
    find("fewest").disabled = !points;
  };

  const groups = () => {
    const group = sweep().groups.find(({ name }) => name === state.group);
    const place = find("group-table");
    if (!group) { place.replaceChildren(); return; }
    const of = group.values.map(() => 0), missed = group.values.map(() => 0);
    for (let number = 0; number < sweep().said; number++) if (counts(number) && group.of[number] >= 0) of[group.of[number]]++;
    for (const number of found.missed) if (group.of[number] >= 0) missed[group.of[number]]++;
    const rows = group.values.map((value, index) => {
      const [low, high] = wakeword.wilson(missed[index], of[index]);
      const fill = element("i"), line = element("b"), meter = element("span", { class: "meter", "aria-hidden": "true" }, fill, line);
      fill.style.width = `${of[index] ? (100 * missed[index]) / of[index] : 0}%`;
      line.style.left = `${100 * low}%`;
      line.style.width = `${100 * (high - low)}%`;
      return [value, missed[index], of[index], of[index] ? percent(missed[index] / of[index]) : "–", `${percent(low)} to ${percent(high)}`, meter];
    }).filter((row) => row[2]);
    const names = { SNR: "SNR", condition: "condition" };
    const parts = [table(`Misses by ${names[group.name] ?? group.name.replace(/^group_/, "")}`,
      [group.name.replace(/^group_/, ""), "missed", "of", "share", "95 %", "0 to 100 %"], rows, [1, 2, 3])];
    const negative = files.groups.find(({ name }) => name === state.group);
    if (negative && sweep().hours) {
      const hours = negative.values.map(() => 0), accepts = negative.values.map(() => 0);
      files.hours.forEach((length, file) => { if (files.negative[file] && negative.of[file] >= 0) hours[negative.of[file]] += length; });
      for (const row of found.falsely) { const at = negative.of[sweep().file[row]]; if (at >= 0) accepts[at]++; }
      const lines = negative.values.map((value, index) => [value, accepts[index], hours[index]]).filter(([, , length]) => length > 0)
        .map(([value, count, length]) => {
          const [low, high] = wakeword.poisson(count);
          return [value, count, length.toFixed(2), perHour(count / length), `${perHour(low / length)} to ${perHour(high / length)}`];
        });
      if (lines.length) parts.push(table(`False accepts by ${group.name.replace(/^group_/, "")}`,
        [group.name.replace(/^group_/, ""), "false accepts", "hours", "an hour", "95 %"], lines, [1, 2, 3]));
    }
    place.replaceChildren(...parts);
  };

  // --- errors and their sounds

  const clipOf = (key, value) => clips.findIndex((clip) => clip.word === state.word && clip[key] === value);
  const clipOfRow = (row) => {
    const own = clipOf("row", row);
    if (own >= 0) return own;
    const at = sweep().decided_ms[row] / 1000, file = files.name[sweep().file[row]];
    return clips.findIndex((clip) => clip.word === state.word && clip.file === file && clip.decided !== null && Math.abs(clip.decided - at) < 0.5);
  };
  const command = (file, at) => (files.plain[file]
    ? `wakeword explain ${quoted(files.name[file])} --word ${quoted(sweep().word)} --at ${at.toFixed(2)}` : "");
  const quoted = (text) => (/^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
  const listen = (clip, title, at) => {
    if (clip < 0) return element("span", { class: "soft small", text: "not kept" });
    const button = element("button", { type: "button", text: "look", "aria-label": `Look at ${title}`,
      "aria-pressed": String(state.now === clip), onclick: () => show(clip, title, at) });
    return button;
  };
  const show = (clip, title, at) => {
    if (view) view.close();
    state.now = clip;
    const place = find("listen"), one = clips[clip], { file } = at;
    place.hidden = false;
    const text = command(file, at.time);
    const plots = element("div");
    place.replaceChildren(element("h3", { text: title }), element("p", { class: "small soft", text: at.why }), plots,
      element("p", { class: "small soft" }, text ? "In full: " : "Heard in a condition that was mixed for this run.",
        text ? element("code", { text }) : null));
    const decided = one.decided;
    view = wakeword.showClip(plots, one, {
      limits: [state.one, state.two], segment: decided === null ? null : [decided - 2, decided], word: at.word ?? null, voice: [],
      rests: [], map: null, key: "clip", name: title,
    });
    lists();
    find("errors").querySelector("button[aria-pressed='true']")?.focus({ preventScroll: true }); // lists are made anew
    place.scrollIntoView({ block: "nearest" });
  };
  const why = (number) => {
    const own = [];
    for (const row of found.rows) if (sweep().owner[row] === number) own.push(row);
    if (!own.length) return ["stage 1 did not ask", bestOf(number)];
    const best = own.reduce((a, b) => (sweep().stage2[b] > sweep().stage2[a] ? b : a));
    return [sweep().stage2[best] < state.two ? "stage 2 refused" : "detection rested", best];
  };
  const bestOf = (number) => {
    let best = -1;
    const worth = (row) => Math.min(sweep().stage1[row], sweep().stage2[row]);
    for (const row of rowsOf.get(number) ?? []) if (best < 0 || worth(row) > worth(best)) best = row;
    return best;
  };
  let rowsOf = new Map();
  const score = (values, row) => (row < 0 ? "–" : values[row].toFixed(3));

  const more = (kind, whole) => (whole <= state.shown[kind] ? null : element("button", {
    type: "button", text: `show more (${whole - state.shown[kind]} left)`,
    onclick: () => { state.shown[kind] += 200; lists(); },
  }));
  const lists = () => {
    const own = sweep(), { falsely, missed } = found;
    const sure = [...falsely].sort((a, b) => Math.min(own.stage1[b], own.stage2[b]) - Math.min(own.stage1[a], own.stage2[a]));
    const wrong = sure.slice(0, state.shown.falsely).map((row) => {
      const file = own.file[row], time = own.decided_ms[row] / 1000, title = `${files.name[file]}, ${time.toFixed(2)} s`;
      const reason = `False accept of “${own.word}”: stage 1 ${own.stage1[row].toFixed(3)}, stage 2 ${own.stage2[row].toFixed(3)}.`;
      return [listen(clipOfRow(row), title, { file, time, why: reason }), brief(files.name[file]), time.toFixed(2),
        score(own.stage1, row), score(own.stage2, row)];
    });
    find("falsely").replaceChildren(element("h3", { text: `False accepts: ${falsely.length}` }),
      wrong.length ? table("False accepts, the surest first", ["", "recording", "at, s", "stage 1", "stage 2"], wrong, [2, 3, 4])
        : element("p", { text: own.hours ? "None at these thresholds." : "No recordings without the word were given." }),
      ...[more("falsely", falsely.length)].filter(Boolean));
    const speaker = own.groups.find(({ name }) => name === "speaker"), group = conditions();
    const rows = missed.slice(0, state.shown.missed).map((number) => {
      const [reason, row] = why(number), file = own.utterance_file[number];
      const title = `${files.name[file]}, ${own.start[number].toFixed(2)} s`;
      const at = row < 0 ? own.end[number] : own.decided_ms[row] / 1000;
      const word = own.timed[number] ? [own.start[number], own.end[number]] : null;
      return [listen(clipOf("utterance", number), title, { file, time: at, word, why: `“${own.word}” was missed: ${reason}.` }), brief(files.name[file]),
        own.start[number].toFixed(2), speaker && speaker.of[number] >= 0 ? speaker.values[speaker.of[number]] : "",
        group ? group.values[group.of[number]] : "", score(own.stage1, row), score(own.stage2, row), reason];
    });
    find("missed").replaceChildren(element("h3", { text: `Misses: ${missed.length}` }),
      rows.length ? table("Misses: quiet first", ["", "recording", "at, s", "speaker", "condition", "stage 1", "stage 2", "why"], rows, [2, 5, 6])
        : element("p", { text: found.utterances ? "None at these thresholds." : "No utterances." }),
      ...[more("missed", missed.length)].filter(Boolean));
  };
  const quietFirst = (numbers) => {
    const snr = sweep().groups.find(({ name }) => name === "SNR"), group = conditions();
    const rank = (number) => {
      if (!group || group.values[group.of[number]] === "clean") return -1000;
      return snr && snr.of[number] >= 0 ? -parseFloat(snr.values[snr.of[number]]) : -500;
    };
    return numbers.sort((a, b) => rank(a) - rank(b) || a - b);
  };

  // --- maps and curves, made anew when the word or the condition changes

  const levels = () => {
    const count = sweep().count > 150000 ? 19 : 46, least = given.least;
    return Array.from({ length: count }, (_, at) => +(least + ((1 - least) * at) / (count - 1)).toFixed(4));
  };
  const lost = (heard) => weights.reduce((sum, weight, number) => sum + (heard[number] ? 0 : weight), 0);
  const curve = (one) => {
    const rows = sweep().rows(one), points = [];
    for (const two of [...grid.levels, 0.985, 0.995, 0.999]) {
      const woken = sweep().wakes(rows, two), heard = new Uint8Array(sweep().said);
      for (const row of woken) if (sweep().owner[row] >= 0) heard[sweep().owner[row]] = 1;
      points.push([woken.filter((row) => sweep().owner[row] === -1).length / sweep().hours, lost(heard)]);
    }
    return points;
  };
  const plots = () => {
    for (const plot of drawn) plot.close();
    drawn = [];
    for (const id of ["map-misses", "map-falsely", "det"]) find(id).replaceChildren();
    weights = sweep().weights(counts);
    grid = wakeword.grid(sweep(), levels(), weights);
    const choose = (one, two) => set(one, two), chosen = () => [state.one, state.two], ran = sweep().thresholds, limit = () => state.limit;
    const whole = Math.max(0.01, ...grid.misses.flat()), most = Math.min(0.4, whole), busiest = Math.max(...grid.falsely.flat());
    const least = sweep().hours ? 0.5 / sweep().hours : 0.01;
    const common = { choose, chosen, ran, limit };
    drawn.push(wakeword.thresholdMap(find("map-misses"), grid, grid.misses,
      { ...common, title: "Misses", share: (value) => Math.sqrt(value / most), least: "0 %",
        most: `${percent(most)}${whole > most ? " and more" : ""}` }));
    const none = !sweep().hours, noUtterances = !found.utterances;
    find("map-falsely").hidden = none;
    find("det-part").hidden = none || noUtterances;
    if (none) return;
    const span = Math.log(Math.max(busiest, 2 * least) / least);
    drawn.push(wakeword.thresholdMap(find("map-falsely"), grid, grid.falsely, { ...common, title: "False accepts an hour (logarithmic)",
      share: (value) => (value ? Math.log(value / least) / span : 0), least: "none", most: perHour(busiest) }));
    if (noUtterances) return;
    const alone = grid.levels.concat([0.985, 0.995, 0.999, 0.9999]).map((one) => {
      const { asked, candidates } = sweep().at(one, 2, counts);
      return [candidates / sweep().hours, lost(asked)];
    });
    const second = curve(given.least);
    const pairs = grid.levels.flatMap((_, x) => grid.levels.map((__, y) => [grid.falsely[x][y], grid.misses[x][y]]))
      .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const envelope = [];
    for (const [x, y] of pairs) if (!envelope.length || y < envelope.at(-1)[1]) envelope.push([x, y]);
    const det = wakeword.detPlot(find("det"), {
      leastPerHour: least,
      curves: () => [["stage 1 alone", "one", alone], [`stage 2 behind stage 1 at ${given.least}`, "two", second, [6, 4]],
        ["both, stage 1 as chosen", "mark", curve(state.one)], ["the best pairs", "good", envelope, [2, 3]]],
      point: () => [found.falsely.length / sweep().hours, lost(found.heard)],
    });
    drawn.push({ redraw: det.update, close: det.close });
    const rows = envelope.filter((_, at) => at % Math.ceil(envelope.length / 25) === 0).map(([x, y]) => [perHour(x), percent(y)]);
    find("det-table").replaceChildren(table("The best pairs on the map", ["false accepts an hour", "misses"], rows, [0, 1]));
  };

  // --- what is chosen

  const update = () => {
    const rows = sweep().rows(state.one);
    found = { ...sweep().at(state.one, state.two, counts), rows };
    quietFirst(found.missed);
    for (const [name, value] of [["one", state.one], ["two", state.two]]) {
      find(`range-${name}`).value = value;
      if (document.activeElement !== find(`number-${name}`)) find(`number-${name}`).value = value;
    }
    figures();
    groups();
    lists();
    if (view) view.limits(state.one, state.two);
    for (const plot of drawn) plot.redraw();
    document.documentElement.dataset.at = `${state.word} ${state.one} ${state.two}`;
  };
  const set = (one, two) => { state.one = one; state.two = two; update(); };
  const options = (place, values, chosen) => place.replaceChildren(
    ...values.map(([value, text]) => element("option", { value, text, selected: value === chosen })));
  const choose = (word) => {
    state.word = word;
    [state.one, state.two] = sweep().thresholds;
    state.shown = { falsely: 50, missed: 50 };
    if (view) { view.close(); view = null; find("listen").hidden = true; state.now = null; }
    rowsOf = new Map();
    sweep().owner.forEach((owner, row) => {
      if (owner >= 0 && !rowsOf.has(owner)) rowsOf.set(owner, []);
      if (owner >= 0) rowsOf.get(owner).push(row);
    });
    for (const [index, button] of [...find("words").children].entries()) button.setAttribute("aria-pressed", String(index === word));
    find("points").replaceChildren(...Object.entries(sweep().points).map(([name, pair]) => element("button", {
      type: "button", text: name, title: `stage 1 ${pair[0]}, stage 2 ${pair[1]}`, onclick: () => set(...pair) })));
    const names = sweep().groups.map(({ name }) => name);
    if (!names.includes(state.group)) state.group = names.find((name) => name.startsWith("group_")) ?? names[0] ?? "";
    options(find("group"), names.map((name) => [name, name.replace(/^group_/, "")]), state.group);
    const values = conditions()?.values ?? [];
    if (!values.includes(state.condition)) state.condition = "";
    options(find("condition"), [["", "all conditions"], ...values.map((value) => [value, value])], state.condition);
    refresh();
  };
  const refresh = () => { grid = null; for (const plot of drawn) plot.close(); drawn = []; update(); plots(); update(); };

  // --- what changed since an earlier run

  const changed = () => {
    for (const { word, worse, better } of given.changes) {
      const own = sweeps[word], group = own.groups.find(({ name }) => name === "condition");
      const speaker = own.groups.find(({ name }) => name === "speaker");
      for (const [text, numbers] of [["missed now, heard before", worse], ["heard now, missed before", better]]) {
        if (!numbers.length) continue;
        const rows = numbers.map((number) => [brief(files.name[own.utterance_file[number]]), own.start[number].toFixed(2),
          speaker && speaker.of[number] >= 0 ? speaker.values[speaker.of[number]] : "", group ? group.values[group.of[number]] : ""]);
        find("changed").append(element("details", {}, element("summary", { text: `${own.word}: ${numbers.length} ${text}` }),
          table(`${own.word}: ${text}`, ["recording", "at, s", "speaker", "condition"], rows, [1])));
      }
    }
  };

  // --- the page

  changed();
  sweeps.forEach(({ word }, index) => find("words").append(element("button", { type: "button", text: word, onclick: () => choose(index) })));
  let asked = 0;
  const soon = () => { cancelAnimationFrame(asked); asked = requestAnimationFrame(update); };
  for (const name of ["one", "two"]) {
    find(`range-${name}`).min = find(`number-${name}`).min = given.least;
    find(`range-${name}`).addEventListener("input", (event) => { state[name] = +event.target.value; soon(); });
    find(`number-${name}`).addEventListener("change", (event) => {
      const value = Number.parseFloat(event.target.value);
      if (value >= given.least && value <= 1) set(...(name === "one" ? [value, state.two] : [state.one, value]));
      else event.target.value = state[name];
    });
  }
  find("condition").addEventListener("change", (event) => { state.condition = event.target.value; refresh(); });
  find("group").addEventListener("change", (event) => { state.group = event.target.value; update(); });
  find("back").addEventListener("click", () => set(...sweep().thresholds));
  find("limit").addEventListener("change", (event) => {
    const value = Number.parseFloat(event.target.value);
    if (value >= 0) { state.limit = value; update(); } else event.target.value = state.limit;
  });
  find("fewest").addEventListener("click", () => {
    const best = wakeword.fewest(grid, state.limit);
    if (best) set(best.one, best.two);
  });
  wakeword.onTheme(() => { if (view) { view.close(); view = null; find("listen").hidden = true; state.now = null; } refresh(); });
  wakeword.report = { state, set, choose, at: (word, one, two) => sweeps[word].at(one, two) };
  choose(0);
  document.documentElement.dataset.ready = "yes";
})();
