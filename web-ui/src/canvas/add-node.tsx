//! The search for a node to add, opened on the canvas or by a link that was let go.

import { useEffect, useMemo, useRef, useState } from "react";
import type { Catalog, NodeSpec } from "../document/catalog";
import { freeNodeId, newNode, openInputs, withNode } from "../document/edit";
import { faceOf, withRow } from "../document/face";
import type { Json } from "../document/json";
import { connects, keyOf, layerOf, ROOT, type Document } from "../document/model";
import { search } from "../document/search";
import { documentOf, edit, layerIdOf, layerShown, select, tabOf, useEditor, type AddRequest } from "../store/editor";
import { link, socketAt } from "./sockets";
import { colourOf } from "./types";

export interface Entry {
  readonly type: string;
  readonly title: string;
  readonly category: string;
  readonly spec: NodeSpec | null;
  readonly texts: readonly string[];
}

/** What can be added: classes of the server, and what only the editor knows. */
function entries(doc: Document, specs: ReadonlyMap<string, NodeSpec>): Entry[] {
  const own = (type: string, title: string): Entry => ({ type, title, category: "editor", spec: null, texts: [title, type] });
  const classes = [...specs.values()].map((spec): Entry => ({ type: spec.class, title: spec.title, category: spec.category, spec, texts: [spec.title, spec.class, ...spec.aliases, spec.category] }));
  const subgraphs = [...doc.layers.values()].filter((it) => it.id !== ROOT).map((it): Entry => ({ type: it.id, title: it.name || "Subgraph", category: "subgraphs of this workflow", spec: null, texts: [it.name, "subgraph"] }));
  return [...classes, ...subgraphs, own("Reroute", "Reroute"), own("PrimitiveNode", "Primitive"), own("MarkdownNote", "Note")];
}

/** What can be added here, and where a link asks, what can be at its other end. */
export function fittingEntries(catalog: Catalog, wanted: AddRequest["link"]): Entry[] {
  const state = useEditor.getState();
  const doc = documentOf(state);
  const layer = layerIdOf(tabOf(state));
  const all = entries(doc, catalog.specs).filter((it) => it.type !== layer);
  if (!wanted) return all;
  return all.filter(({ type, spec }) => {
    if (type === "Reroute") return true;
    if (type === "PrimitiveNode") return wanted.side === "input" && /INT|FLOAT|STRING|BOOLEAN|COMBO/.test(wanted.type);
    if (spec && !spec.changes) return wanted.side === "output" ? spec.inputs.some((it) => connects(wanted.type, it.type)) : spec.outputs.some((it) => connects(it.type, wanted.type));
    const node = newNode(catalog, type, [0, 0], 0, doc);
    const face = faceOf(doc, layerOf(doc, ROOT), node, catalog);
    return (wanted.side === "output" ? face.inputs : face.outputs).some((it) => connects(it.type, wanted.type));
  });
}

export function AddNode() {
  const request = useEditor((it) => it.add);
  return request ? <Search key={`${request.at}`} request={request} /> : null;
}

function close(): void {
  useEditor.setState({ add: null });
  document.querySelector<HTMLElement>(".react-flow__pane")?.focus();
}

