//! The websocket on which the server tells what happens. It is opened again when it breaks.

import { isObject, parseJson, type Json, type JsonObject } from "../document/json";
import { address } from "./api";

export type Connection = "connecting" | "open" | "lost";

export interface Listener {
  connection(state: Connection): void;
  message(type: string, data: JsonObject): void;
  /** A picture of what is being made. */
  preview(node: string, job: string, picture: Blob): void;
}

/** What the editor understands beyond the oldest protocol. */
const FEATURES = { supports_preview_metadata: true, supports_progress_text_metadata: true };

/** Opens the socket. The function that it returns closes it for good. */
export function openSocket(clientId: string, listener: Listener): () => void {
  let socket: WebSocket | null = null;
  let closed = false;
  let tries = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const open = () => {
    listener.connection(tries === 0 ? "connecting" : "lost");
    const url = new URL(address("ws"));
    url.protocol = url.protocol.replace("http", "ws");
    url.searchParams.set("clientId", clientId);
    const opened = new WebSocket(url);
    socket = opened;
    opened.binaryType = "arraybuffer";
    opened.onopen = () => {
      tries = 0;
      opened.send(JSON.stringify({ type: "feature_flags", data: FEATURES }));
      listener.connection("open");
    };
    opened.onmessage = ({ data }) => (typeof data === "string" ? text(data, listener) : binary(data as ArrayBuffer, listener));
    opened.onclose = () => {
      if (closed) return;
      listener.connection("lost");
      // Soon at first, then more seldom; never so seldom that somebody waits.
      timer = setTimeout(open, Math.min(250 * 2 ** tries++, 3000));
    };
  };
  open();
  return () => {
    closed = true;
    clearTimeout(timer);
    socket?.close();
  };
}

function text(raw: string, listener: Listener): void {
  let json: Json;
  try {
    json = parseJson(raw);
  } catch {
    console.error("the server sent a message that is no JSON", raw.slice(0, 200));
    return;
  }
  if (isObject(json) && typeof json.type === "string") listener.message(json.type, isObject(json.data) ? json.data : {});
}

function binary(buffer: ArrayBuffer, listener: Listener): void {
  if (buffer.byteLength < 8) return;
  const view = new DataView(buffer);
  const kind = view.getUint32(0);
  if (kind === 1) {
    const type = view.getUint32(4) === 2 ? "image/png" : "image/jpeg";
    listener.preview("", "", new Blob([buffer.slice(8)], { type }));
  } else if (kind === 4) {
    const length = view.getUint32(4);
    const about = parseJson(new TextDecoder().decode(buffer.slice(8, 8 + length)));
    if (!isObject(about)) return;
    const type = String(about.image_type ?? "image/jpeg");
    listener.preview(String(about.display_node_id ?? about.node_id), String(about.prompt_id), new Blob([buffer.slice(8 + length)], { type }));
  } else if (kind === 3) {
    const bytes = new Uint8Array(buffer);
    const decode = (from: number, to?: number) => new TextDecoder().decode(bytes.subarray(from, to));
    const first = view.getUint32(4);
    const second = 8 + first;
    if (second + 4 > bytes.length) return;
    const length = view.getUint32(second);
    listener.message("progress_text", { prompt_id: decode(8, second), node: decode(second + 4, second + 4 + length), text: decode(second + 4 + length) });
  }
}
