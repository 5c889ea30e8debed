// The sections of the page, each made of the server's answer alone.

import { clock, known, make, mark, strip, way } from "./pictures.js";

const WORST_FIRST = ["fail", "warn", "unknown", "ok"];
const WORDS = { fail: "FAIL", "not-reached": "not reached", "not-looked": "not looked at" };
const HEADLINES = {
    ok: "Everything holds", fail: "Broken", unknown: "Nothing is seen broken, but not all could be proved",
};
/** What each proof says where it holds. */
const PROOFS = {
    outbound: "what applications send goes to the proxy",
    service: "so does what they send to the API server",
    inbound: "what comes to the pod goes to the proxy",
    arriving: "so does what arrives from outside",
    "arriving-exclusion": "from outside too, what is excluded is left alone",
    loop: "what the proxy sends is not captured again",
    return: "what the proxy sends in a client's name is answered",
    passthrough: "what comes from the passthrough source is left alone",
    loopback: "loopback is left alone",
    exclusion: "what is excluded is left alone",
    tunnel: "the mesh's tunnel is left alone",
    dns: "DNS goes where it was promised to go",
};
/** Changes that stand there without unfolding. */
const RECENT = 8;

/** A span of time as a tired person reads it. */
export function age(ms) {
    const minutes = Math.floor(ms / 60000);
    if (minutes < 1) return `${Math.max(Math.round(ms / 1000), 0)} s`;
    if (minutes < 60) return `${minutes} min`;
    return minutes < 2880 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} d`;
}

/** An age that grows; it is not read aloud each second. */
function growing(at) {
    return make("span", { "data-at": at, "aria-hidden": "true" }, age(Date.now() - at));
}

const took = (ms) => (ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(1)} s`);
const time = (at) => make("time", { datetime: at, title: at }, clock(at));
const bold = (text) => make("b", {}, text);
const code = (text) => make("code", {}, text);
const line = (...parts) => make("p", {}, ...parts);
const quiet = (...parts) => make("span", { class: "quiet" }, ...parts);
const panel = (...parts) => make("div", { class: "panel" }, ...parts);
const familyName = (family) => family.replace("ip", "IP");

function word(result, more = "") {
    const kind = known(result);
    return make("span", { class: `word ${kind}` }, mark(kind), ` ${WORDS[kind] ?? kind}${more}`);
}

/** Something to unfold, which stays so under its key. */
function folded(key, summary, ...inside) {
    return make("details", { "data-key": key }, make("summary", {}, ...summary), ...inside);
}

/** Whose network it is. */
export function about({ history, report }) {
    const mesh = history.mesh && `mesh ${history.mesh}`;
    const parts = [mesh, report?.addresses?.join(", "), history.ready ? "ready" : "not ready"];
    return [bold(history.pod ?? "podprobe"), ...parts.filter(Boolean).map((part) => quiet(part))];
}

/** The run itself, at the foot of the page. */
export function run({ history, report }) {
    const who = Number.isInteger(report?.uid) ? ` as uid ${report.uid}` : "";
    const ready = history.readyMs === null ? "" : `, network ready after ${took(history.readyMs)}`;
    return [`podprobe ${history.version}${who}, since `, time(history.startedAt), ready];
}

/** What the latest look says, and what to do about it. */
export function verdict({ history, report, skew }) {
    const pod = history.pod ?? "podprobe";
    if (!report) return said("not-looked", "? ", pod, "The first look is under way", []);
    const { verdict: result, cause, notReached } = report;
    const headline = HEADLINES[result] ?? result;
    const since = sinceWhen(history, cause);
    const lines = since ? [quiet("since ", time(since), " (", growing(Date.parse(since) + skew), ")")] : [];
    if (cause) lines.push(...told(cause, notReached));
    const sign = { ok: "✓ ", fail: "✕ " }[result] ?? "? ";
    return said(result, sign, pod, cause ? `${headline}: ${cause.code}` : headline, lines, [cause, since, notReached]);
}

function said(result, sign, pod, headline, lines, facts = []) {
    const top = make("h1", {}, mark(result), make("span", {}, headline));
    return { result: known(result), title: `${sign}${pod}: ${headline}`, lines: [top, ...lines], facts };
}

/** Since when the cause's layer is as it is; without a cause, since the last layer came to be so. */
function sinceWhen({ layers }, cause) {
    const own = layers.find(({ layer }) => layer === cause?.layer);
    const looked = layers.filter(({ result }) => result !== "not-looked");
    return own ? own.since : looked.map(({ since }) => since).sort().at(-1);
}

function told({ reason, hint, likely, explains }, notReached) {
    const follows = [...explains, ...notReached.map((layer) => `${layer} not reached`)];
    const usual = likely ? quiet(" (the usual explanation, not the only one)") : "";
    return [
        make("p", { class: "reason" }, reason, usual),
        line(bold("What to do: "), hint),
        follows.length > 0 ? line(bold("From it follows: "), follows.join(", ")) : "",
    ];
}

/** Nobody answers: what was known before is old, and is said to be. */
export function silence(latest, trouble) {
    if (latest === null) return said("not-looked", "? ", "podprobe", "No answer yet", [line(trouble)], [trouble]);
    const before = verdict(latest).title;
    const gone = said("not-looked", "? ", latest.history.pod ?? "podprobe", "No answer", [], [before, trouble]);
    gone.lines[0].lastChild.append(" since ", growing(latest.at));
    gone.lines.push(
        line("What stands below is of ", time(latest.history.now), " and may be wrong by now; it was: ", before),
        line(quiet(trouble)),
    );
    return gone;
}

