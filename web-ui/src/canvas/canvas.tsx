//! The canvas: the shown layer of the document as nodes and links.
//!
//! The document is the truth. While nodes are dragged, their places are kept here and go to the document when they are let go.

import {
  Background,
  BackgroundVariant,
  ConnectionLineType,
  ReactFlow,
  SelectionMode,
  useOnViewportChange,
  useReactFlow,
  type Connection,
  type EdgeChange,
  type FinalConnectionState,
  type NodeChange,
  type OnConnectStartParams,
} from "@xyflow/react";
import { useCallback, useEffect, useMemo, useRef, useState, type DragEvent, type MouseEvent as ReactMouseEvent } from "react";
import type { Catalog } from "../document/catalog";
import { addReroute, freeNodeId, moveEnds, moveNodes, moveReroute, newNode, nodesInside, patchGroup, waypoints, withNode } from "../document/edit";
import { faceOf, foldedRows, seenFace } from "../document/face";
import { shapeOf, TITLE } from "../document/geometry";
import { INPUT_NODE, isAny, keyOf, kindOf, layerOf, Mode, OUTPUT_NODE, socketType, type Document, type GraphNode, type Layer, type Link, type Point } from "../document/model";
import { addBlueprint, openFile, useBlueprints } from "../store/actions";
import { type AddRequest, edit, layerIdOf, layerShown, NOTHING, patchTab, prefixOf, select, tabOf, useEditor, type Selection } from "../store/editor";
import { showsSomething, useRun } from "../store/run";
import { useSettings } from "../store/settings";
import { dimOthers, undim } from "./connecting";
import { canvasMenu, groupMenu, linkMenu, nodeMenu, releaseMenu } from "./context-menu";
import { ENDS, EndsView } from "./ends";
import { FAR, fit, setFlow, setPointer, toCanvas, useFar } from "./flow";
import { GroupView } from "./group";
import { LinkView } from "./link";
import { MiniMap } from "./minimap";
import { NodeView } from "./node";
import { PointView } from "./point";
import { connectToBody, isValid, link, socketAt } from "./sockets";
import { loadedFile } from "./preview";
import { type LinkOnCanvas, type NodeOnCanvas, type OnCanvas } from "./types";

const NODE_TYPES = { node: NodeView, group: GroupView, point: PointView, ends: EndsView };
const EDGE_TYPES = { link: LinkView };
const GRID: [number, number] = [8, 8];

/** What nodes can be dragged onto the canvas as. */
export const DRAGGED = "application/x-burnish-node";
export const DRAGGED_BLUEPRINT = "application/x-burnish-subgraph";

const isGroup = (id: string) => id.startsWith("group:");
const isPoint = (id: string) => id.startsWith("point:");
const numberOf = (id: string) => Number(id.slice(6));

interface Cached {
  readonly catalog: Catalog;
  readonly layers: Document["layers"] | null;
  readonly shows: boolean;
  readonly run: string;
  readonly tab: string;
  readonly made: NodeOnCanvas;
}

/** Nodes as they are drawn, by the nodes of the document: what did not change is not made again. */
const drawnNodes = new WeakMap<GraphNode, Cached>();