function Search({ request }: { request: AddRequest }) {
  const catalog = useEditor((it) => it.catalog);
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const fitting = useMemo(() => fittingEntries(catalog, request.link), [catalog, request]);
  const found = useMemo(() => search(query, fitting, (it) => it.texts).slice(0, 100), [query, fitting]);
  useEffect(() => {
    list.current?.children[at]?.scrollIntoView({ block: "nearest" });
  }, [at]);
  const take = (entry: Entry | undefined) => {
    if (!entry) return;
    addNode(entry.type, request);
    close();
  };
  const current = found[at];
  const style = { left: Math.max(8, Math.min(request.screen[0] - 24, innerWidth - 580)), top: Math.max(8, Math.min(request.screen[1] - 24, innerHeight - 400)) };
  return (
    <div className="veil" onPointerDown={(event) => event.target === event.currentTarget && close()}>
      <div className="add" role="dialog" aria-label="Add a node" style={style}>
        <div className="add-search">
          {request.link && (
            <span className="chip" style={{ color: colourOf(request.link.type) }}>
              {request.link.type}
            </span>
          )}
          <input
            autoFocus
            type="search"
            role="combobox"
            aria-expanded
            aria-controls="add-list"
            aria-activedescendant={`add-${at}`}
            aria-label="Search for a node"
            placeholder={request.link ? (request.link.side === "output" ? "Which node takes it?" : "Which node gives it?") : "Search for a node"}
            value={query}
            onChange={(event) => {
              setQuery(event.target.value);
              setAt(0);
            }}
            onKeyDown={(event) => {
              event.stopPropagation();
              if (event.key === "ArrowDown") setAt((it) => Math.min(it + 1, found.length - 1));
              else if (event.key === "ArrowUp") setAt((it) => Math.max(it - 1, 0));
              else if (event.key === "Enter") take(current);
              else if (event.key === "Escape") close();
              else return;
              event.preventDefault();
            }}
          />
        </div>
        <div className="add-body">
          <div className="add-list" role="listbox" id="add-list" aria-label="Nodes" ref={list}>
            {found.map((it, i) => (
              <div key={it.type} id={`add-${i}`} role="option" aria-selected={i === at} data-at={i === at || undefined} onPointerMove={() => setAt(i)} onClick={() => take(it)}>
                <span>{it.title}</span>
                <small>{it.category}</small>
              </div>
            ))}
            {!found.length && <p className="empty">No node is called so.</p>}
          </div>
          {current && <About entry={current} />}
        </div>
      </div>
    </div>
  );
}

function About({ entry }: { entry: Entry }) {
  const { spec } = entry;
  return (
    <aside className="add-about">
      <h3>{entry.title}</h3>
      {spec && <p className="muted">{spec.class}</p>}
      {spec?.description && <p>{spec.description.split("\n\n")[0]}</p>}
      {spec && (
        <div className="add-slots">
          <ul>
            {spec.inputs.filter((it) => !it.widget).map((it) => (
              <li key={it.name}>
                <i className="dot" style={{ background: colourOf(it.type) }} />
                {it.label}
              </li>
            ))}
          </ul>
          <ul>
            {spec.outputs.map((it, i) => (
              <li key={i}>
                {it.name}
                <i className="dot" style={{ background: colourOf(it.type) }} />
              </li>
            ))}
          </ul>
        </div>
      )}
    </aside>
  );
}

/** Adds a node where it was asked for, with some values, and links it to the socket that asked. */
export function addNode(type: string, request: AddRequest, values: Readonly<Record<string, Json>> = {}): void {
  const { catalog } = useEditor.getState();
  const from = request.link && socketAt(request.link.node, request.link.slot);
  let id = "";
  edit((doc, layer) => {
    let node = newNode(catalog, type, request.at, freeNodeId(doc), doc);
    for (const [key, value] of Object.entries(values)) node = withRow(doc, node, catalog, key, value);
    id = keyOf(node);
    // A node that feeds an input stands left of where the link was let go.
    const pos = from?.side === "input" ? ([request.at[0] - node.size[0], request.at[1]] as const) : request.at;
    return withNode(doc, layer, { ...node, pos });
  }, `add:${request.at}`);
  const state = useEditor.getState();
  const doc = documentOf(state);
  const layer = layerShown(state);
  const node = layer.nodes.get(id);
  if (from && node) {
    if (from.side === "output") {
      const [input] = openInputs(doc, layer, node, catalog, from.type);
      if (input) link(from, { node: id, side: "input", slot: -1, name: input.name, type: input.type, widget: input.widget }, `add:${request.at}`);
    } else {
      const outputs = faceOf(doc, layer, node, catalog).outputs;
      const slot = outputs.findIndex((it) => connects(it.type, from.type));
      if (slot >= 0) link({ node: id, side: "output", slot, name: outputs[slot]!.name, type: outputs[slot]!.type, widget: false }, from, `add:${request.at}`);
    }
  }
  select({ nodes: [id] });
}