/** The layers in causal order. */
export function layers({ history, report, at }) {
    const rungs = history.layers.map((layer) => rung(layer, layer.layer === report?.cause?.layer, at));
    const watched = history.layers.map(({ layer }) => layer);
    const rest = (report?.notAsked ?? []).filter((layer) => !watched.includes(layer));
    const note = rest.length > 0 ? line(quiet(`not watched: ${rest.join(", ")}`)) : "";
    return [make("h2", {}, "Layers, each rests on those before it"), make("ol", {}, ...rungs), note];
}

function rung({ layer, result, sinceLookMs, intervalMs, lookMs }, isCause, at) {
    const overdue = sinceLookMs > 3 * intervalMs + lookMs ? ", overdue" : "";
    const seen = sinceLookMs === null || result.startsWith("not-")
        ? [] : [growing(at - sinceLookMs), ` ago in ${took(lookMs)}${overdue}`];
    return make("li", { class: `${known(result)}${isCause ? " cause" : ""}` }, bold(layer), word(result, isCause ? ", cause" : ""), quiet(...seen));
}

/** The way of each flow, what is broken first; flows that are alike are told as one. */
export function flows(list, room) {
    const groups = WORST_FIRST.flatMap((result) =>
        [...Map.groupBy(list.filter((flow) => known(flow.result) === result), alike)]);
    const astray = groups.filter(([, [flow]]) => isAstray(flow)).map((group) => panel(...wrong(group, room)));
    const others = groups.filter(([, [flow]]) => !isAstray(flow)).map((group) => make("li", {}, held(group, room)));
    const rest = others.length > 0 ? panel(make("ul", {}, ...others)) : "";
    return list.length > 0 ? [make("h2", {}, "The way each flow took"), ...astray, rest] : [];
}

const isAstray = ({ result }) => result === "fail" || result === "warn";

function alike({ proof, result, family, path, promised, went }) {
    if (result === "ok") return proof;
    if (result === "unknown") return `${proof} ${went}`;
    const end = path.length > 2 ? path.slice(2).join(" ") : went.replace(/[\d.]+ m?s\b/, "");
    return [proof, result, family, path[0], promised, end].join(" ");
}

function wrong([key, [first, ...more]], room) {
    const { proof, transport, family, promised, went, result } = first;
    const words = ` ${proof}, ${familyName(family)} ${transport.toUpperCase()}: promised ${promised}, ${went}`;
    const picture = make("figure", {}, way(first, room), make("figcaption", {}, word(result), words));
    const pictures = more.map((flow) => make("figure", {}, way(flow, room - 16)));
    return [picture, more.length > 0 ? folded(key, [`${more.length} more went the same way`], ...pictures) : ""];
}

function held([key, group], room) {
    const [{ proof, result, went }] = group;
    const count = ` ${group.length} ${group.length === 1 ? "flow" : "flows"}: `;
    const words = result === "ok" ? PROOFS[proof] ?? "" : went;
    const pictures = group.map((flow) => make("figure", {}, way(flow, room - 16)));
    return folded(key, [word(result), " ", bold(proof), quiet(count, words)], ...pictures);
}

/** Sixty minutes of every layer, and what changed. */
export function hour({ now, layers, minutes, changes }) {
    const strips = layers.map(({ layer }) =>
        make("div", { class: "strip" }, make("span", {}, layer), strip(layer, minutes, Date.parse(now))));
    const items = changes.toReversed().map(change);
    const older = items.slice(RECENT);
    return [
        make("h2", {}, "The last hour: the higher a minute stands, the worse it was"),
        panel(...strips, make("div", { class: "scale quiet" }, make("span", {}, "an hour ago"), make("span", {}, "now"))),
        panel(
            items.length > 0 ? make("ol", {}, ...items.slice(0, RECENT)) : quiet("Nothing has changed."),
            older.length > 0 ? folded("older", [`${older.length} older`], make("ol", {}, ...older)) : "",
        ),
    ];
}

function change({ at, layer, from, to, text, code: name }) {
    const parts = [time(at), bold(layer), word(from), "→", word(to), name ? code(name) : "", quiet(text)];
    return make("li", {}, ...parts.flatMap((part) => [part, " "]));
}

/** What is not ok, with what was seen. */
export function findings(list) {
    const worst = WORST_FIRST.slice(0, 3).flatMap((word) => list.filter(({ severity }) => known(severity) === word));
    const items = worst.map((finding, index) => make("li", {}, evidence(finding, index)));
    return items.length > 0 ? [make("h2", {}, "Findings and their evidence"), panel(make("ul", {}, ...items))] : [];
}

function evidence({ code: name, severity, layer, subject, family, reason, hint, evidence: seen }, index) {
    const where = [layer, subject, family && familyName(family)].filter(Boolean).join(", ");
    return folded(`${name} ${index}`, [word(severity), " ", code(name), " ", reason],
        line(quiet(where)), line(bold("What to do: "), hint),
        make("pre", { tabindex: "0" }, JSON.stringify(seen, null, 2)));
}
