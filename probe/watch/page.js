// Asks the server of this page for the latest look, and shows it: never something old as if it were fresh.

import { favicon } from "./pictures.js";
import { about, age, findings, flows, hour, layers, run, silence, verdict } from "./sections.js";

/** Milliseconds: between two questions, for one answer, and between questions that nobody answers. */
const PERIOD = 5000, PATIENCE = 4000, SELDOM = 30000;
/** Milliseconds after which what is shown is old, whoever is to blame. */
const FRESH = 3 * PERIOD;

/** What each place shows, as text. */
const shown = new Map();
/** The latest answer: `history`, `report`, when it came, and how far this clock is ahead of the server's. */
let latest = null;
let failures = 0;
let trouble = "";

/** Asks, shows, and asks again when that is over. */
async function look() {
    try {
        latest = await answer();
        failures = 0;
        show();
    } catch (error) {
        failures += 1;
        trouble = error.message;
    }
    tick();
    setTimeout(look, Math.min(PERIOD * 2 ** Math.max(failures - 1, 0), SELDOM));
}

async function answer() {
    const history = await ask("history.json");
    const report = await ask("report.json");
    const at = Date.now();
    return { history, report, at, skew: at - Date.parse(history.now) };
}

/** 503 is how the server says that there is no report yet: its body is `null`. */
async function ask(name) {
    const response = await fetch(name, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    if (!response.ok && response.status !== 503) throw new Error(`${name}: HTTP ${response.status}`);
    return response.json();
}

function show() {
    const { history, report } = latest;
    const room = document.getElementById("flows").clientWidth - 34;
    replace("about", [history, report?.addresses], () => about(latest));
    replace("layers", [history.layers, report?.cause, report?.notAsked], () => layers(latest));
    replace("flows", [report?.flows, room], () => flows(report?.flows ?? [], room));
    replace("hour", [history.minutes, history.changes, history.now.slice(0, 16)], () => hour(history));
    replace("findings", report?.findings, () => findings(report?.findings ?? []));
    replace("run", [history, report?.uid], () => run(latest));
}

/** Once a second: whether there is still an answer, and how old everything is by now. */
function tick() {
    const gone = failures > 0 || (latest !== null && Date.now() - latest.at > FRESH);
    document.body.classList.toggle("gone", gone);
    if (gone) tell(silence(latest, trouble));
    else if (latest !== null) tell(verdict(latest));
    for (const element of document.querySelectorAll("[data-at]")) {
        element.textContent = age(Date.now() - Number(element.dataset.at));
    }
}

/** The verdict: on the page, and on its tab. */
function tell({ result, title, facts, lines }) {
    const place = document.getElementById("verdict");
    place.className = result;
    replace("verdict", [title, facts], () => lines);
    const icon = favicon(result, getComputedStyle(place).getPropertyValue("--tone"));
    const link = document.querySelector("link[rel=icon]");
    if (link.href !== icon) link.href = icon;
    if (document.title !== title) document.title = title;
}

/** Puts new elements into a place if what it shows has changed; what was unfolded or in focus stays so. */
function replace(id, facts, build) {
    const text = JSON.stringify(facts);
    if (shown.has(id) && shown.get(id) === text) return;
    const place = document.getElementById(id);
    const key = (details) => details?.dataset.key;
    const opened = new Set([...place.querySelectorAll("details[open]")].map(key));
    const focused = place.contains(document.activeElement) && key(document.activeElement.closest("details"));
    place.replaceChildren(...build());
    for (const details of place.querySelectorAll("details")) {
        details.open = opened.has(key(details));
        if (key(details) === focused) details.firstChild.focus({ preventScroll: true });
    }
    shown.set(id, text);
}

addEventListener("resize", () => latest && show());
setInterval(tick, 1000);
look();
