//! What runs, what ran, and what it showed.

import { create } from "zustand";
import { isObject, type Json, type JsonObject } from "../document/json";
import * as api from "../server/api";
import { openSocket, type Connection } from "../server/socket";
import { complain, notify } from "./notices";

/** What went wrong at a node, perhaps at one of its inputs. */
export interface NodeError {
  readonly message: string;
  readonly details: string;
  readonly input: string | null;
  readonly trace: string;
}

export interface NodeRun {
  readonly state: "waiting" | "running" | "done" | "failed";
  /** From 0 to 1, while it runs. */
  readonly progress: number | null;
  /** The address of a picture of what is being made. */
  readonly preview: string | null;
  readonly images: readonly api.FileRef[];
  readonly media: readonly { kind: "audio" | "video"; file: api.FileRef }[];
  readonly text: string | null;
  readonly errors: readonly NodeError[];
}

export const IDLE: NodeRun = { state: "waiting", progress: null, preview: null, images: [], media: [], text: null, errors: [] };

/** The nodes of a tab by the ids that they have when they run. */
export type Runs = Readonly<Record<string, NodeRun>>;

export interface RunState {
  connection: Connection;
  remaining: number;
  jobs: readonly api.Job[];
  /** The tab that sent each job. */
  senders: Readonly<Record<string, string>>;
  /** The job that runs, as far as this editor is told. */
  current: { readonly job: string; readonly node: string | null; readonly done: number; readonly total: number } | null;
  runs: Readonly<Record<string, Runs>>;
  /** What a tab's last job was refused for as a whole. */
  refusals: Readonly<Record<string, string>>;
}

export const useRun = create<RunState>()(() => ({ connection: "connecting", remaining: 0, jobs: [], senders: {}, current: null, runs: {}, refusals: {} }));

function clientId(): string {
  const kept = sessionStorage.getItem("burnish.client");
  const id = kept ?? crypto.randomUUID();
  sessionStorage.setItem("burnish.client", id);
  return id;
}

export const CLIENT = clientId();

const sizes = new Map<string, number>();

export function patchRun(tab: string, node: string, patch: (run: NodeRun) => NodeRun): void {
  useRun.setState(({ runs }) => ({ runs: { ...runs, [tab]: { ...runs[tab], [node]: patch(runs[tab]?.[node] ?? IDLE) } } }));
}

/** Forgets the errors of a tab, before it is run again. */
export function clearErrors(tab: string): void {
  useRun.setState(({ runs, refusals }) => {
    const kept = Object.entries(runs[tab] ?? {}).map(([id, run]) => [id, run.errors.length || run.state === "failed" ? { ...run, state: "waiting", errors: [] } : run] as const);
    const { [tab]: _, ...others } = refusals;
    return { runs: { ...runs, [tab]: Object.fromEntries(kept) as Runs }, refusals: others };
  });
}

const text = (value: Json | undefined) => (typeof value === "string" ? value : value === undefined || value === null ? "" : String(value));
const list = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);

/** Reads the `node_errors` of a refusal. */
export function readNodeErrors(json: JsonObject): Record<string, NodeError[]> {
  return Object.fromEntries(
    Object.entries(json).map(([id, about]) => [
      id,
      list(isObject(about) ? about.errors : undefined).flatMap((it): NodeError[] => {
        if (!isObject(it)) return [];
        const extra = isObject(it.extra_info) ? it.extra_info : {};
        return [{ message: text(it.message), details: text(it.details), input: typeof extra.input_name === "string" ? extra.input_name : null, trace: "" }];
      }),
    ]),
  );
}

export function showErrors(tab: string, errors: Record<string, NodeError[]>, refusal?: string): void {
  for (const [id, those] of Object.entries(errors)) patchRun(tab, id, (run) => ({ ...run, state: "failed", errors: those }));
  if (refusal) useRun.setState(({ refusals }) => ({ refusals: { ...refusals, [tab]: refusal } }));
}