function drawNode(doc: Document, layer: Layer, node: GraphNode, catalog: Catalog, shows: boolean, tab: string, prefix: string): NodeOnCanvas {
  const run = prefix + keyOf(node);
  const alone = kindOf(doc, node) === "real";
  const cached = drawnNodes.get(node);
  if (cached && cached.catalog === catalog && cached.shows === shows && cached.run === run && cached.tab === tab && (alone || cached.layers === doc.layers)) return cached.made;
  const whole = faceOf(doc, layer, node, catalog);
  const face = seenFace(whole, node);
  const shape = shapeOf(face, node, shows || loadedFile({ face }) !== null);
  const at = (id: string, type: "source" | "target", x: number, y: number) => ({ id, type, position: type === "source" ? "right" : "left", x, y, width: 1, height: 1 }) as never;
  const made: NodeOnCanvas = {
    id: keyOf(node),
    type: "node",
    position: { x: node.pos[0], y: node.pos[1] - TITLE },
    data: { node, face, shape, tab, run, folded: foldedRows(whole, node) },
    width: shape.width,
    height: shape.height,
    measured: { width: shape.width, height: shape.height },
    draggable: node.flags?.pinned !== true,
    ariaLabel: face.title,
    handles: [
      ...face.inputs.map((it, i) => at(`in:${it.name}`, "target", 0, shape.inputs[i]!)),
      ...face.rows.flatMap((row, i) => (row.socket ? [at(`in:${row.socket.name}`, "target", 0, shape.collapsed ? TITLE / 2 : shape.rows[i]!.y + 12)] : [])),
      ...face.outputs.map((_, i) => at(`out:${i}`, "source", shape.width - 1, shape.outputs[i]!)),
    ],
  };
  drawnNodes.set(node, { catalog, layers: alone ? null : doc.layers, shows, run, tab, made });
  return made;
}

function drawEnds(layer: Layer): OnCanvas[] {
  if (layer.id === "") return [];
  const boxOf = (value: unknown): number[] => {
    const bounding = typeof value === "object" && value !== null && "bounding" in value ? (value as { bounding: unknown }).bounding : null;
    return Array.isArray(bounding) && bounding.every((it) => typeof it === "number") ? (bounding as number[]) : [];
  };
  const nodes = [...layer.nodes.values()];
  const left = Math.min(0, ...nodes.map((it) => it.pos[0])) - 240;
  const right = Math.max(0, ...nodes.map((it) => it.pos[0] + it.size[0])) + 100;
  const ends = (id: string, side: "input" | "output", box: number[], usual: number): OnCanvas => {
    const ports = side === "input" ? layer.inputs : layer.outputs;
    const height = ENDS.title + 12 + (ports.length + 1) * ENDS.row;
    const handle = (i: number) =>
      ({ id: side === "input" ? `out:${i}` : `in:${i}`, type: side === "input" ? "source" : "target", position: side === "input" ? "right" : "left", x: side === "input" ? ENDS.width - 1 : 0, y: ENDS.title + 6 + i * ENDS.row + ENDS.row / 2, width: 1, height: 1 }) as never;
    return {
      id,
      type: "ends",
      position: { x: box[0] ?? usual, y: box[1] ?? 0 },
      data: { side, ports },
      width: ENDS.width,
      height,
      measured: { width: ENDS.width, height },
      ariaLabel: side === "input" ? "Inputs of the subgraph" : "Outputs of the subgraph",
      handles: [...ports.map((_, i) => handle(i)), handle(ports.length)],
    };
  };
  return [ends(INPUT_NODE, "input", boxOf(layer.rest.inputNode), left), ends(OUTPUT_NODE, "output", boxOf(layer.rest.outputNode), right)];
}

function drawLinks(layer: Layer, catalog: Catalog): LinkOnCanvas[] {
  return [...layer.links.values()].flatMap((link): LinkOnCanvas[] => {
    const target = layer.nodes.get(link.target);
    const source = layer.nodes.get(link.origin);
    const name = link.target === OUTPUT_NODE ? String(link.targetSlot) : target?.inputs?.[link.targetSlot]?.name;
    if (name === undefined || (!source && link.origin !== INPUT_NODE)) return [];
    const muted = source?.mode === Mode.Muted || target?.mode === Mode.Muted;
    return [
      {
        id: String(link.id),
        type: "link",
        source: link.origin,
        sourceHandle: `out:${link.originSlot}`,
        target: link.target,
        targetHandle: `in:${name}`,
        data: { type: typeOfLink(layer, link, catalog), points: waypoints(layer, link).map((id) => `point:${id}`), muted: muted === true },
        reconnectable: false,
        focusable: false,
      },
    ];
  });
}

/** What flows through a link: what its origin gives, or else what the file says. */
function typeOfLink(layer: Layer, link: Link, catalog: Catalog): string {
  const source = layer.nodes.get(link.origin);
  const given = catalog.spec(source?.type ?? "")?.outputs[link.originSlot]?.type;
  return given === undefined || isAny(given) ? socketType(link.type) : given;
}

