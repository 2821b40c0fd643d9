//! The panel on the right: queue and history, errors, and what a node is.

import { useEffect, useMemo, useState } from "react";
import { fit } from "../canvas/flow";
import { colourOf } from "../canvas/types";
import { rename } from "../document/edit";
import { faceOf, withRow } from "../document/face";
import { isObject } from "../document/json";
import { keyOf, ROOT } from "../document/model";
import { patchNodes } from "../document/edit";
import * as api from "../server/api";
import { clearQueue, missingClasses, missingFiles, openJob } from "../store/actions";
import { documentOf, edit, layerShown, patchTab, select, tabOf, useEditor, type Step } from "../store/editor";
import { complain } from "../store/notices";
import { readOutput, refreshJobs, useRun, type NodeError } from "../store/run";
import { Icon } from "../ui/icons";
import { openMenu } from "../ui/menu";
import { PanelFrame } from "./library";
import { openViewer } from "./viewer";

export function Side() {
  const side = useEditor((it) => it.side);
  if (side === "jobs") return <Jobs />;
  if (side === "errors") return <Errors />;
  return side === "node" ? <NodeInfo /> : null;
}

const closeSide = () => useEditor.setState({ side: null });

function CloseButton() {
  return (
    <button type="button" className="icon-button" aria-label="Close the panel" onClick={closeSide}>
      <Icon name="close" size={14} />
    </button>
  );
}

const WORDS: Record<api.JobStatus, string> = { pending: "waiting", in_progress: "running", completed: "done", failed: "failed", cancelled: "stopped" };

function Jobs() {
  const jobs = useRun((it) => it.jobs);
  const current = useRun((it) => it.current);
  useEffect(() => void refreshJobs(), []);
  const waiting = jobs.filter((it) => it.status === "pending").reverse();
  const running = jobs.filter((it) => it.status === "in_progress");
  const over = jobs.filter((it) => it.status !== "pending" && it.status !== "in_progress");
  const look = async (job: api.Job) => {
    if (!job.preview) return;
    try {
      const { outputs } = await api.job(job.id);
      const files = Object.values(outputs).flatMap((it) => (isObject(it) ? readOutput(it).images : []));
      if (files.length) openViewer(files, Math.max(0, files.findIndex((it) => it.filename === job.preview?.filename)));
    } catch (error) {
      complain(error);
    }
  };
  const entry = (job: api.Job) => (
    <li key={job.id} className="job" data-status={job.status}>
      <button type="button" className="job-picture" aria-label={job.preview ? `View the result of job ${job.id.slice(0, 8)}` : `Job ${job.id.slice(0, 8)}`} disabled={!job.preview} onClick={() => void look(job)}>
        {job.preview && job.preview.mediaType === "images" ? <img loading="lazy" src={api.viewUrl(job.preview)} alt="" /> : <Icon name={job.status === "failed" ? "warn" : "clock"} size={18} />}
      </button>
      <div className="job-about">
        <b>{WORDS[job.status]}</b>
        <span className="muted">{about(job)}</span>
        {job.error && <span className="job-error">{job.error.split("\n")[0]}</span>}
        {job.status === "in_progress" && (
          <i className="bar">
            <i style={{ transform: `scaleX(${current?.job === job.id && current.total ? current.done / current.total : 0})` }} />
          </i>
        )}
      </div>
      <button
        type="button"
        className="icon-button"
        aria-label={`More about job ${job.id.slice(0, 8)}`}
        onClick={(event) =>
          openMenu(event.currentTarget.getBoundingClientRect(), [
            { label: "Open its workflow", run: () => void openJob(job.id) },
            job.status === "pending" || job.status === "in_progress"
              ? { label: "Cancel", danger: true, run: () => void api.cancel(job.id).then(refreshJobs).catch(complain) }
              : { label: "Forget", danger: true, run: () => void api.forget(job.id).then(refreshJobs).catch(complain) },
          ])
        }
      >
        <Icon name="more" size={14} />
      </button>
    </li>
  );
  return (
    <PanelFrame
      title="Queue"
      actions={
        <>
          <button
            type="button"
            className="icon-button"
            aria-label="More"
            onClick={(event) =>
              openMenu(event.currentTarget.getBoundingClientRect(), [
                { label: "Empty the queue", run: () => void clearQueue() },
                { label: "Forget all that is over", danger: true, run: () => void api.clearHistory().then(refreshJobs).catch(complain) },
                { label: "Free memory", run: () => void api.free().catch(complain) },
              ])
            }
          >
            <Icon name="more" size={14} />
          </button>
          <CloseButton />
        </>
      }
    >
      <ul className="jobs scroll">
        {running.map(entry)}
        {waiting.map(entry)}
        {(running.length > 0 || waiting.length > 0) && over.length > 0 && (
          <li aria-hidden>
            <hr />
          </li>
        )}
        {over.map(entry)}
        {!jobs.length && <li className="empty">Nothing has run yet. Ctrl+Enter runs the workflow.</li>}
      </ul>
    </PanelFrame>
  );
}

