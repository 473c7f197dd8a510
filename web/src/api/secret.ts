// The secret of the login, without which the cookie is worth nothing. Every tab of this origin has it.

const name = "mcpmux-session";
const listeners = new Set<() => void>();
let secret = read();

// Private windows may refuse to store anything; the login then lasts as long as the page.
function read(): string {
  try {
    return localStorage.getItem(name) ?? "";
  } catch {
    return "";
  }
}

function set(value: string) {
  if (secret === value) return;
  secret = value;
  for (const tell of listeners) tell();
}

export const getSecret = () => secret;

export function keep(value: string) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // see read
  }
  set(value);
}

export function forget() {
  try {
    localStorage.removeItem(name);
  } catch {
    // see read
  }
  set("");
}

export function onChange(tell: () => void): () => void {
  listeners.add(tell);
  return () => listeners.delete(tell);
}

addEventListener("storage", (e) => {
  if (e.key === name || e.key === null) set(read());
});
