// Having a phone rung so as to listen: the dialogue that asks which and how, and what becomes of each order.

import { $, ask, button, called, fill, make, word, words } from "./text.js";
import { agents } from "./live.js";

// One's own orders, by their id: the text and the button of each.
const shown = new Map();

// The agent of the dialogue, and what has been chosen so far.
let chosen = null;

// Asks for the phone and the mode, and then again.
export function choose(agent) {
  begin(agent, {});
  for (const option of $("phone").options) {
    option.hidden = option.disabled = option.value === agent.extension;
    option.selected = option.value === words.own && !option.disabled;
  }
  $("listen").showModal();
}

// その他操作: one's own phone rings, and only a whisper is asked about again.
export function shortcut(agent, mode) {
  const wanted = { mode, extension: words.own, shortcut: true };
  if (mode === "whisper") {
    begin(agent, wanted);
    question();
    $("listen").showModal();
    $("ok").focus();
  } else {
    order(agent, wanted);
  }
}

function begin(agent, wanted) {
  chosen = { agent, shortcut: false, ...wanted };
  $("listen-title").textContent = fill(words.title, { agent: called(agent) });
  $("choose").hidden = false;
  $("confirm").hidden = true;
}

function question() {
  const values = { agent: called(chosen.agent), phone: chosen.extension };
  $("question").textContent = fill(word(`ask-${chosen.mode}`), values);
  $("choose").hidden = true;
  $("confirm").hidden = false;
}

for (const one of $("choose").querySelectorAll("[data-mode]")) {
  one.addEventListener("click", () => {
    chosen.mode = one.dataset.mode;
    chosen.extension = $("phone").value;
    question();
    $("ok").focus();
  });
}

$("ok").addEventListener("click", () => {
  $("listen").close();
  order(chosen.agent, chosen);
});

async function order(agent, { mode, extension, shortcut }) {
  const response = await ask("POST", "/api/v1/orders", { target: agent.extension, extension, mode, shortcut });
  const body = await response?.json().catch(() => null);
  if (!body) {
    say("refused", words.broken);
  } else if (response.ok) {
    tell(body);
  } else {
    const homeless = body.reason === "no-right" && agent.centers.length === 0;
    const reason = homeless ? words.reasonNoCenter : why(body.reason) ?? body.detail;
    say("refused", fill(words.orderRefused, { agent: called(agent), reason }));
  }
}

const why = (reason) => (reason ? word(`reason-${reason}`) : "");

// How far an order has come.
export function tell({ id, target, extension, state, reason }) {
  if (state === "refused" && !shown.has(id)) {
    // The answer to the order has told it.
    return;
  }
  const agent = agents.get(target) ?? { extension: target };
  const text = fill(word(`order-${state}`), { agent: called(agent), phone: extension, reason: why(reason) ?? reason });
  const stop = word(`cancel-${state}`);
  say(id, text, stop && button(stop, () => ask("DELETE", `/api/v1/orders/${id}`)));
}

// One line an order; those that are over make room for the next.
function say(id, text, stop = null) {
  for (const [other, line] of shown) {
    if (other !== id && line.childElementCount === 1) {
      line.remove();
      shown.delete(other);
    }
  }
  const line = shown.get(id) ?? make("p");
  const held = line.contains(document.activeElement);
  line.replaceChildren(make("span", {}, text), ...(stop ? [stop] : []));
  if (!shown.has(id)) {
    shown.set(id, line);
    $("orders").append(line);
  }
  if (held) {
    stop?.focus();
  }
}

// Who listens to an agent; an administrator may end it.
export function listeners(agent) {
  return agent.listeners.map((one) => {
    const line = make("p", {}, `${one.account} (${one.extension}) ${word(one.mode)} `);
    if (words.administers === "true") {
      line.append(button(words.end, () => ask("DELETE", `/api/v1/sessions/${one.session}`)));
    }
    return line;
  });
}
