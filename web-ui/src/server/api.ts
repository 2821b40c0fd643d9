//! What the editor asks of the server, over HTTP.

import { isObject, parseJson, stringifyJson, type Json, type JsonObject } from "../document/json";

/** A file that a job made or that was uploaded. */
export interface FileRef {
  readonly filename: string;
  readonly subfolder: string;
  readonly type: string;
}

/** The server said no, or could not be reached. */
export class ServerError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly body: Json,
  ) {
    super(message);
    this.name = "ServerError";
  }
}

/** The address of a path of the server, wherever the editor is hosted. */
export const address = (path: string): string => new URL(path, document.baseURI).href;

async function ask(method: string, path: string, body?: BodyInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(address(path), { method, ...(body === undefined ? {} : { body }) });
  } catch {
    throw new ServerError("The server cannot be reached.", 0, null);
  }
  if (response.ok) return response;
  const text = await response.text();
  let json: Json = null;
  try {
    json = parseJson(text);
  } catch {
    // Not every refusal is JSON.
  }
  const error = isObject(json) ? json.error : undefined;
  const said = isObject(error) ? String(error.message ?? "") : typeof error === "string" ? error : text.slice(0, 300);
  throw new ServerError(said || `The server answered ${response.status} to ${method} ${path}.`, response.status, json);
}

async function askJson(path: string): Promise<Json> {
  return parseJson(await (await ask("GET", path)).text());
}

const list = (json: Json | undefined): readonly Json[] => (Array.isArray(json) ? json : []);

export const objectInfo = (): Promise<Json> => askJson("api/object_info");

export interface Submission {
  readonly client_id: string;
  readonly prompt_id: string;
  readonly prompt: JsonObject;
  readonly extra_data: JsonObject;
  readonly front?: boolean;
  readonly partial_execution_targets?: readonly string[];
}

/** Puts a job into the queue. Answers with the errors of outputs that do not run; refusals carry `node_errors` in their body. */
export async function submit(submission: Submission): Promise<JsonObject> {
  const json = parseJson(await (await ask("POST", "api/prompt", stringifyJson(submission as unknown as JsonObject))).text());
  const answer = isObject(json) ? json : {};
  return isObject(answer.node_errors) ? answer.node_errors : {};
}

export type JobStatus = "pending" | "in_progress" | "completed" | "failed" | "cancelled";

export interface Job {
  readonly id: string;
  readonly status: JobStatus;
  readonly created: number;
  readonly started: number | null;
  readonly ended: number | null;
  readonly preview: (FileRef & { mediaType: string }) | null;
  readonly outputs: number;
  readonly error: string | null;
}

const asFile = (json: Json | undefined): FileRef | null =>
  isObject(json) && typeof json.filename === "string" ? { filename: json.filename, subfolder: String(json.subfolder ?? ""), type: String(json.type ?? "output") } : null;

/** Jobs, newest first. */
export async function jobs(limit = 100): Promise<Job[]> {
  const json = await askJson(`api/jobs?limit=${limit}`);
  const number = (value: Json | undefined) => (typeof value === "number" ? value : null);
  return list(isObject(json) ? json.jobs : undefined).flatMap((it): Job[] => {
    if (!isObject(it)) return [];
    const file = asFile(it.preview_output);
    const error = isObject(it.execution_error) ? it.execution_error : null;
    return [
      {
        id: String(it.id),
        status: it.status as JobStatus,
        created: number(it.create_time) ?? 0,
        started: number(it.execution_start_time),
        ended: number(it.execution_end_time),
        preview: file && { ...file, mediaType: isObject(it.preview_output) ? String(it.preview_output.mediaType ?? "images") : "images" },
        outputs: number(it.outputs_count) ?? 0,
        error: error ? String(error.exception_message ?? error.message ?? "failed").trim() : null,
      },
    ];
  });
}

