// The control API and the stream of news.

async function call(method, path, body) {
  const response = await fetch(`/sandbox/${path}`, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body ? JSON.stringify(body) : undefined,
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.message ?? `The sandbox answered ${response.status}`);
  return answer;
}

export const world = () => call("GET", "world");
export const act = (name, body) => call("POST", name, body);

export const commands = (who, channel) => call("GET", `commands?${new URLSearchParams({ as: who, channel })}`);

export function messages(channel, before) {
  const page = new URLSearchParams({ limit: "50" });
  if (before) page.set("before", before);
  return call("GET", `channels/${channel}/messages?${page}`);
}

// Calls `onNews` for each event; `onBack` when the stream is there, also again after it was lost.
export function listen({ onNews, onBack, onLost }) {
  const stream = new EventSource("/sandbox/events");
  stream.onopen = onBack;
  stream.onerror = onLost;
  stream.onmessage = (event) => onNews(JSON.parse(event.data));
}
