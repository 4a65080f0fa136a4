"use strict";
(() => {
  const given = JSON.parse(document.getElementById("curves").textContent);
  const colour = (run) => `var(--s${run % 7})`;
  const WIDTH = 520, HEIGHT = 230, LEFT = 58, RIGHT = 12, TOP = 12, BOTTOM = 24;

  // What was chosen stays when the page is loaded again.
  const kept = { get: (key) => { try { return sessionStorage.getItem(key); } catch { return null; } },
                 set: (key, value) => { try { sessionStorage.setItem(key, value); } catch { /* not allowed here */ } } };

  const smoothed = (values, weight) => {
    let sum = 0, total = 0;
    return values.map((value) => {
      sum = weight * sum + (1 - weight) * value;
      total = weight * total + (1 - weight);
      return sum / total;
    });
  };

  const template = document.createElement("template");
  template.innerHTML = "<svg></svg>";
  const SVG = template.content.firstChild.namespaceURI;
  const node = (name, attributes, text) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const ticks = (low, high, count) => {
    const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
    const found = [];
    for (let number = Math.ceil(low / step); number * step <= high + step * 1e-9; number++) found.push(number * step);
    return found;
  };

  const decades = (low, high) => {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      for (const factor of [1, 2, 5]) found.push(factor * 10 ** power);
    }
    const inside = found.filter((value) => value >= low * 0.999 && value <= high * 1.001);
    return inside.length > 6 ? inside.filter((value) => /^1/.test(value.toExponential())) : inside;
  };

  const short = (value) => {
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1).replace("e+", "e").replace(".0e", "e");
    return String(Number(value.toPrecision(4)));
  };

  const draw = (place, plot, weight) => {
    const lines = plot.lines.map((line) => ({ ...line, soft: plot.smooth && weight > 0 && line.x.length >= 20 ? smoothed(line.y, weight) : line.y }));
    const positive = lines.every((line) => line.y.every((value) => value > 0));
    const box = place.querySelector(".log input");
    box.parentElement.hidden = !positive;
    const log = positive && box.checked;
    const xs = lines.flatMap((line) => [line.x[0], line.x[line.x.length - 1]]);
    const ys = lines.flatMap((line) => line.y);
    let [x0, x1] = [Math.min(...xs), Math.max(...xs)];
    let [y0, y1] = [ys.reduce((a, b) => Math.min(a, b)), ys.reduce((a, b) => Math.max(a, b))];
    if (x0 === x1) [x0, x1] = [x0 - 0.5, x1 + 0.5];
    if (y0 === y1) [y0, y1] = log ? [y0 / 1.1, y1 * 1.1] : [y0 - (Math.abs(y0) * 0.05 || 0.5), y1 + (Math.abs(y1) * 0.05 || 0.5)];
    else if (log) [y0, y1] = [y0 / (y1 / y0) ** 0.05, y1 * (y1 / y0) ** 0.05];
    else [y0, y1] = [y0 - (y1 - y0) * 0.06, y1 + (y1 - y0) * 0.06];
    const scale = log ? Math.log : (value) => value;
    const atX = (x) => LEFT + (x - x0) / (x1 - x0) * (WIDTH - RIGHT - LEFT);
    const atY = (y) => HEIGHT - BOTTOM - (scale(y) - scale(y0)) / (scale(y1) - scale(y0)) * (HEIGHT - BOTTOM - TOP);

    const svg = node("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": plot.title });
    for (const value of log ? decades(y0, y1) : ticks(y0, y1, 4)) {
      const level = atY(value).toFixed(1);
      svg.append(node("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: level, y2: level }));
      svg.append(node("text", { x: LEFT - 7, y: Number(level) + 4, "text-anchor": "end" }, short(value)));
    }
    for (const value of ticks(x0, x1, 5)) {
      if (!Number.isInteger(value)) continue;
      svg.append(node("text", { x: atX(value).toFixed(1), y: HEIGHT - 6, "text-anchor": "middle" }, value.toLocaleString("en")));
    }
    const path = (line, values) => values.map((value, index) => `${atX(line.x[index]).toFixed(1)},${atY(value).toFixed(1)}`).join(" ");
    for (const line of lines) {
      const style = `stroke:${colour(line.run)}`;
      svg.append(node("polyline", { class: line.soft === line.y ? "raw alone" : "raw", points: path(line, line.y), style }));
      if (line.soft !== line.y) svg.append(node("polyline", { class: "soft", points: path(line, line.soft), style }));
      if (line.x.length <= 30) {
        line.x.forEach((x, index) => svg.append(node("circle", {
          cx: atX(x).toFixed(1), cy: atY(line.soft[index]).toFixed(1), r: 2.6, style: `fill:${colour(line.run)}`,
        })));
      }
    }
    const cursor = node("line", { class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" });
    svg.append(cursor);
    place.querySelector("svg")?.remove();
    place.append(svg);

    const read = place.querySelector(".read") ?? place.appendChild(Object.assign(document.createElement("div"), { className: "read" }));
    read.hidden = true;
    svg.addEventListener("pointermove", (event) => {
      const shown = svg.getBoundingClientRect(), frame = place.getBoundingClientRect();
      const wanted = x0 + ((event.clientX - shown.left) / shown.width * WIDTH - LEFT) / (WIDTH - RIGHT - LEFT) * (x1 - x0);
      const nearest = (line) => line.x.reduce((best, x, index) => Math.abs(x - wanted) < Math.abs(line.x[best] - wanted) ? index : best, 0);
      const points = lines.map((line) => ({ line, index: nearest(line) }));
      const step = points.map(({ line, index }) => line.x[index]).reduce((a, b) => Math.abs(b - wanted) < Math.abs(a - wanted) ? b : a);
      cursor.setAttribute("x1", atX(step)); cursor.setAttribute("x2", atX(step)); cursor.setAttribute("visibility", "visible");
      read.replaceChildren(Object.assign(document.createElement("div"), { textContent: `step ${step.toLocaleString("en")}` }));
      for (const { line, index } of points) {
        const row = document.createElement("div"), chip = document.createElement("span"), value = document.createElement("b");
        chip.className = "chip"; chip.style.background = colour(line.run);
        value.textContent = short(line.y[index]);
        row.append(chip, value, given.runs.length > 1 ? ` ${given.runs[line.run]}` : "");
        read.append(row);
      }
      read.hidden = false;
      const left = event.clientX - frame.left;
      read.style.top = `${event.clientY - frame.top + 14}px`;
      read.style.left = left > frame.width / 2 ? "" : `${left + 14}px`;
      read.style.right = left > frame.width / 2 ? `${frame.width - left + 14}px` : "";
    });
    svg.addEventListener("pointerleave", () => { read.hidden = true; cursor.setAttribute("visibility", "hidden"); });
  };

  const places = [...document.querySelectorAll("[data-plot]")];
  const smoothing = document.getElementById("smoothing");
  const redraw = () => {
    const weight = smoothing ? Number(smoothing.value) : 0;
    for (const place of places) draw(place, given.plots[Number(place.dataset.plot)], weight);
  };
  if (smoothing) {
    smoothing.value = kept.get("smoothing") ?? smoothing.value;
    smoothing.addEventListener("input", () => { kept.set("smoothing", smoothing.value); redraw(); });
  }
  for (const place of places) {
    const box = place.querySelector(".log input"), key = `log ${given.plots[Number(place.dataset.plot)].title}`;
    if (kept.get(key) !== null) box.checked = kept.get(key) === "true";
    box.addEventListener("change", () => { kept.set(key, box.checked); redraw(); });
  }
  redraw();

  const time = document.getElementById("time");
  if (time) {
    const steps = time.dataset.steps.split(" ").map(Number);
    const show = () => {
      const step = steps[Number(time.value)], written = (number) => `step ${number.toLocaleString("en")}`;
      document.querySelector("output[for=time]").textContent = written(step);
      for (const figure of document.querySelectorAll("figure.run")) {
        const images = [...figure.querySelectorAll("img")];
        const chosen = images.filter((image) => Number(image.dataset.step) <= step).pop() ?? images[0];
        for (const image of images) image.hidden = image !== chosen;
        figure.querySelector(".at").textContent = written(Number(chosen.dataset.step));
      }
      kept.set("time", Number(time.value) === steps.length - 1 ? "last" : String(step));
    };
    const before = kept.get("time");
    if (before !== null && before !== "last") time.value = Math.max(0, steps.findLastIndex((step) => step <= Number(before)));
    time.addEventListener("input", show);
    show();
  }

  if (given.refresh) setTimeout(() => location.reload(), 1000 * given.refresh);
})();
