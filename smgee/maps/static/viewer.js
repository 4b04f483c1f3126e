"use strict";

const byId = (id) => document.getElementById(id);
const state = { run: null, day: 0, tiles: null, playing: null, waiting: 0, series: null, charts: [] };
const earthDay = new Map(); // address and day of tiles, by layer and day
const CELL_TITLES = { map: "mean of the map", AM: "SMAP, descending (06:00)", PM: "SMAP, ascending (18:00)",
  AM_difference: "SMAP − map, descending", PM_difference: "SMAP − map, ascending" };
const STATION_TITLES = { value: "soil moisture of the day", error: "error of the day: map − station",
  bias: "bias of the model where it was left out", rmse: "RMSE of the model where it was left out" };

async function fetched(path) {
  const answer = await fetch(path);
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error || answer.statusText);
  return content;
}

function say(text, wrong = false) {
  byId("status").textContent = text;
  byId("status").classList.toggle("wrong", wrong);
}

function colour(look, value) {
  if (value === null || value === undefined) return null;
  const table = look.palette.map((c) => [0, 2, 4].map((k) => parseInt(c.slice(k, k + 2), 16)));
  const span = look.high - look.low || 1;
  const place = Math.min(1, Math.max(0, (value - look.low) / span)) * (table.length - 1);
  const lower = Math.min(Math.floor(place), table.length - 2);
  const mixed = table[lower].map((v, k) => Math.round(v + (table[lower + 1][k] - v) * (place - lower)));
  return `rgb(${mixed.join(",")})`;
}

function key(id, look) {
  const target = byId(id);
  target.replaceChildren();
  if (!look) return;
  const bar = document.createElement("div");
  bar.className = "bar";
  bar.style.background = `linear-gradient(to right, ${look.palette.map((c) => "#" + c).join(",")})`;
  const ends = document.createElement("div");
  ends.className = "ends";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(look.high - look.low || 1)));
  for (const v of [look.low, (look.low + look.high) / 2, look.high]) {
    const end = document.createElement("span");
    end.textContent = v.toFixed(Math.min(digits, 4)).replace("-", "−") + (v === look.high && look.units ? ` ${look.units}` : "");
    ends.append(end);
  }
  target.append(bar, ends);
}

function option(select, value, title, group) {
  let parent = select;
  if (group) {
    parent = [...select.querySelectorAll("optgroup")].find((g) => g.label === group);
    if (!parent) {
      parent = document.createElement("optgroup");
      parent.label = group;
      select.append(parent);
    }
  }
  parent.append(new Option(title, value));
}

const degrees = (v, plus, minus) => `${Math.abs(v).toFixed(4)}° ${v < 0 ? minus : plus}`;
const dayName = () => state.run.days[state.day];
const layerOf = (name) => state.run.layers.find((l) => l.name === name);

// ---------------------------------------------------------------- the map

const map = L.map("map", { zoomControl: true, maxZoom: 18, zoomSnap: 0.5 });
map.attributionControl.setPrefix('<a href="https://leafletjs.com">Leaflet</a>');
L.control.scale({ imperial: false }).addTo(map);
const cellLines = L.geoJSON(null, { style: cellStyle, onEachFeature: (f, l) => l.bindTooltip(() => cellText(f.properties.name), { sticky: true }) });
const stationDots = L.layerGroup();

async function showLayer() {
  const layer = layerOf(byId("layer").value);
  key("layer-key", layer.look);
  const name = `${layer.name}/${layer.daily ? dayName() : "all"}`;
  try {
    if (!earthDay.has(name)) {
      say(layer.remote ? "Asking Earth Engine for the layer …" : "");
      earthDay.set(name, await fetched(`layer.json?name=${encodeURIComponent(layer.name)}&day=${dayName()}`));
    }
  } catch (error) {
    say(`${layer.title}: ${error.message}`, true);
    return;
  }
  const now = layerOf(byId("layer").value);
  if (name !== `${now.name}/${now.daily ? dayName() : "all"}`) return; // meanwhile something else was chosen
  const old = state.tiles;
  if (old && old.smgeeName === name) return;
  const shown = earthDay.get(name);
  const fresh = L.tileLayer(shown.url, { opacity: Number(byId("opacity").value), maxZoom: 18,
    bounds: layer.remote ? undefined : state.bounds });
  fresh.smgeeName = name;
  const day = dayName();
  let failed = 0, asked = 0, done = 0;
  const progress = () => { if (layer.remote) say(`Earth Engine draws ${layer.title}: ${done} of ${asked} tiles.`); };
  fresh.on("tileloadstart", () => { asked += 1; progress(); });
  fresh.on("tileload", () => { done += 1; progress(); });
  fresh.on("tileerror", () => { failed += 1; });
  fresh.on("load", () => {
    // the old day stays until the new one is drawn, so that a film does not flicker
    if (old) map.removeLayer(old);
    if (state.tiles !== fresh) return; // another day was chosen before this one was drawn
    document.body.dataset.drawn = name;
    document.body.dataset.failed = String(failed);
    const other = layer.daily && shown.day !== day ? `${layer.title}: shown is ${shown.day}.` : "";
    say(failed ? `${failed} tiles of ${layer.title} could not be drawn.` : other, failed > 0);
  });
  fresh.addTo(map);
  state.tiles = fresh;
}

