// The connection to the server: `studio.ask(what, more)` asks, `studio.on(event, act)` hears what changes by itself.
"use strict";
const studio = {};

(() => {
  const address = new URL("socket", location.href.split(/[?#]/)[0]);
  address.protocol = "ws:";
  const waiting = new Map(), listeners = new Map();
  let number = 0;
  const socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";

  // Rejects with an Error that has `hint`.
  studio.ask = (ask, more = {}) => new Promise((resolve, reject) => {
    if (socket.readyState !== WebSocket.OPEN) {
      reject(Object.assign(new Error("the studio has ended"), { hint: "start `wakeword studio` again, and open its new address" }));
      return;
    }
    waiting.set(++number, { resolve, reject });
    socket.send(JSON.stringify({ id: number, ask, ...more }));
  });
  studio.send = (sound) => socket.readyState === WebSocket.OPEN && socket.send(sound);
  studio.on = (event, act) => listeners.set(event, [...(listeners.get(event) ?? []), act]);
  studio.tell = (news) => (listeners.get(news.event) ?? []).forEach((act) => act(news));
  studio.said = (error) => (error.hint ? `${error.message}: ${error.hint}` : error.message);
  studio.opened = new Promise((resolve) => socket.addEventListener("open", resolve));

  socket.addEventListener("message", ({ data }) => {
    const told = JSON.parse(data);
    if (told.event) { studio.tell(told); return; }
    const { resolve, reject } = waiting.get(told.id);
    waiting.delete(told.id);
    if ("error" in told) reject(Object.assign(new Error(told.error), { hint: told.hint }));
    else resolve(told.answer);
  });
  socket.addEventListener("close", () => {
    document.getElementById("banner").textContent = "The studio has ended: start `wakeword studio` again, and open its new address.";
    document.querySelectorAll("button, input, select").forEach((control) => { control.disabled = true; });
    studio.tell({ event: "closed" });
    waiting.forEach(({ reject }) => reject(new Error("the studio has ended")));
    waiting.clear();
  });
})();
