// What goes on, as the server tells it: every agent by extension, kept up to date.

import { $, words } from "./text.js";

export const agents = new Map();

// What the server's clock is ahead of ours, in milliseconds.
let ahead = 0;

export const now = () => Date.now() + ahead;

const UNDER_WAY = ["ringing", "waiting", "listening"];

// `show` is given an agent that is new or has changed, `hide` an extension that is no more, `tell` an order of one's own.
export function watch({ show, hide, tell }) {
  const take = ({ now_ms, agents: changed, gone, orders }) => {
    ahead = now_ms - Date.now();
    for (const extension of gone) {
      if (agents.delete(extension)) {
        hide(extension);
      }
    }
    for (const agent of changed) {
      agents.set(agent.extension, agent);
      show(agent);
    }
    $("empty").hidden = agents.size > 0;
    orders.forEach(tell);
  };
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
    const board = JSON.parse(event.data);
    const there = new Set(board.agents.map((agent) => agent.extension));
    const gone = [...agents.keys()].filter((extension) => !there.has(extension));
    // What was over before anybody looked is no news.
    take({ ...board, gone, orders: board.orders.filter((order) => UNDER_WAY.includes(order.state)) });
  });
  events.addEventListener("change", (event) => take(JSON.parse(event.data)));
}
