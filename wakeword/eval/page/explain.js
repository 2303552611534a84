// The page of `wakeword explain`: one card a word. What it is given is made by wakeword/eval/explain_page.py.
"use strict";
(() => {
  const { element, table } = wakeword;
  const given = wakeword.payload("explanation");
  const main = document.querySelector("main");

  const values = (clip) => {
    const second = new Map(clip.stage2[0].map((at, index) => [at.toFixed(2), clip.stage2[1][index]]));
    const text = (value) => (value == null ? "–" : value.toFixed(3));
    const rows = clip.stage1[0].map((at, index) => [at.toFixed(2), text(clip.stage1[1][index]), text(second.get(at.toFixed(2)))]);
    return table("Scores against time", ["time, s", "stage 1", "stage 2, if asked"], rows, [0, 1, 2]);
  };

  const show = (item, number) => {
    const plots = element("div");
    const inner = element("details", {}, element("summary", { text: "The scores as a table" }));
    inner.addEventListener("toggle", () => { if (inner.open && inner.children.length === 1) inner.append(values(item.clip)); });
    const [first, ...others] = item.sentences;
    const card = element("section", { class: "card", "aria-labelledby": `word-${number}` },
      element("h2", { id: `word-${number}` }, `“${item.word}” `,
        element("span", { class: `badge ${item.woke ? "good" : "bad"}`, text: item.woke ? "woke" : "did not wake" })),
      element("p", { class: "lead", text: first }), ...others.map((text) => element("p", { text })), plots,
      element("div", { class: "key" }, element("span", { class: "voice", text: "somebody speaks" }),
        element("span", { class: "rest", text: "nothing is decided: session, refractory time" }),
        element("span", { class: "segment", text: "what stage 2 judged; dashed: the word, as stage 1 takes it" })),
      element("p", { class: "small soft", text: item.reading }),
      item.candidates.length ? table(`Every time stage 1 asked for “${item.word}” in this recording`,
        ["at, s", "stage 1", "stage 2", "verdict"], item.candidates, [0, 1, 2]) : null, inner);
    main.append(card);
    const draw = () => wakeword.showClip(plots, item.clip, { ...item.marks, key: `clip-${number}`, name: item.name });
    let shown = draw();
    wakeword.onTheme(() => { shown.close(); shown = draw(); });
  };
  given.items.forEach(show);
  document.documentElement.dataset.ready = "yes";
})();
