// The realtime monitor: rows as the server tells them, and orders to have a phone rung.

const $ = (id) => document.getElementById(id);
const words = $("words").dataset;
const rows = new Map();
// What the server's clock is ahead of ours, in milliseconds.
let ahead = 0;

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function fill(text, row, extra = {}) {
  const values = { agent: row.name ? `${row.name} (${row.extension})` : row.extension, ...extra };
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

class Row {
  constructor(agent) {
    this.button = make("button", { type: "button" });
    this.button.addEventListener("click", () => open(this.agent));
    this.name = make("td");
    this.time = make("td", { class: "time" });
    this.listeners = make("td");
    this.more = make("details", { class: "more" }, make("summary", {}, words.more), this.shortcut("monitor"), this.shortcut("whisper"));
    this.element = make("tr", {}, make("th", { scope: "row" }, agent.extension), this.name,
      make("td", {}, this.button), this.time, this.listeners, make("td", {}, this.more));
  }

  shortcut(mode) {
    const button = make("button", { type: "button" }, words[camel(`own-${mode}`)]);
    button.addEventListener("click", () => {
      this.more.open = false;
      // Only a whisper is asked about again.
      if (mode === "whisper") {
        open(this.agent, { mode, shortcut: true });
      } else {
        order(this.agent, { mode, shortcut: true });
      }
    });
    return button;
  }

  show(agent) {
    this.agent = agent;
    this.name.textContent = agent.name;
    this.button.textContent = words[agent.status];
    this.button.className = `status ${agent.status}`;
    this.button.disabled = agent.status === "idle" || agent.status === "ringing";
    this.more.querySelectorAll("button").forEach((button) => { button.disabled = !words.own; });
    this.listeners.textContent = agent.listeners
      .map((one) => `${one.account} (${one.extension}) ${words[one.mode] ?? one.mode}`).join(", ");
    this.tick();
  }

  tick() {
    const since = this.agent.since_ms;
    this.time.textContent = since === null ? "—" : clock(Date.now() + ahead - since);
  }
}

function clock(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (number) => String(number).padStart(2, "0");
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

function take(change) {
  ahead = change.now_ms - Date.now();
  for (const extension of change.gone) {
    rows.get(extension)?.element.remove();
    rows.delete(extension);
  }
  for (const agent of change.agents) {
    let row = rows.get(agent.extension);
    if (!row) {
      row = new Row(agent);
      rows.set(agent.extension, row);
      const after = [...$("agents").children].find((other) => other.firstChild.textContent > agent.extension);
      $("agents").insertBefore(row.element, after ?? null);
    }
    row.show(agent);
  }
  $("empty").hidden = rows.size > 0;
  change.orders.filter((one) => one.account === words.login).forEach(progress);
}

function progress(one) {
  const row = rows.get(one.target)?.agent ?? { extension: one.target };
  const reason = one.reason ? words[camel(`reason-${one.reason}`)] ?? one.reason : "";
  $("progress").textContent = fill(words[camel(`order-${one.state}`)], row, { phone: one.extension, reason });
}

const camel = (name) => name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());

let chosen = null;

function open(agent, given = null) {
  chosen = { agent, ...given };
  $("listen-title").textContent = fill(words.title, agent);
  $("choose").hidden = Boolean(given);
  $("confirm").hidden = !given;
  if (given) {
    ask();
  } else {
    const phones = [...rows.values()].map((row) => row.agent).filter((one) => one.extension !== agent.extension);
    $("phone").replaceChildren(...phones.map((one) =>
      make("option", { value: one.extension, ...(one.extension === words.own ? { selected: "" } : {}) },
        one.name ? `${one.extension} ${one.name}` : one.extension)));
  }
  $("listen").showModal();
}

function ask() {
  const phone = chosen.shortcut ? words.own : $("phone").value;
  $("question").textContent = fill(words[camel(`ask-${chosen.mode}`)], chosen.agent, { phone });
  $("choose").hidden = true;
  $("confirm").hidden = false;
  $("ok").focus();
}

for (const button of $("choose").querySelectorAll("[data-mode]")) {
  button.addEventListener("click", () => {
    chosen.mode = button.dataset.mode;
    chosen.extension = $("phone").value;
    ask();
  });
}

$("ok").addEventListener("click", () => {
  $("listen").close();
  order(chosen.agent, chosen);
});

async function order(agent, { mode, extension = null, shortcut = false }) {
  $("progress").textContent = "";
  try {
    const response = await fetch("/api/v1/orders", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": words.csrf },
      body: JSON.stringify({ target: agent.extension, extension, mode, shortcut }),
    });
    const body = await response.json();
    if (response.ok) {
      progress(body);
    } else {
      const barred = response.status === 403 ? words.notAllowed : fill(words.orderRefused, agent, { reason: "" });
      const reason = body.reason ? words[camel(`reason-${body.reason}`)] ?? body.detail : body.detail;
      $("progress").textContent = `${barred} ${reason}`;
    }
  } catch {
    $("progress").textContent = words.broken;
  }
}

const events = new EventSource("/api/v1/events");
events.addEventListener("open", () => { $("connection").textContent = words.connected; });
events.addEventListener("error", () => {
  $("connection").textContent = words.broken;
  if (events.readyState === EventSource.CLOSED) {
    // Signed out, most likely: the page itself says what to do.
    setTimeout(() => location.reload(), 3000);
  }
});
events.addEventListener("board", (event) => {
  rows.forEach((row) => row.element.remove());
  rows.clear();
  const board = JSON.parse(event.data);
  // What was over before anybody looked is no news.
  take({ ...board, orders: board.orders.filter((one) => ["ringing", "waiting", "listening"].includes(one.state)) });
});
events.addEventListener("change", (event) => take(JSON.parse(event.data)));
setInterval(() => rows.forEach((row) => row.tick()), 1000);
