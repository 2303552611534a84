// Both scores of the last seconds against their thresholds, as they come. `studio.curves(place, limits)`.
"use strict";
(() => {
  const { colour, element } = wakeword;
  const SHOWN_S = 12;

  studio.curves = (place, limits) => {
    const holder = element("div", { class: "plot", role: "img", "aria-label": "both scores of the last seconds" });
    const points = new Map(); // time -> [stage 1, stage 2]
    let marks = [], now = 0;
    place.replaceChildren(holder);
    const width = () => Math.max(240, holder.clientWidth);
    const lines = (plot) => {
      const { ctx, bbox } = plot;
      ctx.save();
      ctx.lineWidth = 1.5 * devicePixelRatio;
      [["one", limits[0], [6, 4]], ["two", limits[1], [2, 4]]].forEach(([name, limit, dash]) => {
        const y = plot.valToPos(limit, "y", true);
        ctx.strokeStyle = colour(name);
        ctx.setLineDash(dash.map((length) => length * devicePixelRatio));
        ctx.beginPath();
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(bbox.left + bbox.width, y);
        ctx.stroke();
      });
      ctx.setLineDash([]);
      for (const mark of marks) {
        const x = plot.valToPos(mark.at, "x", true);
        ctx.strokeStyle = colour(mark.accepted ? "good" : "bad");
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
      }
      ctx.restore();
    };
    const plot = new uPlot({
      width: width(), height: 240, padding: [8, 12, 0, 0], cursor: { show: false }, legend: { live: false },
      scales: { x: { time: false, range: () => [now - SHOWN_S, now] }, y: { range: [0, 1] } },
      series: [{},
        { label: `stage 1 (threshold ${limits[0].toFixed(2)})`, stroke: colour("one"), width: 2, points: { show: false }, spanGaps: true },
        { label: `stage 2 (threshold ${limits[1].toFixed(2)})`, stroke: colour("two"), width: 2, points: { show: false }, spanGaps: true }],
      axes: [wakeword.axis({ size: 30 }), wakeword.axis({ size: 40 })],
      hooks: { draw: [lines] },
    }, [[], [], []], holder);
    const fit = new ResizeObserver(() => plot.width !== width() && plot.setSize({ width: width(), height: 240 }));
    fit.observe(holder);
    const put = (at, series, value) => {
      const known = points.get(at) ?? [null, null];
      known[series] = value;
      points.set(at, known);
    };
    let asked = false, spoken = false;
    const draw = () => {
      asked = false;
      const times = [...points.keys()].sort((a, b) => a - b);
      plot.setData([times, times.map((at) => points.get(at)[0]), times.map((at) => points.get(at)[1])]);
    };
    return {
      push: (news) => {
        now = news.at;
        news.stage1.forEach(([at, value]) => put(at, 0, value));
        if (news.stage2.length) put(news.stage2[0], 1, news.stage2[1]);
        else if (spoken) put(now, 0, 0), put(now, 1, 0); // silence: both fall to nothing
        spoken = news.stage2.length > 0;
        marks = [...marks, ...news.verdicts].filter((mark) => mark.at > now - SHOWN_S);
        for (const at of points.keys()) if (at < now - SHOWN_S - 1) points.delete(at);
        if (!asked) { asked = true; requestAnimationFrame(draw); }
      },
      close: () => { fit.disconnect(); plot.destroy(); },
    };
  };
})();
