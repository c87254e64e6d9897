"use strict";
// Sorting and tooltips. The page says everything without them.
(() => {
  const status = document.createElement("div");
  status.className = "unseen";
  status.setAttribute("role", "status");
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(status, tip);

  // --- Sorting: a click on a heading sorts, a second one the other way, a third one as it was.

  const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const collator = new Intl.Collator("en", { numeric: true });

  // Numbers as the page writes them: "1,234", "−0.5", "98.40 %", "3.30×10¹⁷⁹"; null for a dash.
  function numberOf(text) {
    const found = /^([−-]?[\d,]*\.?\d+)(?:×10(⁻?)([⁰¹²³⁴⁵⁶⁷⁸⁹]+))?/.exec(text.trim());
    if (!found) return null;
    const power = [...(found[3] || "⁰")].map((digit) => RAISED.indexOf(digit)).join("");
    const size = found[1].replaceAll(",", "").replace("−", "-");
    return Number(`${size}e${found[2] ? "-" : ""}${power}`);
  }

  function keyOf(cell, numeric) {
    if (!cell) return null;
    const first = cell.firstChild;
    // Of several multipliers the first one counts, and of a number with a bar the number.
    const text = (cell.querySelector(".name") || (numeric && first) || cell).textContent;
    return numeric ? numberOf(text) : text.trim() || null;
  }

  function sorted(rows, column, numeric, down) {
    const keyed = rows.map((row) => [keyOf(row.cells[column], numeric), row]);
    const order = (a, b) => (numeric ? a - b : collator.compare(a, b)) * (down ? -1 : 1);
    // What is not known comes last, whichever way.
    keyed.sort(([a], [b]) => (a === null || b === null ? (a === null) - (b === null) : order(a, b)));
    return keyed.map(([, row]) => row);
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    const given = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    if (given.length < 2) continue;
    heads.forEach((head, column) => {
      if (head.tagName !== "TH") return;
      const numeric = head.classList.contains("num");
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        // The largest numbers first: they are what one looks for.
        const ways = numeric ? ["descending", "ascending"] : ["ascending", "descending"];
        const way = ways[ways.indexOf(head.getAttribute("aria-sort")) + 1];
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        if (way) head.setAttribute("aria-sort", way);
        body.append(...(way ? sorted(given, column, numeric, way === "descending") : given));
        const name = button.textContent;
        status.textContent = way ? `Sorted by ${name}, ${way}` : "In the order given";
      });
    });
  }

  // --- Tooltips: texts that browsers show after a while, and not on touch, are shown at once.

  const titleOf = (node) => [...node.children].find((child) => child.tagName === "title");
  // The name of a whole drawing would hide those of its marks.
  for (const drawing of document.querySelectorAll("svg[role=img]")) {
    const title = titleOf(drawing);
    if (!title) continue;
    drawing.setAttribute("aria-label", title.textContent);
    title.remove();
  }

  let held = null;

  function release() {
    if (!held) return;
    if (held.title) held.node.prepend(held.title);
    else held.node.setAttribute("title", held.text);
    held.node.classList.remove("current");
    held = null;
    tip.hidden = true;
  }

  // Takes the text away while it is shown, or the browser would show it too.
  function hold(node) {
    if (held && held.node === node) return;
    release();
    const title = titleOf(node);
    const text = title ? title.textContent : node.getAttribute("title");
    if (!text) return;
    if (title) title.remove();
    else node.removeAttribute("title");
    held = { node, title, text };
  }

  function show(text, x, y) {
    tip.textContent = text;
    tip.hidden = false;
    const width = document.documentElement.clientWidth;
    const left = Math.max(4, Math.min(x + 14, width - tip.offsetWidth - 4));
    const below = y + 18 + tip.offsetHeight < innerHeight;
    tip.style.left = `${left}px`;
    tip.style.top = `${below ? y + 18 : Math.max(4, y - tip.offsetHeight - 10)}px`;
  }

  // Which channels a stretch of a strip stands for: its path is made of moves and strokes.
  function channels(stroke, x) {
    const strip = stroke.ownerSVGElement;
    const box = strip.getBoundingClientRect();
    const at = ((x - box.left) / box.width) * strip.viewBox.baseVal.width;
    let start = 0;
    for (const [, move, length] of stroke.getAttribute("d").matchAll(/m(\d+) \d+h(\d+)/gi)) {
      start += Number(move);
      const end = start + Number(length);
      if (at < end) return end - start > 1 ? `channels ${start} to ${end - 1}` : `channel ${start}`;
      start = end;
    }
    return "";
  }

  // What carries a text, this node or one around it.
  function owner(node) {
    for (let at = node; at && at.nodeType === 1; at = at.parentNode) {
      if ((held && held.node === at) || at.hasAttribute("title") || titleOf(at)) return at;
      if (at.tagName === "svg" || at.tagName === "BODY") return null;
    }
    return null;
  }

  document.addEventListener("pointermove", (event) => {
    const node = owner(event.target);
    if (!node) return release();
    hold(node);
    if (!held) return;
    const where = node.closest("svg.channels") ? channels(node, event.clientX) : "";
    show(where ? `${held.text}: ${where}` : held.text, event.clientX, event.clientY);
  });
  document.addEventListener("pointerdown", (event) => {
    if (!owner(event.target)) release();
  });
  document.documentElement.addEventListener("pointerleave", release);
  addEventListener("scroll", release, { capture: true, passive: true });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") release();
  });

  // With the keyboard: arrows go from mark to mark of a plot, from left to right.
  for (const plot of document.querySelectorAll("svg.marked")) {
    const marks = [...plot.querySelectorAll("circle, path, rect")].filter(titleOf);
    const middle = (mark) => {
      const box = mark.getBoundingClientRect();
      return [box.left + box.width / 2, box.top + box.height / 2];
    };
    let index = -1;
    plot.setAttribute("tabindex", "0");
    plot.addEventListener("blur", release);
    plot.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step || !marks.length) return;
      event.preventDefault();
      if (index < 0) marks.sort((a, b) => middle(a)[0] - middle(b)[0]);
      index = index < 0 && step < 0 ? marks.length - 1 : (index + step + marks.length) % marks.length;
      hold(marks[index]);
      if (!held) return;
      held.node.classList.add("current");
      show(held.text, ...middle(held.node));
      status.textContent = held.text;
    });
  }
})();
