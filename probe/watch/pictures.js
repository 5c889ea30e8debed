// Makes elements and pictures: the mark of a result, the way that a flow took, the strip of an hour.
// Foreign text comes in as text nodes alone; nothing here reads a string as markup.

const SVG = "http://www.w3.org/2000/svg";
/** Pixels: a monospaced character at 12 px, a station's height, between stations, between rows, of a row below. */
const CHARACTER = 7.3, HEIGHT = 24, GAP = 34, ROW = 9, INDENT = 28;
/** The longest label of a station, in characters. */
const LONGEST = 46;

/** Two paths for each result in a square of 16: its shape, and the sign in it. */
const MARKS = {
    ok: ["M8 1a7 7 0 0 1 0 14A7 7 0 0 1 8 1Z", "M4.7 8.3 7 10.6l4.4-4.9"],
    unknown: ["M8 .3 15.7 8 8 15.7.3 8Z", "M6.3 6.3a1.8 1.8 0 1 1 2.6 1.6q-.9.5-.9 1.3M8 11.7v.1"],
    warn: ["M8 .8 15.8 15H.2Z", "M8 6v4M8 12.4v.1"],
    fail: ["M5 .6h6L15.4 5v6L11 15.4H5L.6 11V5Z", "M5.3 5.3l5.4 5.4M10.7 5.3l-5.4 5.4"],
    "not-reached": ["M8 1.5a6.5 6.5 0 0 1 0 13a6.5 6.5 0 0 1 0-13Z", "M5 8h6"],
    "not-looked": ["M8 1.5a6.5 6.5 0 0 1 0 13a6.5 6.5 0 0 1 0-13Z", ""],
};
/** How high the bar of a minute stands, of 20: what is worse is higher, for those who see no colours. */
const BARS = { ok: 5, unknown: 10, warn: 15, fail: 20 };

/** An HTML element; children are elements, or foreign text, or nothing. */
export function make(tag, attributes, ...children) {
    return fill(document.createElement(tag), attributes, children);
}

function draw(tag, attributes, ...children) {
    return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
}

/** A result this page knows; what it does not know is no yes. */
export function known(result) {
    return Object.hasOwn(MARKS, result) ? result : "unknown";
}

/** The shape of a result; its word stands beside it. */
export function mark(result) {
    const kind = known(result);
    const paths = MARKS[kind].map((d) => draw("path", { d }));
    return draw("svg", { class: `mark ${kind}`, viewBox: "0 0 16 16", "aria-hidden": "true" }, ...paths);
}

/** The same as an address of a picture, for the tab. */
export function favicon(result, colour) {
    const [shape, sign] = MARKS[known(result)];
    const picture = `<svg xmlns="${SVG}" viewBox="0 0 16 16"><path fill="${colour}" d="${shape}"/>`
        + `<path fill="none" stroke="#fff" stroke-width="2" d="${sign}"/></svg>`;
    return `data:image/svg+xml,${encodeURIComponent(picture)}`;
}

/** The way of a flow from its sender, no wider than `room` where that can be had. */
export function way(flow, room) {
    const stations = layOut(flow, room);
    const width = Math.max(...stations.map((station) => station.x + station.width)) + 3;
    const height = Math.max(...stations.map((station) => station.y)) + HEIGHT + 3;
    const words = [flow.path.slice(0, 2).join(" to "), `promised: ${flow.promised}`, `went: ${flow.went}`];
    return draw(
        "svg",
        { class: known(flow.result), width, height, viewBox: `-1.5 -1.5 ${width} ${height}`, role: "img" },
        draw("title", {}, words.join("; ")),
        ...stations.map(connector),
        ...stations.flatMap(box),
    );
}

/** The stations in their places: those passed, where it was expected, where it went instead. */
function layOut({ path, result, expected, promised, went }, room) {
    const stations = [];
    const after = (kind) => (from, label) => {
        stations.push(place(stations, from, kind, shortened(label), room));
        return stations.at(-1);
    };
    const astray = result === "fail" || result === "warn";
    const sent = path.slice(0, 2).reduce(after("passed"), null);
    if (astray) after("missed")(sent, `expected ${expected ?? promised}`);
    const end = path.length > 2 ? path.slice(2) : [went];
    end.reduce(after(astray ? "went" : "passed"), sent);
    return stations;
}

/** Beside the one before if there is room, else below it and indented; a second way starts below the first. */
function place(stations, from, kind, label, room) {
    const width = label.length * CHARACTER + 16;
    if (!from) return { from, kind, label, width, x: 0, y: 0 };
    const beside = from.x + from.width + GAP;
    const isBeside = from.fork ? from.fork.isBeside : beside + width <= room;
    const below = Math.max(...stations.map((station) => station.y)) + HEIGHT + ROW;
    const x = isBeside ? beside : from.x + INDENT;
    const y = isBeside && !from.fork ? from.y : below;
    const placed = { from, kind, label, width, x, y, isBeside };
    from.fork ??= placed;
    return placed;
}

/** The arrow to a station from the one before. */
function connector({ from, kind, isBeside, x, y }) {
    if (!from) return "";
    const middle = HEIGHT / 2;
    const start = isBeside
        ? `M${from.x + from.width} ${from.y + middle}H${from.x + from.width + GAP / 3}`
        : `M${from.x + INDENT / 2} ${from.y + HEIGHT}`;
    const d = `${start}V${y + middle}H${x - 2}m-6-4 6 4-6 4`;
    return draw("path", { class: `way ${kind}`, d });
}

function box({ kind, label, x, y, width }) {
    return [
        draw("rect", { class: `station ${kind}`, x, y, width, height: HEIGHT, rx: 5 }),
        draw("text", { class: kind, x: x + 8, y: y + 16 }, label),
    ];
}

function shortened(label) {
    return label.length > LONGEST ? `${label.slice(0, LONGEST - 1)}…` : label;
}

/** A bar for each of the sixty minutes up to `now` in which the layer was looked at. */
export function strip(layer, minutes, now) {
    const seen = minutes.filter((minute) => Object.hasOwn(minute.worst, layer));
    const bars = seen.map((minute) => bar(layer, minute, now));
    const worse = seen.filter((minute) => minute.worst[layer] !== "ok").length;
    const label = `${layer}: not ok in ${worse} of ${seen.length} minutes looked at`;
    return draw(
        "svg",
        { viewBox: "0 0 240 20", preserveAspectRatio: "none", role: "img", "aria-label": label },
        draw("rect", { class: "ground", y: 19, width: 240, height: 1 }),
        ...bars,
    );
}

function bar(layer, minute, now) {
    const result = known(minute.worst[layer]);
    const ago = Math.floor((now - Date.parse(minute.at)) / 60000);
    const height = BARS[result] ?? 2;
    const title = draw("title", {}, `${clock(minute.at, false)} ${layer}: ${minute.worst[layer]}`);
    return draw("rect", { class: result, x: 4 * (59 - ago), y: 20 - height, width: 3.2, height }, title);
}

/** A time of the server's as the reader's clock shows it. */
export function clock(at, seconds = true) {
    const shape = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    return new Date(at).toLocaleTimeString([], seconds ? { ...shape, second: "2-digit" } : shape);
}