function about(job: api.Job): string {
  const when = job.created ? new Date(job.created).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) : "";
  const took = job.started && job.ended ? ` · ${((job.ended - job.started) / 1000).toFixed(1)} s` : "";
  return `${when}${took}`;
}

/** Shows a node by the id that it has when it runs, in whatever subgraph it is. */
export function jumpTo(run: string): void {
  const tab = tabOf(useEditor.getState());
  const parts = run.split(":");
  let layer = tab.history.present.layers.get(ROOT)!;
  const path: Step[] = [];
  for (const part of parts.slice(0, -1)) {
    const node = layer.nodes.get(part);
    const next = node && tab.history.present.layers.get(node.type);
    if (!node || !next) return;
    path.push({ node: part, layer: node.type });
    layer = next;
  }
  const id = parts.at(-1)!;
  if (!layer.nodes.has(id)) return;
  patchTab(tab.id, (it) => ({ ...it, path, view: path.length === it.path.length ? it.view : null }));
  select({ nodes: [id] });
  setTimeout(() => fit([id]), 60);
}

function Errors() {
  const tab = useEditor(tabOf);
  const catalog = useEditor((it) => it.catalog);
  const runs = useRun((it) => it.runs[tab.id]);
  const refusal = useRun((it) => it.refusals[tab.id]);
  const doc = tab.history.present;
  const failed = Object.entries(runs ?? {}).filter(([, run]) => run.errors.length > 0);
  const missing = useMemo(() => missingClasses(doc, catalog), [doc, catalog]);
  const files = useMemo(() => missingFiles(doc, catalog), [doc, catalog]);
  const titleOf = (run: string) => {
    let layer = doc.layers.get(ROOT)!;
    const parts = run.split(":");
    for (const part of parts.slice(0, -1)) layer = doc.layers.get(layer.nodes.get(part)?.type ?? "") ?? layer;
    const node = layer.nodes.get(parts.at(-1)!);
    return node ? faceOf(doc, layer, node, catalog).title : run;
  };
  return (
    <PanelFrame title="Errors" actions={<CloseButton />}>
      <div className="scroll errors">
        {refusal && !failed.length && <p className="refusal">{refusal}</p>}
        {failed.map(([id, run]) => (
          <article key={id}>
            <button type="button" className="error-node" onClick={() => jumpTo(id)}>
              <b>{titleOf(id)}</b> <span className="muted">{id}</span>
            </button>
            {run.errors.map((it, i) => (
              <ErrorText key={i} error={it} />
            ))}
          </article>
        ))}
        {missing.length > 0 && (
          <article>
            <h3>Not on this server</h3>
            <ul>
              {missing.map((it) => (
                <li key={it}>
                  <code>{it}</code>
                </li>
              ))}
            </ul>
          </article>
        )}
        {files.length > 0 && (
          <article>
            <h3>Files that are not on this server</h3>
            {files.map((it) => (
              <div key={`${it.layer}/${it.node}/${it.widget}`} className="missing-file">
                <b>{it.title}</b> <span className="muted">{it.widget}</span>
                <code>{it.value}</code>
                {it.options.length > 0 && (
                  <button
                    type="button"
                    className="button"
                    onClick={(event) =>
                      openMenu(
                        event.currentTarget.getBoundingClientRect(),
                        it.options.slice(0, 30).map((option) => ({
                          label: String(option),
                          run: () => edit((old) => patchNodes(old, it.layer, [it.node], (node) => withRow(old, node, catalog, it.widget, option))),
                        })),
                      )
                    }
                  >
                    Use another
                  </button>
                )}
              </div>
            ))}
          </article>
        )}
        {!refusal && !failed.length && !missing.length && !files.length && <p className="empty">Nothing is wrong.</p>}
      </div>
    </PanelFrame>
  );
}

