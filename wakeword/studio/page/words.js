// The steps: one word at a time is chosen, and everything shown is what the server says of it.
"use strict";
(() => {
  const { element, table } = wakeword;
  const find = (id) => document.getElementById(id);
  const steps = ["voices", "said", "train", "talk", "point", "live", "export"];
  const TALK_S = 60, TAKES = 10;
  let chosen = null; // what `word` answered
  let curves = null;

  const show = (id, on) => { find(id).hidden = !on; };
  const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;

  // An `act` that fails says why in `place`.
  const trying = (place, act) => async (event) => {
    event?.preventDefault();
    find(place).textContent = "";
    try { await act(event); } catch (error) { find(place).textContent = studio.said(error); }
  };

  // --- 1: the word

  const listWords = async () => {
    const { words, folder } = await studio.ask("words");
    find("folder").textContent = folder;
    find("words").replaceChildren(...words.map((word) => element("button", {
      text: word.phrase, "data-word": word.name, "aria-pressed": String(word.name === chosen?.name),
      title: word.model ? "has a model" : "not trained yet", onclick: trying("word-error", () => choose(word.name)),
    })));
  };

  const choose = async (name) => {
    await studio.silence();
    chosen = await studio.ask("word", { word: name });
    curves?.close();
    curves = null;
    ["curves", "verdicts", "point", "voices", "said-microphone", "talk-microphone", "live-microphone"].forEach((id) => find(id).replaceChildren());
    ["find-state", "say-state", "live-verdict", "voices-error"].forEach((id) => { find(id).textContent = ""; });
    await listWords();
    steps.forEach((step) => show(`step-${step}`, true));
    render();
    meant = false;
    renderRemove();
  };

  const refresh = async () => {
    if (!chosen) return;
    chosen = await studio.ask("word", { word: chosen.name });
    render();
  };

  const render = () => {
    document.querySelectorAll(".phrase").forEach((place) => { place.textContent = chosen.phrase; });
    ["said", "talk", "voices"].forEach((kind) => listSounds(kind));
    find("said-count").textContent = `${chosen.said.length} of ${TAKES}`;
    const talked = chosen.talk.reduce((sum, sound) => sum + sound.seconds, 0);
    find("talk-count").textContent = `${Math.round(talked)} of ${TALK_S} s`;
    show("forget-said", chosen.said.length > 0);
    show("forget-talk", chosen.talk.length > 0);
    renderTraining(chosen.training);
    show("step-train", !chosen.model || chosen.trained || chosen.training.state !== "none");
    ["talk", "point", "live", "export"].forEach((step) => show(`step-${step}`, chosen.model));
    find("find").disabled = !chosen.said.length;
    const kept = find("live-point").value, names = Object.keys(chosen.points);
    find("live-point").replaceChildren(...names.map((name) => element("option", { value: name, text: name })));
    find("live-point").value = names.includes(kept) && kept !== "default" ? kept : names.includes("yours") ? "yours" : "default";
    find("export").href = `export/${encodeURIComponent(chosen.name)}.zip`;
    find("export").download = `${chosen.name}.zip`;
    find("how").textContent = chosen.how;
    document.documentElement.dataset.word = chosen.name;
  };

  const listSounds = (kind) => { // a list that is right already stays: one of its sounds may be playing
    const shown = [...find(kind).children].map((row) => row.dataset.file), files = chosen[kind].map((sound) => sound.file);
    if (JSON.stringify(shown) !== JSON.stringify(files)) find(kind).replaceChildren(...chosen[kind].map((sound) => soundRow(kind, sound)));
  };

  const speaker = (file) => file.replace(/\.wav$/, "").replace("-", ", ").replace(/:[0-9.]+/g, "").replace("+", " with ");
  const soundRow = (kind, sound) => element("li", { "data-file": sound.file },
    element("span", { text: kind === "voices" ? speaker(sound.file) : `${Number(sound.file.slice(0, 4))} · ${sound.seconds.toFixed(1)} s` }),
    element("audio", { controls: true, preload: "none", "aria-label": `${kind} ${sound.file}`,
      src: ["sound", chosen.name, kind, sound.file].map(encodeURIComponent).join("/") }),
    kind === "voices" ? null : element("button", { class: "quiet", text: "Delete", onclick: trying("word-error", async () => {
      await studio.ask("forget", { word: chosen.name, kind, file: sound.file });
      await refresh();
    }) }));

  find("new-word").addEventListener("submit", trying("word-error", async () => {
    const { name } = await studio.ask("add", { phrase: find("phrase").value });
    find("phrase").value = "";
    await choose(name);
  }));

  // --- 2: voices

  const missing = new Map();
  find("say").addEventListener("click", trying("voices-error", async () => {
    missing.clear();
    find("say").disabled = true;
    find("say-state").textContent = "they are learning the phrase …";
    try {
      await studio.ask("voices", { word: chosen.name });
    } catch (error) {
      find("say").disabled = false;
      find("say-state").textContent = "";
      throw error;
    }
  }));
  studio.on("voice", (news) => {
    if (news.word !== chosen?.name) return;
    if (news.file && !chosen.voices.some((sound) => sound.file === news.file)) {
      chosen.voices.push({ file: news.file, seconds: 0 });
      find("voices").append(soundRow("voices", { file: news.file }));
    }
    if (news.missing) missing.set(news.missing, news.hint);
    const said = [...missing].map(([engine, hint]) => `${engine} is not installed: ${hint}`);
    if (news.error) said.push(`${news.error}: ${news.hint}`);
    find("voices-error").textContent = said.join("; ");
  });
  studio.on("voices", () => {
    find("say").disabled = false;
    find("say-state").textContent = chosen?.voices.length ? "" : "no voice is installed that could say it";
  });

  // --- 3 and 5: recording

  const whileOpen = async (button, act) => { // the button stops it; the others wait
    const others = ["record-said", "record-talk", "listen"].filter((id) => id !== button.id), named = button.textContent;
    others.forEach((id) => { find(id).disabled = true; });
    button.classList.add("on");
    button.textContent = "Stop";
    try { await act(); } catch { /* what is wrong stands beside the level */ }
    button.classList.remove("on");
    button.textContent = named;
    others.forEach((id) => { find(id).disabled = false; });
  };
  const recorder = (kind) => find(`record-${kind}`).addEventListener("click", async () => {
    const button = find(`record-${kind}`);
    if (button.classList.contains("on")) { await studio.silence(); return; }
    await whileOpen(button, () => studio.listen(find(`${kind}-microphone`), kind, { word: chosen.name }));
    try { await refresh(); } catch { /* the banner says it */ }
  });
  recorder("said");
  recorder("talk");

  studio.on("take", (take) => {
    if (take.problem) {
      find("said").append(element("li", {}, element("span", { text: "not kept" }), element("span", { class: "problem", text: take.problem })));
      return;
    }
    chosen.said.push({ file: take.file, seconds: take.seconds });
    find("said").append(soundRow("said", { file: take.file, seconds: take.seconds }));
    find("said-count").textContent = `${chosen.said.length} of ${TAKES}`;
    if (chosen.said.length === TAKES) studio.silence();
  });
  studio.on("state", (state) => {
    if (!find("record-talk").classList.contains("on")) return;
    find("talk-count").textContent = `${Math.floor(state.seconds)} of ${TALK_S} s, of which you spoke ${Math.round(state.voiced)}`;
    if (state.seconds >= TALK_S) studio.silence();
  });
  for (const kind of ["said", "talk"]) {
    find(`forget-${kind}`).addEventListener("click", trying("word-error", async () => {
      await studio.ask("forget", { word: chosen.name, kind });
      find("point").replaceChildren();
      await refresh();
    }));
  }

  // --- 4: training

  const TRAINING = {
    none: "Not trained yet. It takes the synthetic voices, what sounds like the word, and your takes.",
    running: "Training", stopped: "Begun, and not finished: it goes on where it was.",
    failed: "It failed. What it printed last is below; the same button tries again from where it was.", done: "Trained.",
  };
  const renderTraining = (training) => {
    const running = training.state === "running";
    const left = training.minutes_left == null ? "" : ` About ${Math.ceil(training.minutes_left)} min left in this step.`;
    const lacks = training.missing && training.state !== "done" ? ` It cannot be trained here yet: ${training.missing}.` : "";
    find("train-state").textContent = `${TRAINING[training.state]}${running ? `${training.step ? `: ${training.step}` : ""}.` : ""}${left}${lacks}`;
    find("train-state").dataset.state = training.state;
    find("train-lines").textContent = (training.lines ?? []).join("\n");
    find("train").textContent = training.state === "stopped" || training.state === "failed" ? "Go on" : "Train";
    find("train").disabled = running || Boolean(training.missing);
    show("train", !running && training.state !== "done");
    show("stop-train", running);
    show("train-progress", running);
    if (training.share == null) find("train-progress").removeAttribute("value");
    else find("train-progress").value = training.share;
  };
  const train = (ask) => async () => {
    try {
      await studio.ask(ask, { word: chosen.name });
      await refresh();
    } catch (error) { find("train-state").textContent = studio.said(error); }
  };
  find("train").addEventListener("click", train("train"));
  find("stop-train").addEventListener("click", train("stop"));
  studio.on("training", async (news) => {
    if (news.word !== chosen?.name) return;
    if (news.state === "running") renderTraining({ ...chosen.training, ...news });
    else await refresh();
  });

  // --- 6: the operating point

  const percent = (share) => `${(100 * share).toFixed(0)} %`;
  const pairRow = (pair) => [pair.name, pair.stage1.toFixed(2), pair.stage2.toFixed(2),
    `${pair.missed} of ${pair.takes}, at most ${percent(pair.missed_high)}`,
    pair.talk_s ? `${pair.false} in ${Math.round(pair.talk_s)} s` : "–",
    pair.elsewhere ? `${pair.name === "yours" ? "not above " : ""}${pair.elsewhere.count} in ${pair.elsewhere.hours} h` : "not known"];

  find("find").addEventListener("click", trying("find-state", async () => {
    find("find").disabled = true;
    find("find-state").textContent = "listening to it all again …";
    let found;
    try { found = await studio.ask("point", { word: chosen.name }); } finally { find("find").disabled = false; }
    find("find-state").textContent = "";
    const pairs = found.yours ? [found.yours, ...found.others] : found.others;
    const score = (value) => (value == null ? "–" : value.toFixed(2));
    find("point").replaceChildren(...found.sentences.map((text, number) => element("p", { class: number ? "" : "lead", text })),
      table("Thresholds, and what they make of your takes and talk", ["point", "stage 1", "stage 2", "takes missed", "false wakes in your talk", "in other people's sound"],
        pairs.map(pairRow), [1, 2]),
      element("details", {}, element("summary", { text: "Each take" }),
        table("Scores of each take at the loosest point", ["take", "woke it", "stage 1", "stage 2"],
          found.takes.map((take) => [Number(take.file.slice(0, 4)), take.heard ? "yes" : "no", score(take.stage1), score(take.stage2)]), [0, 2, 3])));
    find("live-point").value = "";
    await refresh();
  }));

  // --- 7: live

  let heardWakes = 0;
  find("listen").addEventListener("click", async () => {
    const button = find("listen");
    if (button.classList.contains("on")) { await studio.silence(); return; }
    const at = find("live-point").value;
    curves?.close();
    curves = studio.curves(find("curves"), chosen.points[at]);
    find("verdicts").replaceChildren();
    heardWakes = 0;
    find("live-verdict").textContent = "";
    find("live-point").disabled = true;
    await whileOpen(button, () => studio.listen(find("live-microphone"), "live", { word: chosen.name, point: at }));
    find("live-point").disabled = false;
  });
  studio.on("live", (news) => {
    curves?.push(news);
    for (const verdict of news.verdicts) {
      heardWakes += verdict.accepted;
      find("verdicts").prepend(element("li", { class: verdict.accepted ? "good" : "bad", "data-accepted": String(verdict.accepted),
        text: `${verdict.at.toFixed(1)} s: ${verdict.accepted ? "WAKE" : "refused"}, stage 1 ${verdict.stage1.toFixed(2)}, stage 2 ${verdict.stage2.toFixed(2)}` }));
      while (find("verdicts").children.length > 12) find("verdicts").lastChild.remove();
      find("live-verdict").textContent = `woke ${count(heardWakes, "time", "times")}`;
      find("live-verdict").className = heardWakes ? "woke" : "";
    }
  });

  // --- away with it: twice, to be meant

  let meant = false;
  const renderRemove = () => {
    show("remove", chosen !== null);
    find("remove").classList.toggle("on", meant);
    const what = `all that is kept of “${chosen?.phrase}”: recordings, training, model`;
    find("remove").textContent = meant ? `Yes, delete ${what}` : `Delete ${what}`;
  };
  find("remove").addEventListener("click", trying("word-error", async () => {
    meant = !meant;
    if (!meant) {
      await studio.ask("remove", { word: chosen.name });
      chosen = null;
      delete document.documentElement.dataset.word;
      steps.forEach((step) => show(`step-${step}`, false));
      await listWords();
    }
    renderRemove();
  }));

  studio.opened.then(listWords).then(() => { document.documentElement.dataset.ready = "yes"; });
})();
