// One microphone at a time: `studio.listen(place, what, more)` opens it and resolves to what the server answers when it
// is closed, by `studio.silence()`, by the server, or because it was lost. Level and troubles are shown in `place`.
"use strict";
(() => {
  const { element } = wakeword;
  const REFUSED = {
    NotAllowedError: "The browser may not use the microphone. Allow it at the left of the address, then try again.",
    NotFoundError: "There is no microphone. Plug one in, then try again.",
    NotReadableError: "The microphone cannot be opened: another program may have it.",
    OverconstrainedError: "The microphone cannot do what is asked of it.",
  };
  const TROUBLES = {
    silence: "Digital silence: the microphone is muted, or dead.",
    clipping: "Clipping: it is too loud for the microphone. Go back a step, or turn its level down.",
    unheard: "Nobody is heard. Is this the right microphone, and is its level up?",
  };
  const AS_IT_IS = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  let open = null;

  const meter = (place) => {
    const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("viewBox", "0 0 60 1");
    bar.setAttribute("height", "1");
    svg.append(bar);
    const box = element("div", { class: "meter", role: "img", "aria-label": "level" }, svg), text = element("div", { class: "small bad", role: "alert" });
    place.replaceChildren(box, text);
    return {
      show: (state) => {
        bar.setAttribute("width", String(Math.max(0, Math.min(60, 60 + state.dbfs))));
        box.className = `meter${state.trouble === "clipping" ? " bad" : state.speaking ? " speaking" : ""}`;
        const said = TROUBLES[state.trouble] ?? "";
        if (text.textContent !== said) text.textContent = said;
      },
      end: (said = "") => { box.remove(); text.textContent = said; },
    };
  };

  const close = async () => {
    const { stream, context } = open;
    stream.getTracks().forEach((track) => track.stop());
    await context.close();
  };

  studio.listening = () => open !== null;

  studio.listen = async (place, what, more = {}) => {
    if (open) throw new Error("the microphone is in use on this page");
    const shown = meter(place);
    open = { shown };
    let stream = null, context = null;
    try {
      if (!navigator.mediaDevices) throw new Error("The browser gives a microphone only to pages of this machine: open the page by the address that was printed.");
      stream = await navigator.mediaDevices.getUserMedia({ audio: AS_IT_IS });
      context = new AudioContext();
      await context.audioWorklet.addModule("capture.js");
      await studio.ask("listen", { what, rate: context.sampleRate, ...more });
    } catch (error) {
      stream?.getTracks().forEach((track) => track.stop());
      await context?.close();
      open = null;
      shown.end(REFUSED[error.name] ?? studio.said(error));
      throw error;
    }
    const source = context.createMediaStreamSource(stream), capture = new AudioWorkletNode(context, "capture");
    const over = new Promise((resolve, reject) => { open = { stream, context, resolve, reject, shown }; });
    capture.port.onmessage = ({ data }) => studio.send(data);
    stream.getTracks()[0].addEventListener("ended", () => studio.silence("The microphone was unplugged."));
    source.connect(capture).connect(context.destination); // silence comes out; unconnected it would not be asked
    await context.resume();
    return over;
  };

  studio.silence = async (why = "") => {
    if (!open?.resolve) return;
    const { resolve, reject, shown } = open;
    await close();
    open = null;
    try {
      const answer = await studio.ask("silence");
      shown.end(why);
      resolve(answer);
    } catch (error) {
      shown.end(studio.said(error));
      reject(error);
    }
  };

  studio.on("state", (state) => open?.shown.show(state));
  const lost = async (error) => { // the server does not go on
    if (!open?.resolve) return;
    const { reject, shown } = open;
    await close();
    open = null;
    shown.end(studio.said(error));
    reject(error);
  };
  studio.on("ended", (news) => lost(Object.assign(new Error(news.error), { hint: news.hint })));
  studio.on("closed", () => lost(new Error("The studio has ended.")));
})();
