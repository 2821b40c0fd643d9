//! A node: title, sockets, widgets, and what it made.

import type { NodeProps } from "@xyflow/react";
import { memo, useCallback, useMemo, type CSSProperties, type PointerEvent as ReactPointerEvent } from "react";
import { patchNodes, rename, setRow, toggleFlag } from "../document/edit";
import { TITLE, type Shape } from "../document/geometry";
import type { Json } from "../document/json";
import { keyOf, Mode, type GraphNode } from "../document/model";
import { edit, enter, settle, useEditor } from "../store/editor";
import { IDLE, useRun, type NodeRun } from "../store/run";
import { Icon } from "../ui/icons";
import { useFar } from "./flow";
import { Preview } from "./preview";
import { Slot } from "./slot";
import type { NodeData, NodeOnCanvas } from "./types";
import { RowWidget } from "./widgets/row";

/** How a node runs; a subgraph is as far as what is inside of it. */
function useNodeRun(tab: string, id: string, subgraph: boolean): NodeRun {
  return useRun((state) => {
    const runs = state.runs[tab];
    const own = runs?.[id];
    if (!subgraph || !runs) return own ?? IDLE;
    const inside = Object.keys(runs).filter((it) => it.startsWith(`${id}:`));
    const failed = inside.find((it) => runs[it]!.state === "failed");
    const running = inside.find((it) => runs[it]!.state === "running");
    const shown = inside.find((it) => runs[it]!.images.length || runs[it]!.preview);
    return (failed ?? running ?? shown) === undefined ? (own ?? IDLE) : runs[(failed ?? running ?? shown)!]!;
  });
}

export const NodeView = memo(
  function NodeView({ id, data, selected }: NodeProps<NodeOnCanvas>) {
    const far = useFar((it) => it.far);
    const { node, face, shape } = data;
    const run = useNodeRun(data.tab, data.run, face.kind === "subgraph");
    const style: CSSProperties & Record<string, string | undefined> = { "--body": node.bgcolor, "--head": node.color };
    const common = {
      className: "node",
      style,
      "data-selected": selected || undefined,
      "data-state": run.state,
      "data-mode": node.mode === Mode.Muted ? "muted" : node.mode === Mode.Bypassed ? "bypassed" : undefined,
      "data-missing": face.missing || undefined,
      "data-coloured": node.bgcolor || node.color ? true : undefined,
      "data-kind": face.kind,
      "data-class": node.type,
    };
    if (far)
      return (
        <div {...common}>
          <div className="node-far">{face.title}</div>
        </div>
      );
    return (
      <div {...common}>
        <Title id={id} data={data} run={run} />
        {run.state === "running" && (
          <i className="node-progress" role="progressbar" aria-label="Progress" aria-valuenow={run.progress === null ? undefined : Math.round(run.progress * 100)} data-unknown={run.progress === null || undefined}>
            <i style={{ transform: `scaleX(${run.progress ?? 1})` }} />
          </i>
        )}
        <Sockets data={data} run={run} />
        {!shape.collapsed && <Rows id={id} data={data} run={run} />}
        {shape.preview && <Preview data={data} run={run} style={{ top: shape.preview.y, height: shape.preview.height }} />}
        {!shape.collapsed && !node.flags?.pinned && <Corner id={id} node={node} shape={shape} />}
      </div>
    );
  },
  (a, b) => a.data === b.data && a.selected === b.selected,
);

function Title({ id, data, run }: { id: string; data: NodeData; run: NodeRun }) {
  const { node, face } = data;
  const renaming = useEditor((it) => it.renaming === id);
  return (
    <header
      className="node-title"
      onDoubleClick={(event) => {
        event.stopPropagation();
        if (face.kind === "subgraph" && !event.altKey) enter({ node: id, layer: node.type });
        else useEditor.setState({ renaming: id });
      }}
    >
      <button
        type="button"
        className="node-fold nodrag"
        aria-label={node.flags?.collapsed ? "Expand" : "Collapse"}
        aria-expanded={!node.flags?.collapsed}
        onClick={() => edit((doc, layer) => toggleFlag(doc, layer, [id], "collapsed"))}
      >
        <Icon name={node.flags?.collapsed ? "right" : "chevron"} size={12} />
      </button>
      {renaming ? (
        <input
          className="node-name nodrag"
          autoFocus
          aria-label="Title"
          defaultValue={face.title}
          onFocus={(event) => event.currentTarget.select()}
          onBlur={(event) => {
            const title = event.target.value;
            useEditor.setState({ renaming: null });
            if (title !== face.title) edit((doc, layer) => rename(doc, layer, id, title));
          }}
          onKeyDown={(event) => {
            event.stopPropagation();
            if (event.key === "Enter") event.currentTarget.blur();
            if (event.key === "Escape") {
              event.currentTarget.value = face.title;
              event.currentTarget.blur();
            }
          }}
        />
      ) : (
        <span className="node-name" title={face.spec ? `${face.title}\n${face.spec.class}` : face.title}>
          {face.title}
        </span>
      )}
      {(data.folded > 0 || node.showAdvanced === true) && (
        <button
          type="button"
          className="badge badge-more nodrag"
          aria-label={data.folded ? `Show ${data.folded} more` : "Show fewer"}
          title={data.folded ? `Show ${data.folded} more` : "Show fewer"}
          onClick={() => edit((doc, layer) => patchNodes(doc, layer, [id], ({ showAdvanced: _, ...it }) => (data.folded ? { ...it, showAdvanced: true } : it) as GraphNode))}
        >
          {data.folded ? `+${data.folded}` : "−"}
        </button>
      )}
      {face.missing && <b className="badge" data-tone="bad">missing</b>}
      {run.errors.length > 0 && (
        <b className="badge" data-tone="bad" title={run.errors.map((it) => `${it.message} ${it.details}`).join("\n")}>
          error
        </b>
      )}
      {face.spec?.deprecated && <b className="badge">old</b>}
      {face.spec?.experimental && <b className="badge">beta</b>}
      {node.mode === Mode.Bypassed && <b className="badge">bypass</b>}
      {node.mode === Mode.Muted && <b className="badge">mute</b>}
      {node.flags?.pinned === true && <Icon name="pin" size={12} />}
      {face.kind === "subgraph" && (
        <button type="button" className="node-fold nodrag" aria-label="Open subgraph" title="Open subgraph" onClick={() => enter({ node: id, layer: node.type })}>
          <Icon name="layers" size={14} />
        </button>
      )}
    </header>
  );
}

