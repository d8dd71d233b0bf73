// The script of the flame graphs. A click or a tap on a box, or Enter, makes it as wide as the graph, with its callers faint; again, or
// Escape, brings all of it back. The arrow keys go from box to box: up to the caller, down to what was called longest, aside to what stands
// there. The line below says what the box is, for fingers cannot point. A search marks functions and says how much of the time was in them.
(function () {
  "use strict";

  function enliven(flame) {
    const boxes = [...flame.querySelectorAll(":scope > svg")].map(e => ({
      e, left: parseFloat(e.getAttribute("x")), width: parseFloat(e.getAttribute("width")), depth: Number(e.getAttribute("y")), text: e.querySelector("title").textContent,
    }));
    if (!boxes.length) return;
    let zoomed = null, current = null;

    const tools = document.createElement("p"), label = document.createElement("label"), search = document.createElement("input"), said = document.createElement("span"), found = document.createElement("span");
    tools.className = "flame-tools";
    search.type = "search";
    search.autocomplete = "off";
    search.spellcheck = false;
    label.append("Find a function ", search);
    found.setAttribute("role", "status");
    found.className = "flame-found";
    tools.append(label, found);
    said.setAttribute("role", "status");
    said.className = "flame-said";
    flame.before(tools);
    flame.after(said);
    flame.setAttribute("tabindex", "0");
    flame.setAttribute("role", "application");
    flame.setAttribute("aria-roledescription", "flame graph");

    const visible = b => b.e.getAttribute("visibility") !== "hidden";
    function show(box) {
      zoomed = box;
      const from = box ? box.left : 0, wide = box ? box.width : 100;
      flame.classList.toggle("zoomed", box !== null);
      for (const b of boxes) {
        const left = Math.max(0, (b.left - from) / wide * 100), right = Math.min(100, (b.left + b.width - from) / wide * 100);
        const shown = right - left > 0.02;
        b.e.setAttribute("visibility", shown ? "visible" : "hidden");
        if (!shown) continue;
        b.e.setAttribute("x", left + "%");
        b.e.setAttribute("width", (right - left) + "%");
        b.e.classList.toggle("caller", box !== null && b.width > box.width);
      }
    }
    function go(box) {
      if (!box) return;
      if (current) current.e.classList.remove("current");
      current = box;
      box.e.classList.add("current");
      said.textContent = box.text;
    }
    const toggle = box => show(box === zoomed || box.width > 99.99 ? null : box);

    // What stands in the row at a depth, the widest of what overlaps a box.
    const row = depth => boxes.filter(b => b.depth === depth && visible(b));
    const depths = [...new Set(boxes.map(b => b.depth))].sort((a, b) => a - b);
    const overlap = (a, b) => Math.min(a.left + a.width, b.left + b.width) - Math.max(a.left, b.left);
    const nearest = (box, step) => row(depths[depths.indexOf(box.depth) + step]).filter(b => overlap(b, box) > 1e-4).sort((a, b) => b.width - a.width)[0];
    function beside(box, step) {
      const all = row(box.depth).sort((a, b) => a.left - b.left);
      return all[all.indexOf(box) + step];
    }
    flame.addEventListener("keydown", e => {
      const here = current && visible(current) ? current : zoomed || boxes[0];
      const moves = { ArrowUp: () => nearest(here, -1), ArrowDown: () => nearest(here, 1), ArrowLeft: () => beside(here, -1), ArrowRight: () => beside(here, 1) };
      if (moves[e.key]) go(current ? moves[e.key]() : here);
      else if (e.key === "Enter" || e.key === " ") { go(here); toggle(here); }
      else return;
      e.preventDefault();
    });
    flame.addEventListener("focus", () => { if (!current) go(boxes[0]); });
    addEventListener("keydown", e => { if (e.key === "Escape" && zoomed) show(null); });
    for (const b of boxes) {
      b.e.addEventListener("click", () => { go(b); toggle(b); });
      b.e.addEventListener("pointerenter", () => { said.textContent = b.text; });
    }

    search.addEventListener("input", () => {
      const words = search.value.trim().toLowerCase();
      const hit = b => words !== "" && b.text.slice(0, b.text.lastIndexOf(": ")).toLowerCase().includes(words);
      // A function that was called by one that is marked as well is not counted twice.
      let share = 0, hits = 0, end = -1;
      for (const b of boxes) b.e.classList.toggle("found", hit(b));
      for (const b of boxes.filter(hit).sort((a, b) => a.left - b.left || a.depth - b.depth)) {
        hits++;
        if (b.left < end - 1e-4) continue;
        share += b.width;
        end = b.left + b.width;
      }
      flame.classList.toggle("searched", words !== "");
      found.textContent = words === "" ? "" : hits === 0 ? "not in this graph" : Number(share.toPrecision(3)) + " % of the time, in " + hits + (hits === 1 ? " box" : " boxes");
    });
  }
  document.querySelectorAll(".flame").forEach(enliven);
})();