// ---------------------------------------------------------------- cells and stations

let cellValues = {};

function cellStyle(feature) {
  const chosen = byId("cells").value;
  const large = feature.properties.name.startsWith("M36");
  const wanted = byId("size").value === (large ? "M36" : "M09");
  const look = state.run && state.run.cell_looks[chosen];
  const value = (cellValues[feature.properties.name] || {})[chosen];
  const fill = wanted && look ? colour(look, value) : null;
  return { color: "#222", weight: large ? 2 : 0.8, fill: true, fillOpacity: fill ? 0.75 : 0, fillColor: fill || "#fff" };
}

function cellText(name) {
  const values = cellValues[name] || {};
  const lines = Object.keys(CELL_TITLES).filter((k) => values[k] !== undefined && values[k] !== null)
    .map((k) => `${CELL_TITLES[k]}: ${values[k].toFixed(3)}`);
  return told(name, lines);
}

function told(name, lines) {
  // names come from files: they are text, never markup
  const box = document.createElement("div");
  const head = document.createElement("b");
  head.textContent = name;
  box.append(head);
  for (const line of lines.length ? lines : ["no value on this day"]) {
    const row = document.createElement("div");
    row.textContent = line;
    box.append(row);
  }
  return box;
}

async function showCells() {
  const day = dayName();
  const found = await fetched(`cells.json?day=${day}`);
  if (day !== dayName()) return;
  cellValues = found;
  cellLines.setStyle(cellStyle);
  cellLines.bringToFront();
  const chosen = byId("cells").value;
  key("cells-key", state.run.cell_looks[chosen]);
  const missing = (v) => v[chosen] === null || v[chosen] === undefined;
  if (chosen && Object.values(found).every(missing)) {
    const note = document.createElement("p");
    note.className = "note";
    note.textContent = "No cell has a value on this day.";
    byId("cells-key").append(note);
  }
}

async function showStations() {
  const day = dayName();
  const chosen = byId("stations").value;
  const look = state.run.station_looks[chosen];
  const found = await fetched(`stations.json?day=${day}`);
  if (day !== dayName()) return;
  stationDots.clearLayers();
  for (const s of found) {
    const fill = look ? colour(look, s[chosen]) : null;
    const dot = L.circleMarker([s.lat, s.lon], { radius: 6, color: "#111", weight: 1.3,
      fillColor: fill || "#fff", fillOpacity: fill ? 1 : 0.35 });
    const lines = Object.keys(STATION_TITLES).filter((k) => s[k] !== null && s[k] !== undefined)
      .map((k) => `${STATION_TITLES[k]}: ${s[k].toFixed(3)}`);
    dot.bindTooltip(told(s.station, lines));
    dot.on("click", (event) => { L.DomEvent.stopPropagation(event); showSeries(s.lon, s.lat, s.station); });
    stationDots.addLayer(dot);
  }
  key("stations-key", look);
}

// ---------------------------------------------------------------- days

function setDay(k) {
  state.day = Math.min(state.run.days.length - 1, Math.max(0, k));
  byId("day").value = state.day;
  byId("day").setAttribute("aria-valuetext", dayName());
  byId("date").textContent = dayName();
  for (const chart of state.charts) chart.choose(state.day);
  return Promise.all([showLayer(), showCells(), showStations()]).catch((error) => say(error.message, true));
}

function play(on) {
  clearTimeout(state.playing);
  state.playing = null;
  byId("play").setAttribute("aria-pressed", String(on));
  byId("play").textContent = on ? "Stop" : "Play";
  if (!on) return;
  const next = async () => {
    await setDay((state.day + 1) % state.run.days.length);
    if (byId("play").getAttribute("aria-pressed") === "true") state.playing = setTimeout(next, 450);
  };
  state.playing = setTimeout(next, 0);
}

// ---------------------------------------------------------------- series

let pin = null;