function Sockets({ data, run }: { data: NodeData; run: NodeRun }) {
  const { face, shape } = data;
  const bad = new Set(run.errors.map((it) => it.input));
  return (
    <>
      {face.inputs.map((it, i) => (
        <div key={`i${it.name}`}>
          <Slot side="input" id={`in:${it.name}`} type={it.type} y={shape.inputs[i]!} linked={it.linked} label={it.label} bad={bad.has(it.name)} />
          {!shape.collapsed && (
            <span className="slot-label" style={{ top: shape.inputs[i] }} data-bad={bad.has(it.name) || undefined} data-optional={!it.required || undefined} title={it.tooltip || undefined}>
              {it.label}
            </span>
          )}
        </div>
      ))}
      {face.outputs.map((it, i) => (
        <div key={`o${i}`}>
          <Slot side="output" id={`out:${i}`} type={it.type} y={shape.outputs[i]!} linked={it.linked} label={it.label} isList={it.isList} />
          {!shape.collapsed && (
            <span className="slot-label slot-label-out" style={{ top: shape.outputs[i] }} title={it.tooltip || undefined}>
              {it.label}
            </span>
          )}
        </div>
      ))}
      {shape.collapsed && face.rows.map((row) => row.socket?.linked && <Slot key={row.key} side="input" id={`in:${row.socket.name}`} type={row.socket.type} y={TITLE / 2} linked label={row.label} />)}
    </>
  );
}

function Rows({ id, data, run }: { id: string; data: NodeData; run: NodeRun }) {
  const { face, shape } = data;
  const bad = new Map(run.errors.map((it) => [it.input, it]));
  const set = useCallback(
    (key: string, value: Json, gesture?: string, what: "value" | "control" = "value") => {
      const { catalog } = useEditor.getState();
      edit((doc, layer) => setRow(doc, layer, id, catalog, key, value, what), gesture ? `${id}:${gesture}` : null);
    },
    [id],
  );
  return (
    <>
      {face.rows.map((row, i) => {
        const place = shape.rows[i]!;
        const error = bad.get(row.socket?.name ?? row.key);
        return (
          <div key={row.key} className="row" style={{ top: place.y, height: place.height }} data-bad={error ? true : undefined} title={error ? `${error.message} ${error.details}` : undefined}>
            {row.socket && <Slot side="input" id={`in:${row.socket.name}`} type={row.socket.type} y={12} linked={row.socket.linked} label={row.label} bad={error !== undefined} small />}
            <RowWidget row={row} widget={row.widget} disabled={row.socket?.linked ?? false} set={(value, gesture) => set(row.key, value, gesture)} setMode={(mode) => set(row.key, mode, undefined, "control")} />
          </div>
        );
      })}
    </>
  );
}

let resizes = 0;

/** The corner by which a node is made larger. */
function Corner({ id, node, shape }: { id: string; node: GraphNode; shape: Shape }) {
  const start = useMemo(
    () => (event: ReactPointerEvent) => {
      if (event.button !== 0) return;
      event.stopPropagation();
      const [x, y] = [event.clientX, event.clientY];
      const box = (event.currentTarget as HTMLElement).closest(".react-flow__node")!.getBoundingClientRect();
      const zoom = box.width / shape.width;
      const gesture = `resize:${id}:${++resizes}`;
      const move = (it: PointerEvent) => {
        const size = [Math.max(160, shape.width + (it.clientX - x) / zoom), Math.max(26, shape.height - TITLE + (it.clientY - y) / zoom)].map(Math.round);
        edit((doc, layer) => patchNodes(doc, layer, [id], (old) => ({ ...old, size: [size[0]!, size[1]!] })), gesture);
      };
      const up = () => {
        removeEventListener("pointermove", move);
        settle();
      };
      addEventListener("pointermove", move);
      addEventListener("pointerup", up, { once: true });
    },
    [id, shape],
  );
  return <i className="node-corner nodrag" data-node={keyOf(node)} onPointerDown={start} />;
}