function ErrorText({ error }: { error: NodeError }) {
  const report = [error.message, error.details, error.trace].filter(Boolean).join("\n");
  return (
    <div className="error-text">
      <p>
        {error.input && <code>{error.input}</code>} {error.message}
      </p>
      {error.details && error.details !== error.message && error.details !== error.input && <p className="muted">{error.details}</p>}
      {error.trace && (
        <details>
          <summary>Where it happened</summary>
          <pre>{error.trace}</pre>
        </details>
      )}
      <button type="button" className="button" onClick={() => void navigator.clipboard.writeText(report).catch(complain)}>
        Copy
      </button>
    </div>
  );
}

function NodeInfo() {
  const tab = useEditor(tabOf);
  const catalog = useEditor((it) => it.catalog);
  const id = useEditor((it) => it.selection.nodes[0]);
  const layer = useEditor(layerShown);
  const doc = useEditor(documentOf);
  const node = id === undefined ? undefined : layer.nodes.get(id);
  const face = node && faceOf(doc, layer, node, catalog);
  const [title, setTitle] = useState<string | null>(null);
  useEffect(() => setTitle(null), [id, tab.id]);
  if (!node || !face)
    return (
      <PanelFrame title="Node" actions={<CloseButton />}>
        <p className="empty">Select a node.</p>
      </PanelFrame>
    );
  return (
    <PanelFrame title="Node" actions={<CloseButton />}>
      <div className="scroll node-info">
        <input
          className="field"
          aria-label="Title"
          value={title ?? face.title}
          onChange={(event) => setTitle(event.target.value)}
          onBlur={() => {
            if (title !== null && title !== face.title) edit((old, at) => rename(old, at, keyOf(node), title));
            setTitle(null);
          }}
        />
        <p className="muted">
          {node.type} · {keyOf(node)}
        </p>
        {face.spec?.description.split("\n\n").map((it, i) => <p key={i}>{it}</p>)}
        {face.inputs.length + face.rows.length > 0 && <h3>Inputs</h3>}
        <dl>
          {[...face.inputs, ...face.rows.map((it) => ({ name: it.key, label: it.label, type: it.socket?.type ?? "", tooltip: it.tooltip }))].map((it) => (
            <div key={it.name}>
              <dt>
                <i className="dot" style={{ background: colourOf(it.type) }} /> {it.label} <span className="muted">{it.type}</span>
              </dt>
              {it.tooltip && <dd>{it.tooltip}</dd>}
            </div>
          ))}
        </dl>
        {face.outputs.length > 0 && <h3>Outputs</h3>}
        <dl>
          {face.outputs.map((it, i) => (
            <div key={i}>
              <dt>
                <i className="dot" style={{ background: colourOf(it.type) }} /> {it.label} <span className="muted">{it.type}</span>
              </dt>
              {it.tooltip && <dd>{it.tooltip}</dd>}
            </div>
          ))}
        </dl>
      </div>
    </PanelFrame>
  );
}