// What the canvas is given stays the same from frame to frame, or all nodes would be drawn again.

const HOME = { x: 0, y: 0, zoom: 1 };
const FIT = { padding: 0.12, maxZoom: 1 };
const PRO = { hideAttribution: true };
const BOX_KEYS = ["Shift", "Control"];
const MORE_KEYS = ["Control", "Meta", "Shift"];
const PAN_LEFT = [0, 1];
const PAN_MIDDLE = [1];

const selectNothing = () => select(NOTHING);

function onNodeContextMenu(event: ReactMouseEvent, node: OnCanvas): void {
  event.preventDefault();
  if (isGroup(node.id)) return groupMenu(event, numberOf(node.id));
  if (node.type !== "node") return;
  if (!useEditor.getState().selection.nodes.includes(node.id)) select({ nodes: [node.id] });
  nodeMenu(event);
}

function onSelectionContextMenu(event: ReactMouseEvent): void {
  event.preventDefault();
  nodeMenu(event);
}

function onPaneContextMenu(event: ReactMouseEvent | MouseEvent): void {
  event.preventDefault();
  canvasMenu(event);
}

function onEdgeContextMenu(event: ReactMouseEvent, edge: LinkOnCanvas): void {
  event.preventDefault();
  linkMenu(event, Number(edge.id));
}

const addPoint = (event: ReactMouseEvent, edge: LinkOnCanvas) => edit((doc, layer) => addReroute(doc, layer, Number(edge.id), toCanvas([event.clientX, event.clientY])));

/** The middle button, let go where it was pressed, as Alt with the left one. */
function onMiddleClick(event: ReactMouseEvent): void {
  const id = event.button === 1 ? (event.target as Element).closest<HTMLElement>(".react-flow__edge")?.dataset.id : undefined;
  if (id !== undefined) edit((doc, layer) => addReroute(doc, layer, Number(id), toCanvas([event.clientX, event.clientY])));
}

function onEdgeClick(event: ReactMouseEvent, edge: LinkOnCanvas): void {
  if (event.altKey) addPoint(event, edge);
}

export function Canvas() {
  const tab = useEditor(tabOf);
  return <Sheet key={`${tab.id}/${tab.path.map((it) => it.node).join("/")}`} />;
}

