// What moves in the page of a replay: the steps of a warp, and what an element of memory went through.
#pragma once

namespace cai {

inline constexpr const char* kReplayScript = R"js("use strict";
const data = JSON.parse(document.getElementById("page-data").textContent);
const READ = 0, WRITE = 1, MEETING = 2;

// A request of the lanes of a warp. elements: of each lane, the first element that it touches, or null if it rests.
function request([step, end, kind, file, line, target, bytes, lanes, places], launch) {
  const elements = [];
  const width = kind === MEETING ? 0 : Math.max(1, bytes / launch.arrays[target].elementBytes);
  for (let lane = 0, k = 0; lane < 32; lane++) {
    if (!(lanes >>> lane & 1)) { elements.push(null); continue; }
    elements.push(places.length > 2 ? places[k] : places[0] + (places[1] || 0) * k);
    k++;
  }
  return {step, end, kind, file, line, target, bytes, width, elements};
}

function elementName(array, element) {
  return array.columns >= array.count ? `${array.name}[${element}]`
    : `${array.name}[${Math.floor(element / array.columns)}][${element % array.columns}]`;
}

// "0-15, 20" of [0, 1, ..., 15, 20].
function ranges(numbers) {
  const parts = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = parts[parts.length - 1];
    if (last && number === last[1] + 1) last[1] = number; else parts.push([number, number]);
  }
  return parts.map(([from, to]) => from === to ? from : `${from}-${to}`).join(", ");
}

const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

// What a request costs, as core/page/warp_requests.h counts it.
function cost(request, array) {
  const places = request.elements.map(element => element === null ? null : element * array.elementBytes);
  const here = places.filter(place => place !== null);
  if (!array.shared) {
    const distinct = size => new Set(here.map(place => Math.floor(place / size))).size;
    return {sectors: distinct(32), lines: distinct(128),
            least: Math.ceil(new Set(here).size * request.bytes / 32)};
  }
  const words = Math.max(1, request.bytes / 4), together = 32 / words;
  let ways = 0, wavefronts = 0;
  for (let first = 0; first < 32; first += together) {
    const wanted = Array.from({length: 32}, () => new Set());
    for (const place of places.slice(first, first + together).filter(place => place !== null))
      for (let i = 0; i < words; i++) {
        const word = Math.floor(place / 4) + i;
        wanted[word % 32].add(word);
      }
    const most = Math.max(...wanted.map(bank => bank.size));
    ways = Math.max(ways, most);
    wavefronts += most;
  }
  return {ways, wavefronts};
}

function costInWords(request, array) {
  const {sectors, lines, least, ways, wavefronts} = cost(request, array);
  if (!array.shared)
    return `${plural(sectors, "sector")} of 32 bytes${sectors > least ? ` where ${least} would do` : ""}, in ` +
           `${plural(lines, "line")} of 128 bytes`;
  return `${ways > 1 ? `a ${ways}-way bank conflict` : "no bank conflict"}, ${plural(wavefronts, "wavefront")}`;
}

// One launch of the page: its picker of warps, its slider, its pictures.
class Replay {
  constructor(section, launch) {
    this.section = section;
    this.launch = launch;
    this.warps = launch.warps.map(warp => warp.map(encoded => request(encoded, launch)));
    this.warp = 0;
    this.step = 0;
    const find = name => section.querySelector(name);
    [this.picker, this.slider, this.now, this.nowLine, this.lanes] =
      [".warp", ".step", ".now", ".now-line code", ".lanes"].map(find);
    this.slider.max = launch.steps - 1;
    this.picker.addEventListener("change", () => this.show(this.picker.selectedIndex, this.step));
    this.slider.addEventListener("input", () => this.show(this.warp, Number(this.slider.value)));
    find(".back").addEventListener("click", () => this.next(-1));
    find(".on").addEventListener("click", () => this.next(1));
    const play = find(".play");
    play.addEventListener("click", () => {
      if (this.timer) { clearInterval(this.timer); this.timer = 0; }
      else this.timer = setInterval(() => this.next(1) || play.click(), 300);
      play.textContent = this.timer ? "Stop" : "Play";
    });
    for (let lane = 0; lane < 32; lane++) this.lanes.append(document.createElement("div"));
    this.listenToTimeline(find(".timeline"));
    section.querySelectorAll("[data-map]").forEach(map => this.listenToMap(map));
    section.querySelectorAll("[hidden]").forEach(element => element.hidden = false);
    this.show(0, 0);
  }

  // To the step before or behind this one, if there is one.
  next(by) {
    const step = this.step + by, there = step >= 0 && step < this.launch.steps;
    if (there) this.show(this.warp, step);
    return there;
  }

  place(warp) {
    return {block: Math.floor(warp / this.launch.warpsPerBlock), warp: warp % this.launch.warpsPerBlock};
  }

  show(warp, step) {
    this.warp = warp;
    this.step = step;
    this.picker.selectedIndex = warp;
    this.slider.value = step;
    const at = this.warps[warp].find(request => step >= request.step && step < request.end);
    const source = at ? this.launch.source[at.file + ":" + at.line] || "" : "";
    this.now.textContent = `Step ${step + 1} of ${this.launch.steps}. ` + this.sentence(at);
    this.nowLine.textContent = at ? `${at.line}  ${source.trim()}` : " ";
    this.section.querySelectorAll(".code tr").forEach(row =>
      row.classList.toggle("at", Boolean(at) && row.dataset.line === at.file + ":" + at.line));
    this.showLanes(at);
    this.section.querySelectorAll("[data-map]").forEach(map => this.mark(map, at));
    const {left, width, total} = this.launch.timeline, x = left + (step + 0.5) / this.launch.steps * width;
    this.cursor.setAttribute("d", `M${x} 0V${total}`);
  }

