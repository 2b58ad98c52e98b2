// The words that the page brought along, and elements made of them.

export const $ = (id) => document.getElementById(id);

export const words = $("words").dataset;

// A word by its name as the server writes it: "own-monitor", or a status.
export const word = (name) => words[name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase())];

export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function button(text, press) {
  const element = make("button", { type: "button" }, text);
  element.addEventListener("click", press);
  return element;
}

export const called = (agent) => (agent.name ? `${agent.name} (${agent.extension})` : agent.extension);

export function clock(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (number) => String(number).padStart(2, "0");
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

// Asks the server to change something; its answer, or null if there is none.
export async function ask(method, path, body = null) {
  try {
    const headers = { "X-CSRF-Token": words.csrf, ...(body && { "Content-Type": "application/json" }) };
    return await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    return null;
  }
}