/** What a node showed: pictures, sounds, films and texts. */
export function readOutput(output: JsonObject): Pick<NodeRun, "images" | "media" | "text"> {
  const files = (value: Json | undefined) =>
    list(value).flatMap((it): api.FileRef[] => (isObject(it) && typeof it.filename === "string" ? [{ filename: it.filename, subfolder: text(it.subfolder), type: text(it.type) || "output" }] : []));
  const isFilm = (file: api.FileRef) => /\.(mp4|webm|mov|m4v|mkv)$/i.test(file.filename);
  const pictures = [...files(output.images), ...files(output.gifs), ...files(output.video)];
  const words = list(output.text).map(text);
  return {
    images: pictures.filter((it) => !isFilm(it)),
    media: [...pictures.filter(isFilm).map((file) => ({ kind: "video" as const, file })), ...files(output.audio).map((file) => ({ kind: "audio" as const, file }))],
    text: words.length ? words.join("\n") : null,
  };
}

/** Notes that a tab sends a job of so many nodes. */
export function sent(tab: string, job: string, nodes: number): void {
  sizes.set(job, nodes);
  useRun.setState(({ senders }) => ({ senders: { ...senders, [job]: tab } }));
}

let refreshing: Promise<void> | null = null;
let again = false;

/** Fetches the list of jobs; calls while it is under way lead to one more. */
export function refreshJobs(): Promise<void> {
  if (refreshing) {
    again = true;
    return refreshing;
  }
  refreshing = api
    .jobs()
    .then((jobs) => useRun.setState({ jobs }))
    .catch((error: unknown) => {
      // While there is no connection, the bar says so.
      if (useRun.getState().connection === "open") complain(error);
    })
    .finally(() => {
      refreshing = null;
      if (again) {
        again = false;
        void refreshJobs();
      }
    });
  return refreshing;
}

function owner(job: string): string | undefined {
  return useRun.getState().senders[job];
}

const listeners = new Set<(job: string, how: "success" | "error" | "interrupted") => void>();

/** Calls `then` whenever a job of this editor ends. */
export const onJobEnd = (then: (job: string, how: "success" | "error" | "interrupted") => void): void => void listeners.add(then);

function ended(job: string, how: "success" | "error" | "interrupted"): void {
  const tab = owner(job);
  if (tab) {
    useRun.setState(({ runs }) => {
      const kept = Object.entries(runs[tab] ?? {}).map(([id, run]) => {
        if (run.preview) URL.revokeObjectURL(run.preview);
        return [id, { ...run, preview: null, progress: null, state: run.state === "running" ? "waiting" : run.state }] as const;
      });
      return { runs: { ...runs, [tab]: Object.fromEntries(kept) as Runs } };
    });
  }
  useRun.setState(({ current }) => ({ current: current?.job === job ? null : current }));
  sizes.delete(job);
  for (const then of listeners) then(job, how);
  void refreshJobs();
}

