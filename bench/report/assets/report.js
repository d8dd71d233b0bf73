// The script of a report page: it puts charts that can be asked in the place of the drawn ones, and lets the reader
// choose which percentiles to see. The choice stands in the address (#p=p50,p999), so that a link carries it.
// Without it the page says the same, only more quietly. It loads nothing and keeps nothing.
(function () {
  "use strict";

  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const color = name => getComputedStyle(root).getPropertyValue("--" + name).trim();
  const make = (tag, text) => {
    const e = document.createElement(tag);
    if (text !== undefined) e.textContent = text;
    return e;
  };

  // Numbers as the rest of the page writes them: three digits and a unit.
  const digits = v => v === 0 ? "0" : String(Number(v.toPrecision(3)));
  function seconds(v) {
    if (v == null) return "–";
    if (v < 999.5e-9) return digits(v * 1e9) + " ns";
    if (v < 999.5e-6) return digits(v * 1e6) + " µs";
    if (v < 999.5e-3) return digits(v * 1e3) + " ms";
    return digits(v) + " s";
  }
  function number(v) {
    if (v == null) return "–";
    if (v < 9999.5) return v < 999.5 ? digits(v) : Math.round(v).toLocaleString("en");
    if (v < 999.5e3) return digits(v / 1e3) + " k";
    return digits(v / 1e6) + " M";
  }

  // Latencies are drawn as their logarithms on a linear axis whose ticks are at 1, 2 and 5: nothing can be off by a
  // decade that way, and every axis has numbers on it.
  const log = v => v == null ? null : Math.log10(v);
  const power = v => v == null ? null : Math.pow(10, v);
  function logTicks(u, axis, min, max) {
    const all = [];
    const sparse = max - min > 3.2;
    for (let e = Math.floor(min) - 1; e <= max; e++) {
      for (const m of sparse ? [1] : [1, 2, 5]) {
        const at = e + Math.log10(m);
        if (at >= min - 1e-9 && at <= max + 1e-9) all.push(at);
      }
    }
    return all;
  }
  // From the tick below the least to the tick above the most.
  function logRange(u, min, max) {
    if (min == null) return [-4, -2];
    const steps = [0, Math.log10(2), Math.log10(5), 1];
    const down = v => Math.floor(v) + Math.max(...steps.filter(s => s <= v - Math.floor(v) + 1e-9));
    const up = v => Math.floor(v) + Math.min(...steps.filter(s => s >= v - Math.floor(v) - 1e-9));
    const low = down(min), high = up(max);
    return high > low ? [low, high] : [low - 1, high + 1];
  }

  const percentiles = [
    { key: "p50", name: "p50", nines: -Math.log10(0.5), dash: [5, 4] },
    { key: "p90", name: "p90", nines: 1, dash: [8, 3, 2, 3] },
    { key: "p99", name: "p99", nines: 2 },
    { key: "p999", name: "p99.9", nines: 3, dash: [2, 3] },
    { key: "max", name: "max", nines: Infinity, faint: true },
  ];
  let picked = new Set(["p50", "p99", "max"]);

  const axis = more => Object.assign({
    stroke: () => color("ink"), font: "12px system-ui, Arial, sans-serif", labelFont: "12px system-ui, Arial, sans-serif",
    grid: { stroke: () => color("line"), width: 1 }, ticks: { show: false }, gap: 6,
  }, more);
  const leftAxis = 62; // The same in all charts, so that their times stand below each other.

  const charts = []; // Of {draw(): uPlot, chart: uPlot or null}.

  // show puts a chart into its figure; build makes it for a width.
  function show(figure, name, build) {
    const place = figure.querySelector(".asked");
    place.hidden = false;
    figure.classList.add("live");
    place.append(make("h3", name));
    const own = place.appendChild(make("div"));
    const entry = { chart: null };
    entry.draw = () => {
      const hidden = entry.chart && entry.chart.series.map(s => s.show);
      if (entry.chart) entry.chart.destroy();
      entry.chart = build(Math.floor(own.clientWidth), own);
      if (hidden) hidden.forEach((on, i) => { if (i && !on) entry.chart.setSeries(i, { show: false }); });
    };
    charts.push(entry);
    entry.draw();
    return entry;
  }

  // Latency by percentile: every further nine takes the same room.
  function showPercentiles(figure, d) {
    const length = Math.max(...d.curves.map(c => c.values.length));
    const x = Array.from({ length }, (_, i) => i * d.step);
    const names = ["0", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %", "99.99999 %"];
    const nine = v => {
      const q = 100 * (1 - Math.pow(10, -v));
      return Number(q.toFixed(Math.max(1, Math.ceil(v)))) + " %";
    };
    const columns = [x, ...d.curves.map(c => x.map((_, i) => log(c.values[i])))];
    const reach = d.curves.flatMap(c => [...(c.low || []), ...(c.high || [])]).filter(v => v != null).map(log);
    show(figure, "latency, logarithmic", (width, place) => new uPlot({
      width, height: width < 500 ? 260 : 340, legend: { live: true },
      cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
      scales: { x: { time: false, range: (u, min, max) => [0, max] }, y: { range: (u, min, max) => logRange(u, Math.min(min, ...reach), Math.max(max, ...reach)) } },
      axes: [
        axis({ splits: (u, a, min, max) => { const at = [0, -Math.log10(0.5)]; for (let n = 1; n <= max + 1e-9; n++) at.push(n); return at; },
          values: (u, at) => at.map((v, i) => i === 1 ? "50 %" : i === 0 && width < 500 ? "" : names[Math.round(v)]), label: "percentile", labelSize: 20, size: 30 }),
        axis({ splits: logTicks, values: (u, at) => at.map(v => seconds(power(v))), size: leftAxis }),
      ],
      series: [
        { label: "percentile", value: (u, v) => v == null ? "–" : nine(v) },
        ...d.curves.map(c => ({
          label: c.label, stroke: () => color(c.color), width: 2, dash: c.dashed ? [5, 4] : undefined, points: { show: false },
          paths: uPlot.paths.stepped({ align: -1 }), value: (u, v) => seconds(power(v)),
        })),
      ],
      hooks: { drawClear: [u => drawRanges(u, d.curves, d.step)], draw: [u => markPicked(u, d.curves.length === 1 || d.curves[1].label === "service" ? d.curves[0] : null, d.step)] },
    }, columns, place));
  }

  // drawRanges fills what lies between the runs of a group, below the curves.
  function drawRanges(u, curves, step) {
    const c = u.ctx;
    c.save();
    c.globalAlpha = 0.18;
    curves.forEach((curve, k) => {
      if (!curve.low || !u.series[k + 1].show) return;
      const at = (v, i) => [u.valToPos(i * step, "x", true), u.valToPos(log(v), "y", true)];
      const there = i => curve.low[i] != null;
      const low = curve.low.map(at).filter((_, i) => there(i)), high = curve.high.map(at).filter((_, i) => there(i));
      c.fillStyle = color(curve.color);
      c.beginPath();
      for (const [x, y] of low.concat(high.reverse())) c.lineTo(x, y);
      c.fill();
    });
    c.restore();
  }

  // markPicked writes the values at the chosen percentiles onto a curve.
  function markPicked(u, curve, step) {
    if (!curve) return;
    const c = u.ctx, ratio = uPlot.pxRatio;
    c.save();
    c.font = 12 * ratio + "px system-ui, Arial, sans-serif";
    for (const p of percentiles) {
      const i = Math.floor(p.nines / step + 1e-9), value = curve.values[i];
      if (!picked.has(p.key) || value == null) continue;
      const x = u.valToPos(p.nines, "x", true), y = u.valToPos(log(value), "y", true);
      c.fillStyle = color(curve.color);
      c.beginPath();
      c.arc(x, y, 3.5 * ratio, 0, 2 * Math.PI);
      c.fill();
      const text = seconds(value);
      // Left above the curve, which rises; at the edge right below it.
      const left = x - 6 * ratio - c.measureText(text).width > u.bbox.left;
      c.textAlign = left ? "right" : "left";
      c.fillText(text, x + (left ? -6 : 7) * ratio, y + (left ? -6 : 13) * ratio);
    }
    c.restore();
  }

  // Over time. An interval is a level from its beginning to its end; nothing is smoothed, and a gap stays a gap.
  function levels(d, values, change) {
    const out = [];
    d.t0.forEach((t, i) => {
      if (i && t > d.t1[i - 1] + 1e-3) out.push(null);
      const v = values ? values[i] : 0;
      out.push(change ? change(v) : v, change ? change(v) : v);
    });
    return out;
  }
  function times(d) {
    const out = [];
    d.t0.forEach((t, i) => {
      if (i && t > d.t1[i - 1] + 1e-3) out.push((d.t1[i - 1] + t) / 2);
      out.push(t, d.t1[i]);
    });
    return out;
  }

  // Ticks of time are at whole seconds, minutes or hours, whichever they are apart.
  const steps = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800];
  const exactly = v => String(Number(v.toFixed(2)));
  const timeText = (v, step) => step < 60 ? exactly(v) + " s" : step < 3600 ? exactly(v / 60) + " min" : exactly(v / 3600) + " h";

  function showTime(figure, d) {
    const x = times(d);
    const base = (width, height, last) => ({
      width, height,
      cursor: { y: false, sync: { key: "time" }, points: { size: 6 }, drag: { x: true, y: false } },
      scales: { x: { time: false } },
      axes: [axis({ incrs: steps, values: (u, at, i, space, step) => at.map(v => timeText(v, step)), size: 30, label: !last ? undefined : width < 500 ? "time since the start" : "time since the start; drag to zoom, double-click to see all", labelSize: 20 })],
      hooks: { drawClear: [u => shade(u, d.shaded || [])], draw: [u => drawEvents(u, d.events || [])] },
    });
    const seconds3 = { label: "time", value: (u, v) => v == null ? "–" : v.toFixed(1) + " s" };
    const line = (label, stroke, width, values, more) => Object.assign({ label, stroke: () => color(stroke), width, points: { show: false }, value: (u, v) => values(v) }, more);
    const fromZero = (u, min, max) => [0, max > 0 ? max * 1.08 : 1];
    const linear = format => axis({ values: (u, at) => at.map(format), size: leftAxis });

    const counted = [d.backlog && ["backlog", d.backlog, "red"], d.clients && ["clients connected", d.clients, "ink"]].filter(Boolean);
    show(figure, d.rates_name, (width, place) => {
      const o = base(width, 220);
      o.scales.y = { range: fromZero };
      o.axes.push(linear(number));
      // They lie on each other as long as all is well: each is narrower than the one below.
      o.series = [seconds3, line("offered", "soft", 5, number, { alpha: 0.5 }), line("accepted", "orange", 3, number), line("delivered", "green", 1.5, number)];
      return new uPlot(o, [x, ...["offered", "accepted", "delivered"].map(k => levels(d, d.rates[k]))], place);
    });
    const any = percentiles.some(p => d.latency[p.key].some(v => v != null));
    if (any) {
      show(figure, d.latency_name, (width, place) => {
        const o = base(width, 260, counted.length === 0);
        o.scales.y = { range: logRange };
        o.axes.push(axis({ splits: logTicks, values: (u, at) => at.map(v => seconds(power(v))), size: leftAxis }));
        o.series = [seconds3, ...percentiles.map(p => line(p.name, "blue", 1.75, v => seconds(power(v)), { dash: p.dash, alpha: p.faint ? 0.55 : 1, show: picked.has(p.key) }))];
        o.hooks.setSeries = [(u, i, s) => { if (i && s.show !== undefined && s.show !== picked.has(percentiles[i - 1].key)) pick(percentiles[i - 1].key); }];
        return new uPlot(o, [x, ...percentiles.map(p => levels(d, d.latency[p.key], log))], place);
      }).latency = true;
    }
    counted.forEach(([name, values, stroke], i) => show(figure, name, (width, place) => {
      const o = base(width, 150, i === counted.length - 1);
      o.scales.y = { range: fromZero };
      o.axes.push(linear(number));
      o.series = [seconds3, line(name, stroke, 1.5, number)];
      return new uPlot(o, [x, levels(d, values)], place);
    }));
    showEventNames(figure, d.events || []);
    return any;
  }

  // shade greys what is not measured.
  function shade(u, bands) {
    const c = u.ctx;
    c.save();
    c.beginPath();
    c.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    c.clip();
    for (const b of bands) {
      const from = u.valToPos(b.from, "x", true), to = u.valToPos(b.to, "x", true);
      c.fillStyle = color("panel");
      c.fillRect(from, u.bbox.top, to - from, u.bbox.height);
      c.fillStyle = color("soft");
      c.font = 11 * uPlot.pxRatio + "px system-ui, Arial, sans-serif";
      c.textAlign = "center";
      c.textBaseline = "middle";
      if (c.measureText(b.name).width < to - from - 4) c.fillText(b.name, (from + to) / 2, u.bbox.top + u.bbox.height / 2);
    }
    c.restore();
  }

  // drawEvents draws what happened as short ticks at the top, and what lasted as a bar there.
  function drawEvents(u, events) {
    const c = u.ctx, ratio = uPlot.pxRatio;
    c.save();
    for (const e of events) {
      const from = u.valToPos(e.at, "x", true), to = u.valToPos(Math.max(e.at, e.until), "x", true);
      if (to < u.bbox.left || from > u.bbox.left + u.bbox.width) continue;
      const left = Math.max(from, u.bbox.left), right = Math.min(to, u.bbox.left + u.bbox.width);
      c.fillStyle = color(e.color);
      c.fillRect(left, u.bbox.top - 4 * ratio, Math.max(2 * ratio, right - left - ratio), 4 * ratio);
    }
    c.restore();
  }

  // What the ticks at the top stand for, each name once.
  function showEventNames(figure, events) {
    const names = new Map(events.map(e => [e.name, e.color]));
    if (!names.size) return;
    const list = make("p");
    list.className = "legend";
    for (const [name, stroke] of [...names].slice(0, 12)) {
      const dot = list.appendChild(make("span"));
      dot.className = "dot " + stroke;
      list.append(name + " ");
    }
    figure.querySelector(".asked").append(list);
  }

  // The picker: buttons, columns of the tables, lines of the chart and the address say the same.
  function pick(key) {
    if (picked.has(key)) picked.delete(key); else picked.add(key);
    history.replaceState(null, "", "#p=" + percentiles.filter(p => picked.has(p.key)).map(p => p.key).join(","));
    showPicked();
  }
  function fromAddress() {
    const said = /^#p=([a-z0-9,]*)$/.exec(location.hash);
    if (said) picked = new Set(said[1].split(",").filter(k => percentiles.some(p => p.key === k)));
  }
  function showPicked() {
    for (const b of document.querySelectorAll(".picker button")) b.setAttribute("aria-pressed", String(picked.has(b.value)));
    for (const e of document.querySelectorAll("[data-key]")) e.classList.toggle("picked", picked.has(e.dataset.key));
    for (const entry of charts) {
      if (entry.latency) percentiles.forEach((p, i) => { if (entry.chart.series[i + 1].show !== picked.has(p.key)) entry.chart.setSeries(i + 1, { show: picked.has(p.key) }); });
      else entry.chart.redraw(false);
    }
  }
  function showPicker() {
    const picker = document.querySelector(".picker");
    if (!picker) return;
    picker.hidden = false;
    picker.append(make("span", "Latency:"));
    for (const p of percentiles) {
      const b = make("button", p.name);
      b.type = "button";
      b.value = p.key;
      b.addEventListener("click", () => pick(p.key));
      picker.append(b);
    }
  }

  fromAddress();
  const curves = document.getElementById("chart-latency") || document.getElementById("chart-compare-latency");
  if (data.percentiles && curves) showPercentiles(curves, data.percentiles);
  const time = document.getElementById("chart-timeline");
  if (data.time && time && showTime(time, data.time)) showPicker();
  showPicked();
  addEventListener("hashchange", () => { fromAddress(); showPicked(); });

  // Another width or another light: drawn anew.
  let width = root.clientWidth;
  addEventListener("resize", () => {
    if (root.clientWidth === width) return;
    width = root.clientWidth;
    charts.forEach(c => c.draw());
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach(c => c.draw()));
})();
