"use strict";
// Series as SVG: lines and points over days, what they are in words below, the chosen day as a line.

const SVG = "http://www.w3.org/2000/svg";

function svgPart(parent, name, attributes, text) {
  const part = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) part.setAttribute(key, value);
  if (text !== undefined) part.textContent = text;
  parent.append(part);
  return part;
}

function niceTicks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= rough);
  const ticks = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) ticks.push(v);
  return { ticks, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

function drawSeries(title, units, days, lines, chosen, pick) {
  // lines: { name, values, color, kind: "line" | "dashes" | "points" | "rings" | "band", upper }
  const figure = document.createElement("figure");
  const width = 460, height = 190, left = 48, right = 8, top = 8, bottom = 22;
  const known = lines.flatMap((l) => [...l.values, ...(l.upper || [])]).filter((v) => v !== null);
  if (!known.length) return null;
  let low = Math.min(...known), high = Math.max(...known);
  if (high === low) { low -= 0.01; high += 0.01; }
  const pad = 0.06 * (high - low);
  low -= pad; high += pad;
  const times = days.map((d) => Date.parse(d));
  const first = times[0], last = times[times.length - 1];
  const x = (k) => left + (last === first ? 0.5 : (times[k] - first) / (last - first)) * (width - left - right);
  const y = (v) => top + (1 - (v - low) / (high - low)) * (height - top - bottom);
  const said = lines.map((l) => {
    const own = l.values.filter((v) => v !== null);
    return own.length ? `${l.name}: ${own.length} values, ${Math.min(...own).toFixed(3)} to ${Math.max(...own).toFixed(3)}` : "";
  }).filter(Boolean).join("; ");
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${title}, ${units}, ${days[0]} to ${days[days.length - 1]}. ${said}`);
  const { ticks, digits } = niceTicks(low, high, 4);
  for (const v of ticks) {
    svgPart(svg, "line", { x1: left, x2: width - right, y1: y(v), y2: y(v), stroke: "#dde4e9" });
    svgPart(svg, "text", { x: left - 5, y: y(v) + 4, "text-anchor": "end", "font-size": 11, fill: "#4d5c68" }, v.toFixed(digits));
  }
  const marks = Math.min(3, days.length);
  for (let m = 0; m < marks; m++) {
    const k = marks === 1 ? 0 : Math.round((m * (days.length - 1)) / (marks - 1));
    const anchor = m === 0 ? "start" : m === marks - 1 ? "end" : "middle";
    svgPart(svg, "text", { x: x(k), y: height - 6, "text-anchor": anchor, "font-size": 11, fill: "#4d5c68" }, days[k]);
  }
  svgPart(svg, "line", { class: "chosen", x1: x(chosen), x2: x(chosen), y1: top, y2: height - bottom, stroke: "#b00020", "stroke-width": 1 });
  for (const l of lines) {
    if (l.kind === "band") {
      const run = days.map((_, k) => k).filter((k) => l.values[k] !== null && l.upper[k] !== null);
      if (run.length < 0.6 * days.length) { // some days only: a bar for each
        for (const k of run) svgPart(svg, "line", { x1: x(k), x2: x(k), y1: y(l.values[k]), y2: y(l.upper[k]), stroke: l.color, "stroke-width": 5, opacity: 0.35 });
        continue;
      }
      const there = run.map((k) => `${x(k)},${y(l.upper[k])}`);
      const back = run.reverse().map((k) => `${x(k)},${y(l.values[k])}`);
      svgPart(svg, "polygon", { points: [...there, ...back].join(" "), fill: l.color, opacity: 0.2 });
    } else if (l.kind === "points" || l.kind === "rings") {
      l.values.forEach((v, k) => {
        if (v !== null) svgPart(svg, "circle", { cx: x(k), cy: y(v), r: 2.6, fill: l.kind === "rings" ? "#fff" : l.color, stroke: l.color });
      });
    } else {
      let path = "", open = false;
      l.values.forEach((v, k) => {
        if (v === null) { open = false; return; }
        path += `${open ? "L" : "M"}${x(k).toFixed(1)} ${y(v).toFixed(1)}`;
        open = true;
      });
      svgPart(svg, "path", { d: path, fill: "none", stroke: l.color, "stroke-width": 1.6, "stroke-dasharray": l.kind === "dashes" ? "5 3" : "none" });
    }
  }
  svg.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect();
    const scale = Math.min(box.width / width, box.height / height);
    const at = (event.clientX - box.left - (box.width - width * scale) / 2) / scale;
    let best = 0;
    times.forEach((_, k) => { if (Math.abs(x(k) - at) < Math.abs(x(best) - at)) best = k; });
    pick(best);
  });
  const caption = document.createElement("figcaption");
  caption.append(`${title}, ${units}: `);
  const signs = { line: "—", dashes: "- -", points: "●", rings: "○", band: "▒" };
  lines.forEach((l, k) => {
    const sign = document.createElement("b");
    sign.style.color = l.color;
    sign.textContent = signs[l.kind];
    caption.append(sign, ` ${l.name}${k < lines.length - 1 ? ", " : ""}`);
  });
  figure.append(svg, caption);
  figure.choose = (k) => { for (const end of ["x1", "x2"]) svg.querySelector(".chosen").setAttribute(end, x(k)); };
  return figure;
}
