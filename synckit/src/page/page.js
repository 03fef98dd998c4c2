// The page about a hub. Text of events becomes text nodes only; nothing here makes markup of it.
"use strict";

// Events that are kept, and those that are shown at the same time.
const KEPT_MAX = 1000;
const SHOWN_MAX = 200;
// Times in milliseconds.
const STATUS_EVERY = 2000;
const RETRY_AFTER = 1000;
const CHART_POINTS = 60;

const at = (id) => document.getElementById(id);
const state = {
  space: "", source: null, last: "", kept: [], fresh: [], paused: false, search: "",
  drawing: false, redraw: false, known: null, rates: { in: [], out: [], commit: [] }, story: "",
};

function element(name, text, attributes) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  return made;
}

const short = (id) => (id || "").slice(0, 8);
const clock = (time) => (time.includes("T") ? new Date(time).toISOString().slice(11, 23) : time);
const number = new Intl.NumberFormat("en");

function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) { count /= 1024; unit += 1; }
  return `${unit ? count.toFixed(1) : count} ${units[unit]}`;
}

function duration(seconds) {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} days`;
}

// What is told in the header; a screen reader says it when it changes.
function tell(text, kind) {
  const place = at("connection");
  if (place.textContent !== text) place.textContent = text;
  place.className = kind;
}

function notice(text) {
  at("notice").textContent = text;
  at("notice").hidden = !text;
}

// Events.

function follow() {
  if (state.source) state.source.close();
  state.source = null;
  if (!state.space) return;
  const query = new URLSearchParams({ space: state.space });
  if (state.last) query.set("after", state.last);
  const source = new EventSource(`events?${query}`);
  state.source = source;
  source.onopen = () => tell("live", "good");
  source.onmessage = (message) => {
    state.last = message.lastEventId;
    take(JSON.parse(message.data));
  };
  source.addEventListener("replaced", () => {
    forget();
    notice("The hub's log was replaced; the events of the old one are gone from this page.");
  });
  source.addEventListener("skipped", (message) => {
    const { events } = JSON.parse(message.data);
    notice(`${number.format(events)} events were passed over: this page shows the newest.`);
  });
  source.onerror = () => {
    tell("not connected; trying again", "bad");
    // A browser tries again by itself unless the answer was an error.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => state.source === source && follow(), RETRY_AFTER);
  };
}

function take(event) {
  event.words = [event.aggregate, event.author, event.event, event.payload, JSON.stringify(event.metadata)]
    .join(" ").toLowerCase();
  state.kept.push(event);
  if (state.kept.length > KEPT_MAX) state.kept.splice(0, state.kept.length - KEPT_MAX);
  state.fresh.push(event);
  if (state.fresh.length > SHOWN_MAX) { state.fresh.length = 0; state.redraw = true; }
  draw();
}

function forget() {
  state.kept.length = 0;
  state.fresh.length = 0;
  state.redraw = true;
  draw();
}

const wanted = (event) => !state.search || event.words.includes(state.search);

// Draws at most once a frame, and rows for new events only.
function draw() {
  if (state.drawing) return;
  state.drawing = true;
  requestAnimationFrame(() => {
    state.drawing = false;
    const rows = at("rows");
    if (!state.paused) {
      if (state.redraw) {
        rows.replaceChildren(...state.kept.filter(wanted).slice(-SHOWN_MAX).reverse().map(row));
      } else {
        rows.prepend(...state.fresh.filter(wanted).reverse().map(row));
        while (rows.childElementCount > SHOWN_MAX) rows.lastElementChild.remove();
      }
      state.redraw = false;
      state.fresh.length = 0;
    } else if (state.fresh.length >= SHOWN_MAX) {
      state.redraw = true;
    }
    const found = state.search ? `, ${number.format(state.kept.filter(wanted).length)} found` : "";
    const held = state.paused ? ", paused" : "";
    at("counts").textContent = `${number.format(state.kept.length)} kept${found}${held}`;
  });
}

function row(event) {
  const made = element("tr", undefined, { "data-place": event.place });
  const named = element("button", event.aggregate, { type: "button", class: "link" });
  named.addEventListener("click", () => tellStory(event.aggregate));
  const aggregate = element("td");
  aggregate.append(named);
  const version = event.version > 1 ? ` v${event.version}` : "";
  const payload = element("td", event.payload);
  for (const [key, value] of Object.entries(event.metadata)) payload.append(element("div", `${key}=${value}`, { class: "hint" }));
  made.append(
    element("td", number.format(event.position)), element("td", clock(event.time), { title: event.time }),
    element("td", `${short(event.author)} ${event.seq}`, { title: event.author }), aggregate,
    element("td", event.event + version), payload);
  return made;
}

// One aggregate.

async function tellStory(aggregate) {
  state.story = aggregate;
  await drawStory();
  at("story").focus();
  at("story").scrollIntoView({ block: "start" });
}

async function drawStory() {
  const aggregate = state.story;
  const told = await ask(`aggregate?${new URLSearchParams({ space: state.space, id: aggregate })}`);
  if (!told || state.story !== aggregate) return;
  at("story").hidden = false;
  at("story-title").textContent = aggregate;
  const shown = told.events.length;
  at("story-count").textContent = told.count === shown ? `${number.format(shown)} events, the first one first`
    : `the last ${number.format(shown)} of ${number.format(told.count)} events`;
  at("story-events").replaceChildren(...told.events.map(step));
}

function step(event) {
  const made = element("li", undefined, { value: event.position });
  made.append(element("code", `${event.event} by ${short(event.author)} ${event.seq} at ${event.time}`));
  const change = (label, values) => {
    const text = values.length ? values.join("  |  ") : "nothing";
    made.append(element("span", `${label}: ${text}`, { class: "change payload" }));
  };
  change("before", event.before);
  change("after", event.after);
  for (const [key, value] of Object.entries(event.metadata)) made.append(element("span", `${key}=${value}`, { class: "change hint" }));
  if (event.follows.length) made.append(element("span", `follows ${event.follows.join(", ")}`, { class: "change hint" }));
  if (event.beside.length) {
    made.className = "beside";
    made.append(element("span", `its author had not seen ${event.beside.join(", ")}`, { class: "change bad" }));
  }
  return made;
}

function hideStory() {
  state.story = "";
  at("story").hidden = true;
}

function closeStory() {
  hideStory();
  at("events").focus();
}

// Everything else.

async function ask(path) {
  try {
    const answer = await fetch(path);
    const told = await answer.json();
    if (answer.ok) return told;
    notice(told.error);
  } catch {
    tell("not connected; trying again", "bad");
  }
  return null;
}

async function status() {
  if (document.hidden) return;
  const query = state.space ? `?${new URLSearchParams({ space: state.space })}` : "";
  const told = await ask(`status${query}`);
  if (!told) return;
  if (state.source && state.source.readyState === EventSource.OPEN) tell("live", "good");
  drawSpaces(told.spaces, told.has_more_spaces);
  drawHub(told.hub);
  if (told.space && told.space.name === state.space) {
    drawConflicts(told.space);
    drawReplicas(told.space);
    drawSessions(told.space);
  }
  if (state.story) drawStory();
}

function rows(id, lines, empty) {
  const made = lines.map((cells) => {
    const line = element("tr");
    for (const cell of cells) line.append(cell instanceof Node ? cell : element("td", cell));
    return line;
  });
  if (!made.length) {
    const line = element("tr");
    line.append(element("td", empty, { colspan: "6", class: "hint" }));
    made.push(line);
  }
  at(id).replaceChildren(...made);
}

function drawSpaces(spaces, hasMore) {
  const select = at("space");
  const names = spaces.map((space) => space.name);
  if (JSON.stringify(names) !== JSON.stringify(state.known)) {
    state.known = names;
    select.replaceChildren(...names.map((name) => element("option", name, { value: name })));
    if (!names.includes(state.space)) choose(names[0] || "");
    select.value = state.space;
  }
  if (!names.length) tell("no space here is open to you yet", "bad");
  const lines = spaces.map((space) => [
    space.only ? `${space.name} (only ${space.only})` : space.name, number.format(space.events), number.format(space.authors),
  ]);
  if (hasMore) lines.push(["there are more", "", ""]);
  rows("spaces-rows", lines, "none yet");
}

function choose(space) {
  if (space !== state.space) {
    state.space = space;
    state.last = "";
    notice("");
    forget();
    hideStory();
  }
  const place = new URL(location.href);
  place.searchParams.set("space", space);
  history.replaceState(null, "", place);
  follow();
}

function drawConflicts(space) {
  at("conflicts-from").textContent = space.concurrent_after
    ? `Looked for in the events after ${number.format(space.concurrent_after)}.` : "";
  const list = at("conflicts-list");
  const shown = JSON.stringify(space.concurrent);
  if (list.dataset.shown === shown) return;
  list.dataset.shown = shown;
  const fields = space.concurrent.map((field) => {
    const made = element("div", undefined, { class: "conflict" });
    const named = element("button", field.aggregate, { type: "button", class: "link" });
    named.addEventListener("click", () => tellStory(field.aggregate));
    made.append(named, element("code", ` ${field.event}`));
    for (const edit of field.edits) {
      made.append(element("div", `${edit.payload}  by ${short(edit.author)} at ${edit.time}`, { class: "edit payload" }));
    }
    return made;
  });
  list.replaceChildren(...(fields.length ? fields : [element("p", "none", { class: "hint" })]));
}

function drawReplicas(space) {
  const lines = space.replicas.map((replica) => {
    const ahead = replica.clock_ahead_ms;
    const far = ahead !== null && Math.abs(ahead) > 60000;
    const told = ahead === null ? "not known" : `${ahead >= 0 ? "+" : "−"}${Math.abs(ahead) / 1000} s`;
    return [
      element("td", short(replica.replica) + (replica.is_hub ? " (hub)" : ""), { title: replica.replica }),
      replica.behind === null ? "not known" : number.format(replica.behind),
      number.format(replica.wrote),
      element("td", told, far ? { class: "bad" } : {}),
      replica.is_connected ? element("td", "connected", { class: "good" }) : replica.last_seen || "before this hub started",
    ];
  });
  const more = space.replicas_count - space.replicas.length;
  if (more > 0) lines.push([`and ${number.format(more)} more`, "", "", "", ""]);
  rows("replicas-rows", lines, "none yet");
}

function drawSessions(space) {
  const line = (session) => [
    element("td", short(session.replica), { title: session.replica }), session.peer.replace("a peer at ", ""),
    session.ended ? element("td", session.code ? `ended: ${session.code}` : "done", session.code ? { class: "bad" } : {})
      : element("td", session.state.replace("_", " "), { class: "good" }),
    session.ended ? `until ${clock(session.ended)}` : clock(session.begun),
    `${number.format(session.events_in)} (${bytes(session.bytes_in)})`,
    `${number.format(session.events_out)} (${bytes(session.bytes_out)})`,
  ];
  rows("sessions-rows", [...space.sessions, ...space.ended].map(line), "none yet");
}

function drawHub(hub) {
  const now = performance.now();
  const before = state.before;
  state.before = { now, hub };
  if (before && before.hub.events_in <= hub.events_in && before.hub.commits <= hub.commits) {
    const seconds = (now - before.now) / 1000;
    const commits = hub.commits - before.hub.commits;
    const millis = commits ? (hub.commit_micros - before.hub.commit_micros) / commits / 1000 : 0;
    chart("in", (hub.events_in - before.hub.events_in) / seconds, (rate) => `${rate.toFixed(1)} a second`);
    chart("out", (hub.events_out - before.hub.events_out) / seconds, (rate) => `${rate.toFixed(1)} a second`);
    chart("commit", millis, (time) => `${time.toFixed(2)} ms`);
  }
  const failures = hub.commit_failures.reduce((sum, failure) => sum + failure.count, 0);
  const facts = [
    ["Commits", failures ? `${number.format(failures)} failed` : `${number.format(hub.commits)}, none failed`],
    ["Sessions", `${hub.sessions.live} live, ${hub.sessions.catching_up} catching up, ${hub.sessions.greeting} greeting`],
    ["Events", `${number.format(hub.events_in)} in, ${number.format(hub.events_out)} out`],
    ["Bytes", `${bytes(hub.bytes_in)} in, ${bytes(hub.bytes_out)} out`],
    ["File", bytes(hub.file_bytes)],
    ["Waiting", `${number.format(hub.queue_batches)} batches, ${bytes(hub.uncommitted_bytes)} uncommitted`],
    ["Up", duration(hub.up_seconds)],
    ["Guarded", hub.is_guarded ? "by an authorizer" : "no: this machine only"],
    ["Hub", `${hub.id} (synckit ${hub.version})`],
  ];
  at("facts").replaceChildren(...facts.flatMap(([name, text]) => [element("dt", name), element("dd", text)]));
  const refusals = hub.refusals.map((refusal) => element("li", `${refusal.code}: ${number.format(refusal.count)}`));
  at("refusals").replaceChildren(...(refusals.length ? refusals : [element("li", "none since the hub started")]));
}

function chart(name, value, text) {
  const points = state.rates[name];
  points.push(value);
  if (points.length > CHART_POINTS) points.shift();
  const top = Math.max(...points, 1e-9);
  const line = points.map((point, index) =>
    `${(120 * index / (CHART_POINTS - 1)).toFixed(1)},${(31 - 30 * point / top).toFixed(1)}`);
  at(`chart-${name}`).firstElementChild.setAttribute("points", line.join(" "));
  at(`chart-${name}-now`).textContent = text(value);
}

// Hands.

function pause() {
  state.paused = !state.paused;
  at("pause").setAttribute("aria-pressed", String(state.paused));
  at("pause").textContent = state.paused ? "Go on" : "Pause";
  draw();
}

at("tools").addEventListener("submit", (event) => event.preventDefault());
at("pause").addEventListener("click", pause);
at("clear").addEventListener("click", forget);
at("story-close").addEventListener("click", closeStory);
at("space").addEventListener("change", (event) => choose(event.target.value));
at("search").addEventListener("input", (event) => {
  state.search = event.target.value.trim().toLowerCase();
  state.redraw = true;
  draw();
});
document.addEventListener("keydown", (event) => {
  const typing = ["INPUT", "SELECT"].includes(event.target.tagName);
  if (event.key === "Escape" && state.story) closeStory();
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") { event.preventDefault(); at("search").focus(); }
  if (event.key === "p") pause();
});
document.addEventListener("visibilitychange", status);

state.space = new URLSearchParams(location.search).get("space") || "";
if (state.space) follow();
status();
setInterval(status, STATUS_EVERY);