async function showSeries(lon, lat, station) {
  say("Reading the series …");
  let found;
  try {
    found = await fetched(`series.json?lon=${lon}&lat=${lat}`);
  } catch (error) {
    say(error.message, true);
    return;
  }
  if (pin) map.removeLayer(pin);
  pin = L.circleMarker([lat, lon], { radius: 10, color: "#b00020", weight: 2, fill: false, interactive: false }).addTo(map);
  byId("lon").value = lon.toFixed(5);
  byId("lat").value = lat.toFixed(5);
  const place = `${degrees(lat, "N", "S")}, ${degrees(lon, "E", "W")}`;
  byId("series-title").textContent = station ? `Station ${station}, ${place}` : place;
  const charts = [], columns = {};
  const pixel = found.pixel || {};
  const own = [];
  if (pixel.lower && pixel.upper) own.push({ name: "its interval", kind: "band", color: "#0072B2", values: pixel.lower, upper: pixel.upper });
  if (pixel.soil_moisture) own.push({ name: "30 m map", kind: "line", color: "#0072B2", values: pixel.soil_moisture });
  for (const [name, values] of Object.entries(found.stations)) own.push({ name: `station ${name}`, kind: "points", color: "#B36A00", values });
  if (own.length) charts.push(["This pixel", own]);
  for (const [cell, values] of Object.entries(found.cells)) {
    const lines = [];
    if (values.map) lines.push({ name: "mean of the map", kind: "line", color: "#0072B2", values: values.map });
    if (values.AM) lines.push({ name: "SMAP 06:00", kind: "points", color: "#111111", values: values.AM });
    if (values.PM) lines.push({ name: "SMAP 18:00", kind: "rings", color: "#111111", values: values.PM });
    if (lines.length) charts.push([`${cell.startsWith("M36") ? "36 km" : "9 km"} cell ${cell}`, lines]);
  }
  for (const [title, lines] of charts) for (const l of lines) columns[`${title}: ${l.name}`] = l.values;
  state.charts = charts.map(([title, lines]) => drawSeries(title, "m³ m⁻³", found.days, lines, state.day, setDay)).filter(Boolean);
  byId("charts").replaceChildren(...state.charts);
  numbers(found.days, columns);
  byId("series").hidden = false;
  map.invalidateSize({ pan: false });
  map.panInside([lat, lon], { padding: [60, 60] });
  const value = pixel.soil_moisture ? pixel.soil_moisture[state.day] : null;
  say(value === null || value === undefined ? `${place}: no map value on ${dayName()}.` : `${place}: ${value.toFixed(3)} m³ m⁻³ on ${dayName()}.`);
}

function numbers(days, columns) {
  const table = byId("numbers");
  table.replaceChildren();
  const names = Object.keys(columns);
  const head = table.createTHead().insertRow();
  for (const name of ["day", ...names]) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = name;
    head.append(cell);
  }
  const body = table.createTBody();
  days.forEach((day, k) => {
    const row = body.insertRow();
    const first = document.createElement("th");
    first.scope = "row";
    first.textContent = day;
    row.append(first);
    for (const name of names) row.insertCell().textContent = columns[name][k] === null ? "" : columns[name][k].toFixed(3);
  });
}

// ---------------------------------------------------------------- begin

async function begin() {
  state.run = await fetched("run.json");
  document.title = `${state.run.name}: soil moisture maps`;
  byId("title").textContent = state.run.name;
  byId("synthetic").hidden = !state.run.synthetic;
  state.bounds = L.latLngBounds(state.run.outline.map(([lon, lat]) => [lat, lon]));
  map.fitBounds(state.bounds);
  for (const layer of state.run.layers) option(byId("layer"), layer.name, layer.title, layer.group);
  option(byId("cells"), "", "nothing: outlines only");
  for (const name of Object.keys(state.run.cell_looks)) option(byId("cells"), name, CELL_TITLES[name] || name);
  for (const name of Object.keys(state.run.station_looks)) option(byId("stations"), name, STATION_TITLES[name] || name);
  for (const [name, ring] of Object.entries(state.run.cells)) {
    cellLines.addData({ type: "Feature", properties: { name }, geometry: { type: "Polygon", coordinates: [ring] } });
  }
  cellLines.addTo(map);
  stationDots.addTo(map);
  byId("day").max = state.run.days.length - 1;
  byId("day").addEventListener("input", () => { play(false); setDay(Number(byId("day").value)); });
  byId("earlier").addEventListener("click", () => setDay(state.day - 1));
  byId("later").addEventListener("click", () => setDay(state.day + 1));
  byId("play").addEventListener("click", () => play(state.playing === null));
  byId("layer").addEventListener("change", showLayer);
  byId("opacity").addEventListener("input", () => state.tiles && state.tiles.setOpacity(Number(byId("opacity").value)));
  byId("cells").addEventListener("change", showCells);
  byId("size").addEventListener("change", showCells);
  byId("stations").addEventListener("change", showStations);
  byId("close").addEventListener("click", () => { byId("series").hidden = true; state.charts = []; if (pin) map.removeLayer(pin); map.invalidateSize({ pan: false }); });
  byId("place").addEventListener("submit", (event) => {
    event.preventDefault();
    showSeries(Number(byId("lon").value.replace(",", ".")), Number(byId("lat").value.replace(",", ".")));
  });
  map.getContainer().addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target !== map.getContainer()) return;
    const at = map.getCenter().wrap();
    showSeries(at.lng, at.lat);
  });
  map.on("click", (event) => { const at = event.latlng.wrap(); showSeries(at.lng, at.lat); });
  await setDay(Math.floor(state.run.days.length / 2));
  const earth = await fetched("earth.json");
  state.run.layers.push(...earth.layers);
  for (const layer of earth.layers) option(byId("layer"), layer.name, layer.title, layer.group);
  byId("earth").textContent = earth.name ? `Composites and predictors are drawn by ${earth.name}.` : `Without Earth Engine: ${earth.why_not}`;
  document.body.dataset.ready = "yes";
}

begin().catch((error) => say(error.message, true));