/** One job with its outputs by node, its workflow and its prompt. */
export async function job(id: string): Promise<{ outputs: JsonObject; workflow: JsonObject | null; prompt: JsonObject | null }> {
  const json = await askJson(`api/jobs/${encodeURIComponent(id)}`);
  const answer = isObject(json) ? json : {};
  const sent = isObject(answer.workflow) ? answer.workflow : {};
  const extra = isObject(sent.extra_data) && isObject(sent.extra_data.extra_pnginfo) ? sent.extra_data.extra_pnginfo : {};
  return {
    outputs: isObject(answer.outputs) ? answer.outputs : {},
    workflow: isObject(extra.workflow) ? extra.workflow : null,
    prompt: isObject(sent.prompt) ? sent.prompt : null,
  };
}

export const cancel = (id: string) => ask("POST", `api/jobs/${encodeURIComponent(id)}/cancel`);
export const interrupt = () => ask("POST", "api/interrupt", "{}");
export const clearQueue = () => ask("POST", "api/queue", '{"clear":true}');
export const forget = (id: string) => ask("POST", "api/history", stringifyJson({ delete: [id] }));
export const clearHistory = () => ask("POST", "api/history", '{"clear":true}');
export const free = () => ask("POST", "api/free", '{"unload_models":true,"free_memory":true}');

export const systemStats = (): Promise<Json> => askJson("api/system_stats");
export const logs = async (): Promise<string[]> => {
  const json = await askJson("internal/logs/raw");
  return list(isObject(json) ? json.entries : undefined).map((it) => (isObject(it) ? String(it.m ?? "") : String(it)));
};

export const modelFolders = async (): Promise<string[]> => list(await askJson("api/models")).map(String);
export const modelsIn = async (folder: string): Promise<string[]> => list(await askJson(`api/models/${encodeURIComponent(folder)}`)).map(String);

/** The files that lie in the output folder, the newest first. */
export const savedResults = async (): Promise<string[]> => list(await askJson("internal/files/output")).filter((it) => typeof it === "string");

/** Where a file can be seen. `version` makes the browser fetch a file anew that was written again under its name. */
export function viewUrl(file: FileRef, version?: string | number): string {
  const query = new URLSearchParams({ filename: file.filename, subfolder: file.subfolder, type: file.type });
  if (version !== undefined) query.set("rand", String(version));
  return address(`api/view?${query}`);
}

/** Uploads a file into the input folder. Returns the name by which nodes find it. */
export async function upload(file: File): Promise<string> {
  const form = new FormData();
  form.append("image", file, file.name || "pasted.png");
  form.append("type", "input");
  const json = parseJson(await (await ask("POST", "api/upload/image", form)).text());
  const made = asFile(isObject(json) ? { ...json, filename: json.name } : null);
  if (!made) throw new ServerError("The server did not say what it called the file.", 200, json);
  return made.subfolder ? `${made.subfolder}/${made.filename}` : made.filename;
}

/** Saves a copy of a picture with the transparency of `mask`. Returns the name by which nodes find it. */
export async function uploadMask(mask: Blob, original: FileRef): Promise<string> {
  const form = new FormData();
  form.append("image", mask, `clipspace-mask-${Date.now()}.png`);
  form.append("type", "input");
  form.append("subfolder", "clipspace");
  form.append("original_ref", JSON.stringify(original));
  const json = parseJson(await (await ask("POST", "api/upload/mask", form)).text());
  const made = asFile(isObject(json) ? { ...json, filename: json.name } : null);
  if (!made) throw new ServerError("The server did not say what it called the file.", 200, json);
  return `${made.subfolder ? `${made.subfolder}/` : ""}${made.filename} [${made.type}]`;
}

// Workflows that are kept on the server.

const FOLDER = "workflows";
const userdata = (name: string) => `api/userdata/${encodeURIComponent(`${FOLDER}/${name}`)}`;

export interface SavedWorkflow {
  readonly name: string;
  readonly modified: number;
}