function Sheet() {
  const instance = useReactFlow();
  const tab = useEditor(tabOf);
  const catalog = useEditor((it) => it.catalog);
  const ready = useEditor((it) => it.ready);
  const locked = useEditor((it) => it.locked);
  const selection = useEditor((it) => it.selection);
  const settings = useSettings();
  const doc = tab.history.present;
  const layer = layerOf(doc, layerIdOf(tab));
  const prefix = prefixOf(tab);
  const shows = useShowing(tab.id);
  const [dragged, setDragged] = useState<ReadonlyMap<string, Point>>(new Map());

  useEffect(() => {
    setFlow(instance);
    return () => setFlow(null);
  }, [instance]);

  const base = useMemo(() => {
    const groups = layer.groups.map((group): OnCanvas => {
      const [x, y, width, height] = group.bounding;
      return { id: `group:${group.id}`, type: "group", position: { x, y }, data: { group }, width, height, measured: { width, height }, zIndex: -1, dragHandle: ".group-title", ariaLabel: `Group ${group.title}` };
    });
    const points = [...layer.reroutes.values()].map((it): OnCanvas => ({ id: `point:${it.id}`, type: "point", zIndex: 2, position: { x: it.pos[0] - 6, y: it.pos[1] - 6 }, data: { type: socketType(layer.links.get(it.linkIds[0] ?? -1)?.type) }, width: 12, height: 12, measured: { width: 12, height: 12 }, ariaLabel: "Reroute point" }));
    const nodes = [...layer.nodes.values()].map((node) => drawNode(doc, layer, node, catalog, shows.has(prefix + keyOf(node)), tab.id, prefix));
    return [...groups, ...drawEnds(layer), ...nodes, ...points];
  }, [doc, layer, catalog, shows, tab.id, prefix]);

  // What is neither dragged nor newly selected stays the same object, and is not drawn again.
  const kept = useRef(new Map<string, { base: OnCanvas; selected: boolean; made: OnCanvas }>());
  const chosen = useMemo(() => new Set([...selection.nodes, ...selection.groups.map((id) => `group:${id}`), ...selection.reroutes.map((id) => `point:${id}`)]), [selection]);
  const nodes = useMemo(() => {
    return base.map((it): OnCanvas => {
      const selected = chosen.has(it.id);
      const at = dragged.get(it.id);
      if (at) return { ...it, selected, position: { x: at[0], y: at[1] } };
      const known = kept.current.get(it.id);
      if (known && known.base === it && known.selected === selected) return known.made;
      const made = selected ? { ...it, selected } : it;
      kept.current.set(it.id, { base: it, selected, made });
      return made;
    });
  }, [base, chosen, dragged]);

  const drawn = useMemo(() => drawLinks(layer, catalog), [layer, catalog]);
  const edges = useMemo(() => (selection.links.length ? drawn.map((it) => (selection.links.includes(Number(it.id)) ? { ...it, selected: true, zIndex: 1 } : it)) : drawn), [drawn, selection.links]);

  /** Nodes that a group takes along, and where all were when it was grabbed. */
  const carried = useRef<{ group: string; from: Point; nodes: ReadonlyMap<string, Point> } | null>(null);

  const onNodesChange = useCallback((changes: NodeChange<OnCanvas>[]) => {
    const moved = new Map<string, Point>();
    let done = false;
    const state = useEditor.getState();
    let { nodes: chosen, groups, reroutes } = state.selection;
    let selected = false;
    for (const change of changes) {
      if (change.type === "position" && change.position) {
        moved.set(change.id, [change.position.x, change.position.y]);
        if (!change.dragging) done = true;
        const load = carried.current;
        if (load && load.group === change.id) for (const [id, at] of load.nodes) moved.set(id, [at[0] + change.position.x - load.from[0], at[1] + change.position.y - load.from[1]]);
      }
      if (change.type === "select") {
        selected = true;
        const put = <T,>(list: readonly T[], id: T) => (change.selected ? (list.includes(id) ? list : [...list, id]) : list.filter((it) => it !== id));
        if (isGroup(change.id)) groups = put(groups, numberOf(change.id));
        else if (isPoint(change.id)) reroutes = put(reroutes, numberOf(change.id));
        else if (change.id !== INPUT_NODE && change.id !== OUTPUT_NODE) chosen = put(chosen, change.id);
      }
    }
    if (selected) useEditor.setState({ selection: { ...state.selection, nodes: chosen, groups, reroutes } satisfies Selection });
    if (!moved.size) return;
    if (!done) return setDragged((before) => new Map([...before, ...moved]));
    setDragged(new Map());
    carried.current = null;
    edit((before, id) => placed(before, id, moved), changes.length === 1 || !dragging.current ? "nudge" : null);
    dragging.current = false;
  }, []);
  const dragging = useRef(false);

  const onEdgesChange = useCallback((changes: EdgeChange<LinkOnCanvas>[]) => {
    const state = useEditor.getState();
    let { links } = state.selection;
    for (const change of changes) if (change.type === "select") links = change.selected ? [...links, Number(change.id)] : links.filter((it) => it !== Number(change.id));
    if (links !== state.selection.links) useEditor.setState({ selection: { ...state.selection, links } });
  }, []);

  const onConnectStart = useCallback((_: unknown, { nodeId, handleId }: OnConnectStartParams) => {
    const from = socketAt(nodeId, handleId);
    if (from) dimOthers(from);
  }, []);
  const onConnect = useCallback((it: Connection) => {
    const from = socketAt(it.source, it.sourceHandle);
    const to = socketAt(it.target, it.targetHandle);
    if (from && to) link(from, to);
  }, []);
  const onConnectEnd = useCallback((event: MouseEvent | TouchEvent, state: FinalConnectionState) => {
    undim();
    if (state.isValid || !state.fromHandle) return;
    const from = socketAt(state.fromHandle.nodeId, state.fromHandle.id);
    const touch = "changedTouches" in event ? event.changedTouches[0] : event;
    if (!from || !touch) return;
    const screen: Point = [touch.clientX, touch.clientY];
    const under = document.elementFromPoint(...screen);
    if (!under?.closest(".react-flow")) return;
    const body = under.closest<HTMLElement>(".react-flow__node-node");
    if (body?.dataset.id && body.dataset.id !== from.node) return connectToBody(from, body.dataset.id);
    if (!under.closest(".react-flow__pane")) return;
    const request: AddRequest = { at: toCanvas(screen), screen, link: { node: from.node, slot: state.fromHandle.id ?? "", side: from.side, type: from.type } };
    const { release } = useSettings.getState();
    // Shift does the other of the two.
    const way = event.shiftKey && release !== "nothing" ? (release === "search" ? "menu" : "search") : release;
    if (way === "menu") releaseMenu(request);
    else if (way === "search") useEditor.setState({ add: request });
  }, []);

  const onNodeDragStart = useCallback((_: unknown, node: OnCanvas) => {
    dragging.current = true;
    if (!isGroup(node.id)) return;
    const state = useEditor.getState();
    const here = layerShown(state);
    const box = here.groups.find((it) => it.id === numberOf(node.id))?.bounding;
    const inside = (box ? nodesInside(here, box) : []).filter((id) => !state.selection.nodes.includes(id));
    const places = inside.map((id): [string, Point] => [id, [here.nodes.get(id)!.pos[0], here.nodes.get(id)!.pos[1] - TITLE]]);
    carried.current = { group: node.id, from: [node.position.x, node.position.y], nodes: new Map(places) };
  }, []);

  const onViewport = useCallback((zoom: number) => {
    const far = zoom < FAR;
    if (far !== useFar.getState().far) useFar.setState({ far });
  }, []);
  useOnViewportChange({ onChange: ({ zoom }) => onViewport(zoom), onEnd: (view) => patchTab(tab.id, (it) => ({ ...it, view })) });
  useEffect(() => onViewport(tab.view?.zoom ?? 1), [onViewport, tab.id]);
  // What was opened before the classes were known has its sizes only now.
  useEffect(() => {
    if (ready && !tab.view) requestAnimationFrame(() => fit());
  }, [ready]);

  const onDoubleClick = useCallback((event: ReactMouseEvent) => {
    if (!(event.target as Element).closest(".react-flow__pane")) return;
    const screen: Point = [event.clientX, event.clientY];
    useEditor.setState({ add: { at: toCanvas(screen), screen } });
  }, []);

  const onDrop = useCallback((event: DragEvent) => {
    event.preventDefault();
    const at = toCanvas([event.clientX, event.clientY]);
    const type = event.dataTransfer.getData(DRAGGED);
    if (type) {
      let id = "";
      edit((before, layerId) => {
        const node = newNode(useEditor.getState().catalog, type, at, freeNodeId(before), before);
        id = keyOf(node);
        return withNode(before, layerId, node);
      });
      select({ nodes: [id] });
      return;
    }
    const kept = useBlueprints.getState().list.find((it) => it.id === event.dataTransfer.getData(DRAGGED_BLUEPRINT));
    if (kept) return void addBlueprint(kept, at);
    for (const file of event.dataTransfer.files) void openFile(file, at);
  }, []);

  return (
    <div
      className="canvas"
      data-links={settings.links}
      onDoubleClick={onDoubleClick}
      onAuxClick={onMiddleClick}
      onPointerMove={(event) => setPointer([event.clientX, event.clientY])}
      onDragOver={(event) => {
        event.preventDefault();
        event.dataTransfer.dropEffect = "copy";
      }}
      onDrop={onDrop}
    >
      <ReactFlow<OnCanvas, LinkOnCanvas>
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        onNodesChange={onNodesChange}
        onEdgesChange={onEdgesChange}
        onConnectStart={onConnectStart as never}
        onConnect={onConnect}
        onConnectEnd={onConnectEnd}
        isValidConnection={isValid}
        onNodeDragStart={onNodeDragStart}
        onNodeContextMenu={onNodeContextMenu}
        onSelectionContextMenu={onSelectionContextMenu}
        onPaneContextMenu={onPaneContextMenu}
        onEdgeContextMenu={onEdgeContextMenu}
        onEdgeClick={onEdgeClick}
        onEdgeDoubleClick={addPoint}
        onPaneClick={selectNothing}
        defaultViewport={tab.view ?? HOME}
        fitView={tab.view === null}
        fitViewOptions={FIT}
        minZoom={0.05}
        maxZoom={4}
        onlyRenderVisibleElements
        connectionLineType={ConnectionLineType.Bezier}
        connectionRadius={22}
        selectionMode={SelectionMode.Partial}
        selectionKeyCode={BOX_KEYS}
        multiSelectionKeyCode={MORE_KEYS}
        panActivationKeyCode="Space"
        panOnDrag={settings.drag === "pan" ? PAN_LEFT : PAN_MIDDLE}
        selectionOnDrag={settings.drag === "select"}
        panOnScroll={settings.wheel === "pan"}
        zoomOnScroll={settings.wheel === "zoom"}
        zoomOnDoubleClick={false}
        deleteKeyCode={null}
        snapToGrid={settings.snap}
        snapGrid={GRID}
        nodesDraggable={!locked}
        nodesConnectable={!locked}
        elevateNodesOnSelect
        nodeDragThreshold={2}
        autoPanOnNodeFocus
        proOptions={PRO}
      >
        <Background variant={BackgroundVariant.Dots} gap={24} size={2} />
        {settings.minimap && <MiniMap />}
      </ReactFlow>
      {ready && layer.nodes.size === 0 && layer.id === "" && <Empty />}
    </div>
  );
}

