// The seat view: the room as it is, each seat with what its agent is doing; an administrator arranges it.

import { $, ask, make, word, words } from "./text.js";
import { agents, watch } from "./live.js";
import { choose, tell } from "./listen.js";

const plan = $("plan");
const COLUMNS = Number(plan.dataset.columns);
const ROWS = Number(plan.dataset.rows);
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const TALKING = ["internal", "inbound", "outbound", "held"];

const seats = new Map();
let arranging = false;

class Seat {
  constructor(extension, column, row, element = make("li")) {
    this.extension = extension;
    this.name = make("span", { class: "name" }, extension);
    this.status = make("span", { class: "doing" });
    this.button = make("button", { type: "button", class: "seat" }, this.name, this.status);
    this.button.addEventListener("click", () => arranging || choose(agents.get(extension)));
    this.button.addEventListener("keydown", (event) => this.key(event));
    this.button.addEventListener("pointerdown", (event) => this.drag(event));
    this.element = element;
    this.element.hidden = true;
    this.element.append(this.button);
    this.stand(column, row);
    seats.set(extension, this);
  }

  stand(column, row) {
    [this.column, this.row] = [column, row];
    this.element.style.gridArea = `${row} / ${column}`;
  }

  show(agent) {
    this.element.hidden = false;
    this.name.textContent = agent.name || agent.extension;
    const heard = agent.listeners.length > 0 ? ` · ${words.heard}` : "";
    this.status.textContent = `${agent.name ? `${agent.extension} ` : ""}${word(agent.status)}${heard}`;
    this.button.className = `seat status ${agent.status}`;
    this.enable(agent);
  }

  enable(agent = agents.get(this.extension)) {
    this.button.disabled = !arranging && !TALKING.includes(agent?.status);
  }

  key(event) {
    const step = STEPS[event.key];
    if (arranging && step) {
      event.preventDefault();
      this.move(this.column + step[0], this.row + step[1]);
    } else if (arranging && (event.key === "Delete" || event.key === "Backspace")) {
      event.preventDefault();
      this.leave();
    }
  }

  drag(down) {
    if (!arranging) {
      return;
    }
    down.preventDefault();
    this.button.focus();
    this.button.setPointerCapture(down.pointerId);
    const from = [this.column, this.row];
    const over = (event) => {
      const [column, row] = field(event);
      this.stand(column, row);
    };
    const up = (event) => {
      this.button.removeEventListener("pointermove", over);
      const [column, row] = field(event);
      this.stand(...from);
      this.move(column, row);
    };
    this.button.addEventListener("pointermove", over);
    this.button.addEventListener("pointerup", up, { once: true });
    this.button.addEventListener("pointercancel", () => {
      this.button.removeEventListener("pointermove", over);
      this.button.removeEventListener("pointerup", up);
      this.stand(...from);
    }, { once: true });
  }

  async move(column, row) {
    const from = [this.column, this.row];
    const there = column >= 1 && row >= 1 && column <= COLUMNS && row <= ROWS;
    if (!there || (column === from[0] && row === from[1]) || taken(column, row)) {
      return;
    }
    this.stand(column, row);
    if (await done("PUT", this.extension, { column, row })) {
      say(this.extension, words.placed.replace("{column}", column).replace("{row}", row));
    } else {
      this.stand(...from);
    }
  }

  async leave() {
    if (await done("DELETE", this.extension)) {
      seats.delete(this.extension);
      this.element.remove();
      unplaced();
      say(this.extension, words.removed);
      $("arrange").focus();
    }
  }
}

const taken = (column, row) => [...seats.values()].some((seat) => seat.column === column && seat.row === row);

// The field of the plan under the pointer.
function field(event) {
  const style = getComputedStyle(plan);
  const [gap, box] = [parseFloat(style.columnGap), plan.getBoundingClientRect()];
  const size = (tracks) => parseFloat(tracks) + gap;
  const bounded = (number, most) => Math.min(Math.max(number, 1), most);
  return [
    bounded(Math.floor((event.clientX - box.left) / size(style.gridTemplateColumns)) + 1, COLUMNS),
    bounded(Math.floor((event.clientY - box.top) / size(style.gridTemplateRows)) + 1, ROWS),
  ];
}

async function done(method, extension, body) {
  const response = await ask(method, `/api/v1/seats/${extension}`, body);
  if (response?.ok) {
    return true;
  }
  say(extension, response ? words.notPlaced : words.broken);
  return false;
}

function say(extension, text) {
  $("arranged").textContent = `${extension}: ${text}`;
}

// The phones that stand nowhere yet.
function unplaced() {
  const free = [...agents.values()].filter((agent) => !seats.has(agent.extension));
  $("unplaced").replaceChildren(...free.map((agent) => {
    const put = make("button", { type: "button" }, agent.name ? `${agent.name} ${agent.extension}` : agent.extension);
    put.addEventListener("click", () => place(agent));
    return make("li", {}, put);
  }));
  $("aside").hidden = !arranging || free.length === 0;
}

// On the first field that is free; from there it is moved.
async function place(agent) {
  const fields = Array.from({ length: COLUMNS * ROWS }, (_, index) => [(index % COLUMNS) + 1, Math.floor(index / COLUMNS) + 1]);
  const free = fields.find(([column, row]) => !taken(column, row));
  if (free && (await done("PUT", agent.extension, { column: free[0], row: free[1] }))) {
    const seat = new Seat(agent.extension, ...free);
    plan.append(seat.element);
    seat.show(agent);
    unplaced();
    seat.button.focus();
    say(agent.extension, words.placed.replace("{column}", free[0]).replace("{row}", free[1]));
  }
}

$("arrange")?.addEventListener("click", () => {
  arranging = !arranging;
  $("arrange").setAttribute("aria-pressed", arranging);
  plan.classList.toggle("arranging", arranging);
  $("how").hidden = !arranging;
  $("no-seats")?.remove();
  seats.forEach((seat) => seat.enable());
  unplaced();
});

for (const element of plan.children) {
  const { extension, column, row } = element.dataset;
  new Seat(extension, Number(column), Number(row), element);
}

watch({
  show: (agent) => {
    seats.get(agent.extension)?.show(agent);
    if (arranging) {
      unplaced();
    }
  },
  hide: (extension) => {
    const seat = seats.get(extension);
    if (seat) {
      seat.element.hidden = true;
    }
  },
  tell,
});
