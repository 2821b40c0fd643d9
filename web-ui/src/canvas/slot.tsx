//! The dot at which links start and end.

import { Handle, Position, useNodeId, useStoreApi } from "@xyflow/react";
import { XYHandle } from "@xyflow/system";
import type { PointerEvent as ReactPointerEvent, MouseEvent as ReactMouseEvent } from "react";
import { disconnect } from "../document/edit";
import { connects } from "../document/model";
import { edit, settle } from "../store/editor";
import { undim, usePicked } from "./connecting";
import { connectToBody, link, socketAt } from "./sockets";
import { colourOf } from "./types";

type Drag = Parameters<typeof XYHandle.onPointerDown>[1];

interface SlotProps {
  readonly side: "input" | "output";
  readonly id: string;
  readonly type: string;
  readonly y: number;
  readonly linked: boolean;
  readonly label: string;
  /** Whether something is wrong with what it is given. */
  readonly bad?: boolean;
  readonly small?: boolean;
  readonly isList?: boolean;
}

export function Slot({ side, id, type, y, linked, label, bad, small, isList }: SlotProps) {
  const node = useNodeId();
  const store = useStoreApi();
  /** Drags the end of a link that lies here: it hangs at `other` meanwhile. */
  const drag = (event: ReactMouseEvent | ReactPointerEvent, other: { node: string; handle: string | null; side: "input" | "output" }, ends: Pick<Drag, "onConnect" | "onConnectStart" | "onConnectEnd">) => {
    const state = store.getState();
    event.stopPropagation();
    XYHandle.onPointerDown(event.nativeEvent, {
      autoPanOnConnect: state.autoPanOnConnect,
      connectionMode: state.connectionMode,
      connectionRadius: state.connectionRadius,
      domNode: state.domNode,
      handleId: other.handle,
      nodeId: other.node,
      nodeLookup: state.nodeLookup,
      isTarget: other.side === "input",
      edgeUpdaterType: other.side === "input" ? "target" : "source",
      lib: state.lib,
      flowId: state.rfId,
      cancelConnection: state.cancelConnection,
      panBy: state.panBy,
      isValidConnection: (it) => store.getState().isValidConnection?.(it) ?? true,
      updateConnection: state.updateConnection,
      getTransform: () => store.getState().transform,
      getFromHandle: () => store.getState().connection.fromHandle,
      autoPanSpeed: state.autoPanSpeed,
      dragThreshold: 2,
      handleDomNode: event.currentTarget,
      ...ends,
    });
  };
  /** With Shift, all links of an output are dragged to another. */
  const pickAll = (event: ReactMouseEvent | ReactPointerEvent) => {
    const state = store.getState();
    const edges = state.edges.filter((it) => it.source === node && it.sourceHandle === id);
    const [first] = edges;
    if (!first) return;
    drag(event, { node: first.target, handle: first.targetHandle ?? null, side: "input" }, {
      onConnect: (connection) => {
        const from = socketAt(connection.source, connection.sourceHandle);
        if (!from || (connection.source === node && connection.sourceHandle === id)) return;
        const gesture = `relink:${first.id}`;
        for (const edge of edges) {
          const to = socketAt(edge.target, edge.targetHandle);
          if (to && edge.target !== connection.source && connects(from.type, to.type)) link(from, to, gesture);
        }
        settle();
      },
      onConnectStart: state.onConnectStart,
      onConnectEnd: undim,
    });
  };
  /** A link is dragged off its input: from then on it hangs at its other end. */
  const pick = (event: ReactMouseEvent | ReactPointerEvent) => {
    if (side === "output" && linked && event.button === 0 && event.shiftKey) return pickAll(event);
    if (side !== "input" || !linked || event.button !== 0 || event.shiftKey) return;
    const state = store.getState();
    const edge = state.edges.find((it) => it.target === node && it.targetHandle === id);
    if (!edge) return;
    drag(event, { node: edge.source, handle: edge.sourceHandle ?? null, side: "output" }, {
      onConnect: (connection) => {
        if (connection.target === node && connection.targetHandle === id) return;
        const from = socketAt(connection.source, connection.sourceHandle);
        const to = socketAt(connection.target, connection.targetHandle);
        if (!from || !to) return;
        const gesture = `relink:${edge.id}`;
        edit((doc, layer) => disconnect(doc, layer, [Number(edge.id)]), gesture);
        link(from, to, gesture);
        settle();
      },
      onConnectStart: (it, params) => {
        usePicked.setState({ link: edge.id });
        state.onConnectStart?.(it, params);
      },
      onConnectEnd: (it, connection) => {
        usePicked.setState({ link: null });
        undim();
        if (connection.toHandle) return;
        const gesture = `relink:${edge.id}`;
        edit((doc, layer) => disconnect(doc, layer, [Number(edge.id)]), gesture);
        const touch = "changedTouches" in it ? it.changedTouches[0] : it;
        const body = touch && document.elementFromPoint(touch.clientX, touch.clientY)?.closest<HTMLElement>(".react-flow__node-node");
        const from = socketAt(edge.source, edge.sourceHandle);
        if (from && body?.dataset.id && body.dataset.id !== node) connectToBody(from, body.dataset.id, gesture);
        settle();
      },
    });
  };
  return (
    <Handle
      id={id}
      type={side === "input" ? "target" : "source"}
      position={side === "input" ? Position.Left : Position.Right}
      // Keys held over it are its own: Shift does not start a box here.
      className={small ? "slot slot-small nokey" : "slot nokey"}
      style={{ top: y, color: colourOf(type) }}
      data-side={side}
      data-type={type}
      data-linked={linked || undefined}
      data-bad={bad || undefined}
      data-list={isList || undefined}
      title={`${label} · ${type}`}
      onMouseDownCapture={pick}
    />
  );
}