function Empty() {
  return (
    <div className="canvas-empty">
      <p>
        <kbd>double-click</kbd> adds a node, <kbd>Ctrl</kbd> <kbd>Enter</kbd> runs
      </p>
      <p>Drop a workflow or a picture here, or</p>
      <button type="button" className="button" onClick={() => useEditor.setState({ panel: "templates" })}>
        Start from an example
      </button>
    </div>
  );
}

/** The nodes of a tab that show something; the same set until it changes. */
function useShowing(tab: string): ReadonlySet<string> {
  const text = useRun((state) =>
    Object.entries(state.runs[tab] ?? {})
      .filter(([, run]) => showsSomething(run))
      .map(([id]) => id)
      .join("\n"),
  );
  return useMemo(() => new Set(text ? text.split("\n").flatMap((id) => id.split(":").map((_, i, parts) => parts.slice(0, i + 1).join(":"))) : []), [text]);
}

/** Puts what was dragged where it was let go. */
function placed(doc: Document, layerId: string, moved: ReadonlyMap<string, Point>): Document {
  const layer = layerOf(doc, layerId);
  const nodes = new Map<string, Point>();
  let out = doc;
  for (const [id, [x, y]] of moved) {
    if (isGroup(id)) {
      const group = layer.groups.find((it) => it.id === numberOf(id));
      if (group && (group.bounding[0] !== x || group.bounding[1] !== y)) out = patchGroup(out, layerId, group.id, { bounding: [x, y, group.bounding[2], group.bounding[3]] });
    } else if (isPoint(id)) out = moveReroute(out, layerId, numberOf(id), [x + 6, y + 6]);
    else if (id === INPUT_NODE || id === OUTPUT_NODE) out = moveEnds(out, layerId, id === INPUT_NODE ? "inputNode" : "outputNode", [x, y]);
    else {
      const node = layer.nodes.get(id);
      if (node && (node.pos[0] !== x || node.pos[1] !== y + TITLE)) nodes.set(id, [x, y + TITLE]);
    }
  }
  return nodes.size ? moveNodes(out, layerId, nodes) : out;
}