export async function savedWorkflows(): Promise<SavedWorkflow[]> {
  let json: Json;
  try {
    json = await askJson(`api/userdata?dir=${FOLDER}&recurse=true&split=false&full_info=true`);
  } catch (error) {
    // The folder is made when the first workflow is saved.
    if (error instanceof ServerError && error.status === 404) return [];
    throw error;
  }
  const files = list(json).flatMap((it) => (isObject(it) ? [{ name: String(it.path), modified: Number(it.modified) || 0 }] : []));
  return files.filter((it) => it.name.endsWith(".json")).sort((a, b) => b.modified - a.modified);
}

export const loadWorkflow = (name: string): Promise<Json> => askJson(userdata(name));
export const deleteWorkflow = (name: string) => ask("DELETE", userdata(name));
export const moveWorkflow = (name: string, to: string) => ask("POST", `${userdata(name)}/move/${encodeURIComponent(`${FOLDER}/${to}`)}?overwrite=false`);

/** Saves a workflow; answers `false` when one of that name is there and may not be overwritten. */
export async function saveWorkflow(name: string, workflow: JsonObject, overwrite: boolean): Promise<boolean> {
  try {
    await ask("POST", `${userdata(name)}?overwrite=${overwrite}&full_info=true`, stringifyJson(workflow, 2));
    return true;
  } catch (error) {
    if (error instanceof ServerError && error.status === 409) return false;
    throw error;
  }
}

// Subgraphs that are kept for all workflows: the user's own, and those that the server brings.

export interface Blueprint {
  readonly id: string;
  readonly name: string;
  /** Whether it is the user's own, who may delete it. */
  readonly own: boolean;
}

const BLUEPRINTS = "subgraphs";
const blueprintFile = (name: string) => `api/userdata/${encodeURIComponent(`${BLUEPRINTS}/${name}.json`)}`;

export async function blueprints(): Promise<Blueprint[]> {
  const [own, brought] = await Promise.all([
    askJson(`api/userdata?dir=${BLUEPRINTS}&recurse=true&split=false`).catch((error: unknown) => {
      // The folder is made when the first one is kept.
      if (error instanceof ServerError && error.status === 404) return [];
      throw error;
    }),
    askJson("api/global_subgraphs"),
  ]);
  const mine = list(own).flatMap((it): Blueprint[] => (typeof it === "string" && it.endsWith(".json") ? [{ id: it, name: it.slice(0, -5), own: true }] : []));
  const others = Object.entries(isObject(brought) ? brought : {}).flatMap(([id, it]): Blueprint[] => (isObject(it) ? [{ id, name: String(it.name ?? id), own: false }] : []));
  return [...mine, ...others].sort((a, b) => a.name.localeCompare(b.name));
}

export async function blueprint({ id, name, own }: Blueprint): Promise<JsonObject> {
  if (own) {
    const json = await askJson(blueprintFile(name));
    return isObject(json) ? json : {};
  }
  const json = await askJson(`api/global_subgraphs/${encodeURIComponent(id)}`);
  const data = isObject(json) ? json.data : undefined;
  const workflow = typeof data === "string" ? parseJson(data) : data;
  return isObject(workflow) ? workflow : {};
}

/** Keeps a subgraph; answers `false` when one of that name is there and may not be overwritten. */
export async function keepBlueprint(name: string, workflow: JsonObject, overwrite: boolean): Promise<boolean> {
  try {
    await ask("POST", `${blueprintFile(name)}?overwrite=${overwrite}`, stringifyJson(workflow, 2));
    return true;
  } catch (error) {
    if (error instanceof ServerError && error.status === 409) return false;
    throw error;
  }
}

export const deleteBlueprint = (name: string) => ask("DELETE", blueprintFile(name));

/** The names of nodes in other languages, by language. */
export const translations = (): Promise<Json> => askJson("api/i18n");