const MESSAGES: Record<string, (data: JsonObject) => void> = {
  status: (data) => {
    const status = isObject(data.status) && isObject(data.status.exec_info) ? data.status.exec_info : {};
    useRun.setState({ remaining: Number(status.queue_remaining) || 0 });
    void refreshJobs();
  },
  execution_start: ({ prompt_id }) => {
    const job = text(prompt_id);
    useRun.setState({ current: { job, node: null, done: 0, total: sizes.get(job) ?? 0 } });
    const tab = owner(job);
    if (tab) {
      useRun.setState(({ runs }) => ({
        runs: { ...runs, [tab]: Object.fromEntries(Object.entries(runs[tab] ?? {}).map(([id, run]) => [id, { ...run, state: "waiting", progress: null }])) as Runs },
      }));
    }
    void refreshJobs();
  },
  execution_cached: ({ prompt_id, nodes }) => {
    const tab = owner(text(prompt_id));
    useRun.setState(({ current }) => ({ current: current && { ...current, done: current.done + list(nodes).length } }));
    if (tab) for (const node of list(nodes)) patchRun(tab, text(node), (run) => ({ ...run, state: "done", errors: [] }));
  },
  executing: ({ prompt_id, node, display_node }) => {
    const current = useRun.getState().current;
    const job = text(prompt_id) || current?.job || "";
    if (node === null || node === undefined) {
      if (current?.job === job) useRun.setState({ current: null });
      void refreshJobs();
      return;
    }
    const id = text(display_node ?? node);
    useRun.setState(({ current: now }) => ({ current: { job, node: id, done: now?.job === job ? now.done : 0, total: now?.job === job ? now.total : (sizes.get(job) ?? 0) } }));
    const tab = owner(job);
    if (tab) patchRun(tab, id, (run) => ({ ...run, state: "running", progress: null, errors: [] }));
  },
  progress_state: ({ prompt_id, nodes }) => {
    const tab = owner(text(prompt_id));
    if (!isObject(nodes)) return;
    let done = 0;
    const changes: Record<string, NodeRun> = {};
    const before = tab ? (useRun.getState().runs[tab] ?? {}) : {};
    for (const about of Object.values(nodes)) {
      if (!isObject(about)) continue;
      const id = text(about.display_node_id ?? about.node_id);
      const finished = about.state === "finished";
      if (finished) done++;
      const max = Number(about.max) || 0;
      const run = before[id] ?? IDLE;
      const state = finished ? "done" : about.state === "error" ? "failed" : "running";
      const progress = finished || max <= 1 ? null : (Number(about.value) || 0) / max;
      if (run.state !== state || run.progress !== progress) changes[id] = { ...run, state, progress };
    }
    if (tab && Object.keys(changes).length) useRun.setState(({ runs }) => ({ runs: { ...runs, [tab]: { ...runs[tab], ...changes } } }));
    useRun.setState(({ current }) => ({ current: current && { ...current, done: Math.max(done, current.done) } }));
  },
  progress: ({ prompt_id, node, value, max }) => {
    const tab = owner(text(prompt_id));
    const most = Number(max) || 0;
    if (tab && most > 1) patchRun(tab, text(node), (run) => ({ ...run, state: "running", progress: (Number(value) || 0) / most }));
  },
  progress_text: ({ prompt_id, node, text: words }) => {
    const tab = owner(text(prompt_id));
    if (tab) patchRun(tab, text(node), (run) => ({ ...run, text: text(words) }));
  },
  executed: ({ prompt_id, node, display_node, output }) => {
    const tab = owner(text(prompt_id));
    if (!tab) return;
    patchRun(tab, text(display_node ?? node), (run) => {
      if (run.preview) URL.revokeObjectURL(run.preview);
      return { ...run, state: "done", progress: null, preview: null, ...(isObject(output) ? readOutput(output) : {}) };
    });
  },
  execution_success: ({ prompt_id }) => ended(text(prompt_id), "success"),
  execution_interrupted: ({ prompt_id }) => {
    notify("Stopped.");
    ended(text(prompt_id), "interrupted");
  },
  execution_error: (data) => {
    const job = text(data.prompt_id);
    const tab = owner(job);
    const message = text(data.exception_message).trim() || text(data.exception_type) || "It failed.";
    if (tab) {
      const trace = list(data.traceback).map(text).join("");
      patchRun(tab, text(data.node_id), (run) => ({ ...run, state: "failed", errors: [{ message, details: text(data.exception_type), input: null, trace }] }));
    }
    notify(`${text(data.node_type) || "A node"} failed: ${message.split("\n")[0]}`, "error");
    // A blocked branch tells of an error, too, but the job goes on; only the end of a job has a time.
    if (data.timestamp !== undefined) ended(job, "error");
  },
};

/** Listens to the server. `reconnected` is called when the connection is there again after a break. */
export function listen(reconnected: () => void): () => void {
  let lost = false;
  return openSocket(CLIENT, {
    connection: (connection) => {
      useRun.setState({ connection });
      if (connection === "lost") lost = true;
      if (connection === "open") {
        void refreshJobs();
        if (lost) reconnected();
        lost = false;
      }
    },
    message: (type, data) => MESSAGES[type]?.(data),
    preview: (node, job, picture) => {
      const current = useRun.getState().current;
      const tab = owner(job || current?.job || "");
      const id = node || current?.node;
      if (!tab || !id) return;
      const url = URL.createObjectURL(picture);
      patchRun(tab, id, (run) => {
        if (run.preview) URL.revokeObjectURL(run.preview);
        return { ...run, preview: url };
      });
    },
  });
}

/** Whether a node shows something that needs room. */
export const showsSomething = (run: NodeRun | undefined): boolean => run !== undefined && (run.images.length > 0 || run.media.length > 0 || run.preview !== null || run.text !== null);
