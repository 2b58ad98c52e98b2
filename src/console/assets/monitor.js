// The realtime monitor: a table of agents, by call centre.

import { $, button, clock, make, word, words } from "./text.js";
import { now, watch } from "./live.js";
import { choose, listeners, shortcut, tell } from "./listen.js";

// By name; the extensions of no call centre come last, under no name.
const groups = new Map();

class Group {
  constructor(name) {
    this.name = name;
    this.rows = new Map();
    this.head = make("tr", {}, make("th", { colspan: 6, scope: "rowgroup" }, name || words.noCenter));
    this.element = make("tbody", {}, this.head);
  }

  // Where the extension belongs among the others.
  add(row) {
    this.rows.set(row.extension, row);
    let before = null;
    let other = this.element.lastElementChild;
    while (other !== this.head && other.dataset.extension > row.extension) {
      before = other;
      other = other.previousElementSibling;
    }
    this.element.insertBefore(row.element, before);
  }

  remove(extension) {
    this.rows.get(extension)?.element.remove();
    this.rows.delete(extension);
    if (this.rows.size === 0) {
      this.element.remove();
      groups.delete(this.name);
    }
  }
}

class Row {
  constructor({ extension }) {
    this.extension = extension;
    this.status = button("", () => choose(this.agent));
    this.name = make("td");
    this.time = make("td", { class: "time" });
    this.listeners = make("td");
    this.more = make("details", { class: "more" }, make("summary", {}, words.more), this.own("monitor"), this.own("whisper"));
    if (!words.own) {
      this.more.append(make("p", { class: "soft" }, words.noOwn));
    }
    this.element = make("tr", { "data-extension": extension }, make("th", { scope: "row" }, extension), this.name,
      make("td", {}, this.status), this.time, this.listeners, make("td", {}, this.more));
  }

  own(mode) {
    const element = button(word(`own-${mode}`), () => {
      this.more.open = false;
      this.more.firstElementChild.focus();
      shortcut(this.agent, mode);
    });
    element.disabled = !words.own;
    return element;
  }

  show(agent) {
    this.agent = agent;
    this.name.textContent = agent.name;
    this.status.textContent = word(agent.status);
    this.status.className = `status ${agent.status}`;
    this.status.disabled = agent.status === "idle" || agent.status === "ringing";
    this.listeners.replaceChildren(...listeners(agent));
    this.tick();
  }

  tick() {
    const since = this.agent.since_ms;
    this.time.textContent = since === null ? "—" : clock(now() - since);
  }
}

function group(name) {
  let found = groups.get(name);
  if (!found) {
    found = new Group(name);
    const after = [...groups.values()].filter((other) => name && (!other.name || other.name > name));
    groups.set(name, found);
    const next = after.sort((one, other) => (!one.name ? 1 : !other.name ? -1 : one.name < other.name ? -1 : 1))[0];
    $("agents").insertBefore(found.element, next?.element ?? null);
  }
  return found;
}

function show(agent) {
  const names = agent.centers.length > 0 ? agent.centers : [""];
  for (const one of [...groups.values()]) {
    if (!names.includes(one.name)) {
      one.remove(agent.extension);
    }
  }
  for (const name of names) {
    const { rows } = group(name);
    if (!rows.has(agent.extension)) {
      group(name).add(new Row(agent));
    }
    rows.get(agent.extension).show(agent);
  }
}

function hide(extension) {
  [...groups.values()].forEach((one) => one.remove(extension));
}

watch({ show, hide, tell });
setInterval(() => groups.forEach(({ rows }) => rows.forEach((row) => row.tick())), 1000);