  sentence(at) {
    const {block, warp} = this.place(this.warp), who = `Warp ${warp} of block ${block}`;
    if (!at) return `${who} has ended.`;
    const where = `at line ${at.line} of ${data.files[at.file]}`;
    const lanes = plural(at.elements.filter(element => element !== null).length, "lane");
    if (at.kind === MEETING) {
      const what = this.launch.meetings[at.target];
      return what === "__syncthreads" && this.step < at.end - 1
        ? `${who} waits at __syncthreads(), line ${at.line}, for the other warps of its block.`
        : `${who}: ${lanes} in ${what}, ${where}.`;
    }
    const array = this.launch.arrays[at.target];
    return `${who}: ${lanes} ${at.kind === READ ? "read" : "write"} ${array.name} in ` +
           `${array.shared ? "shared" : "global"} memory ${where}: ${costInWords(at, array)}.`;
  }

  showLanes(at) {
    const array = at && at.kind !== MEETING ? this.launch.arrays[at.target] : null;
    const conflict = array && array.shared && cost(at, array).ways > 1;
    [...this.lanes.children].forEach((box, lane) => {
      const element = at ? at.elements[lane] : null;
      box.className = element === null ? "" : conflict ? "clash" : "on";
      box.replaceChildren(Object.assign(document.createElement("b"), {textContent: "lane " + lane}));
      if (element === null || !array) return;
      const place = element * array.elementBytes;
      box.append(document.createElement("br"), elementName(array, element), document.createElement("br"),
                 array.shared ? "bank " + Math.floor(place / 4) % 32 : "sector " + Math.floor(place / 32));
    });
  }

  // ---- The pictures.

  listenToTimeline(svg) {
    this.cursor = path(svg, "cursor");
    svg.addEventListener("click", event => {
      const {x, y} = pointIn(svg, event), {left, width, rows, row} = this.launch.timeline;
      const warp = rows.findIndex(top => y >= top && y < top + row);
      const step = Math.floor((x - left) / width * this.launch.steps);
      if (step >= 0 && step < this.launch.steps) this.show(warp < 0 ? this.warp : warp, step);
    });
  }

  // The corner of an element in its map.
  corner(map, element) {
    const {columns, size, left, top} = map;
    return [left + element % columns * size, top + Math.floor(element / columns) * size];
  }

  listenToMap(frame) {
    const array = Number(frame.dataset.map), map = this.launch.maps[array], svg = frame.querySelector("svg");
    frame.marks = path(svg, "touched-now");
    const picked = path(svg, "picked");
    let element = -1;
    const pick = chosen => {
      if (chosen === element || chosen < 0 || chosen >= this.launch.arrays[array].count) return;
      element = chosen;
      const [x, y] = this.corner(map, element);
      picked.setAttribute("d", `M${x} ${y}h${map.size}v${map.size}h${-map.size}z`);
      this.section.querySelector(".element").textContent = this.history(array, element);
    };
    svg.addEventListener("pointermove", event => {
      const {x, y} = pointIn(svg, event), column = Math.floor((x - map.left) / map.size);
      if (column >= 0 && column < map.columns) pick(Math.floor((y - map.top) / map.size) * map.columns + column);
    });
    frame.addEventListener("keydown", event => {
      const by = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: map.columns, ArrowUp: -map.columns}[event.key];
      if (!by) return;
      event.preventDefault();
      pick(element < 0 ? 0 : element + by);
    });
  }

  // Frames what the warp touches at this step.
  mark(frame, at) {
    const array = Number(frame.dataset.map), map = this.launch.maps[array];
    const touched = at && at.kind !== MEETING && at.target === array ? new Set(at.elements) : new Set();
    touched.delete(null);
    frame.marks.setAttribute("d", [...touched].map(element => {
      const [x, y] = this.corner(map, element);
      return `M${x} ${y}h${map.size * at.width}v${map.size}h${-map.size * at.width}z`;
    }).join(""));
  }

  // Which threads touched an element, line by line.
  history(index, element) {
    const array = this.launch.arrays[index], uses = new Map();
    this.warps.forEach((requests, number) => {
      const {block, warp} = this.place(number);
      if (array.shared && block > 0) return;
      for (const request of requests) {
        if (request.kind === MEETING || request.target !== index) continue;
        request.elements.forEach((first, lane) => {
          if (first === null || element < first || element >= first + request.width) return;
          const key = `${request.kind === READ ? "read" : "written"} at line ${request.line}`;
          if (!uses.has(key)) uses.set(key, new Map());
          const blocks = uses.get(key);
          if (!blocks.has(block)) blocks.set(block, new Set());
          blocks.get(block).add(warp * 32 + lane);
        });
      }
    });
    const value = array.values ? `, ${array.values[element]} after the call` : "";
    const lines = [...uses].map(([key, blocks]) => key + " by " + [...blocks].map(([block, threads]) =>
      `${threads.size === 1 ? "thread" : "threads"} ${ranges(threads)} of block ${block}`).join(", "));
    return elementName(array, element) + value + ": " + (lines.join("; ") || "never touched") + ".";
  }
}

function path(svg, style) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", "path");
  element.setAttribute("class", style);
  svg.append(element);
  return element;
}

function pointIn(svg, event) {
  return new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
}

const replays = data.launches.map((launch, index) =>
  new Replay(document.getElementById("launch-" + (index + 1)), launch));
)js";

}  // namespace cai
