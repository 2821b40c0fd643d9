//! What the right button offers.

import type { MouseEvent as ReactMouseEvent } from "react";
import { COMMANDS, keysFor, runCommand } from "../commands";
import { addReroute, colour, disconnect, freeNodeId, newNode, nodesInside, patchGroup, patchNodes, removeGroups, toggleMode, withNode } from "../document/edit";
import { faceOf, withRow } from "../document/face";
import { keyOf, kindOf, Mode, type Point } from "../document/model";
import { promotable, promote, removePort } from "../document/subgraph";
import { openMask } from "../panels/mask";
import { ownClipboard, pasteText, publish } from "../store/actions";
import { type AddRequest, documentOf, edit, enter, layerIdOf, layerShown, select, tabOf, useEditor } from "../store/editor";
import { openMenu, type MenuItem } from "../ui/menu";
import { addNode, fittingEntries } from "./add-node";
import { pointed, toCanvas } from "./flow";
import { loadedPicture } from "./preview";
import { PALETTE } from "./types";

/** A command as an entry. */
function entry(id: string, extra: { label?: string; disabled?: boolean; danger?: boolean } = {}): MenuItem {
  const command = COMMANDS.find((it) => it.id === id)!;
  const keys = keysFor(id);
  return { label: command.title, ...(keys ? { keys } : {}), run: () => runCommand(id), ...extra };
}

const at = (event: ReactMouseEvent | MouseEvent) => ({ x: event.clientX, y: event.clientY });

function add(type: string, place: Point): void {
  let id = "";
  edit((doc, layer) => {
    const node = newNode(useEditor.getState().catalog, type, place, freeNodeId(doc), doc);
    id = String(node.id);
    return withNode(doc, layer, node);
  });
  select({ nodes: [id] });
}

interface Branch {
  readonly branches: Map<string, Branch>;
  readonly nodes: { type: string; title: string }[];
}

/** Classes by category, as menus inside of menus. */
function categories(classes: Iterable<{ readonly type: string; readonly title: string; readonly category: string }>, take: (type: string) => void): readonly MenuItem[] {
  const root: Branch = { branches: new Map(), nodes: [] };
  for (const { type, title, category } of classes) {
    let at = root;
    for (const part of category.split("/").filter(Boolean)) {
      if (!at.branches.has(part)) at.branches.set(part, { branches: new Map(), nodes: [] });
      at = at.branches.get(part)!;
    }
    at.nodes.push({ type, title });
  }
  const items = (branch: Branch): MenuItem[] => [
    ...[...branch.branches].sort(([a], [b]) => a.localeCompare(b)).map(([label, inner]): MenuItem => ({ label, items: () => items(inner) })),
    ...branch.nodes.sort((a, b) => a.title.localeCompare(b.title)).map((it): MenuItem => ({ label: it.title, run: () => take(it.type) })),
  ];
  return items(root);
}

/** All classes of the server. */
const allClasses = () => [...useEditor.getState().catalog.specs.values()].map(({ class: type, title, category }) => ({ type, title, category }));

/** Where a link was let go: what can be at its other end. */
export function releaseMenu(request: AddRequest): void {
  const take = (type: string) => addNode(type, request);
  openMenu({ x: request.screen[0], y: request.screen[1] }, [
    { label: "Search for a node…", run: () => useEditor.setState({ add: request }) },
    "-",
    ...categories(fittingEntries(useEditor.getState().catalog, request.link), take),
  ]);
}

export function canvasMenu(event: ReactMouseEvent | MouseEvent): void {
  const place = toCanvas([event.clientX, event.clientY]);
  const kept = ownClipboard();
  openMenu(at(event), [
    entry("add"),
    { label: "Add from category", items: () => categories(allClasses(), (type) => add(type, place)) },
    {
      label: "Add",
      items: () => [
        { label: "Note", run: () => add("MarkdownNote", place) },
        { label: "Reroute", run: () => add("Reroute", place) },
        { label: "Primitive", run: () => add("PrimitiveNode", place) },
      ],
    },
    "-",
    { label: "Paste", keys: "Ctrl+V", disabled: kept === null, run: () => kept !== null && void pasteText(kept, place, false) },
    entry("all"),
    entry("arrange", { label: "Arrange all" }),
    "-",
    entry("fit"),
    entry("group", { disabled: useEditor.getState().selection.nodes.length === 0 }),
  ]);
}

export function nodeMenu(event: ReactMouseEvent | MouseEvent): void {
  const state = useEditor.getState();
  const ids = state.selection.nodes;
  const layer = layerShown(state);
  const node = ids.length === 1 ? layer.nodes.get(ids[0]!) : undefined;
  const picture = node ? loadedPicture(faceOf(documentOf(state), layer, node, state.catalog)) : null;
  const isSubgraph = node !== undefined && kindOf(documentOf(state), node) === "subgraph";
  openMenu(at(event), [
    ...(node && isSubgraph ? [{ label: "Open", run: () => enter({ node: String(node.id), layer: node.type }) } satisfies MenuItem, entry("unpack")] : []),
    ...(picture && node ? [{ label: "Edit the mask", run: () => openMask(picture.file, (name) => edit((doc, id) => patchNodes(doc, id, [keyOf(node)], (it) => withRow(doc, it, state.catalog, picture.row, name)))) } satisfies MenuItem] : []),
    ...(node ? [entry("rename"), { label: "About this node", keys: "I", run: () => useEditor.setState({ side: "node" }) } satisfies MenuItem] : []),
    ...(node ? promotions(keyOf(node)) : []),
    ...(isSubgraph && node ? [{ label: "Keep for other workflows...", run: () => void publish(keyOf(node)) } satisfies MenuItem] : []),
    ...(node ? [entry("link")] : []),
    entry("run-selected"),
    "-",
    entry("bypass"),
    entry("mute"),
    entry("collapse"),
    entry("pin"),
    {
      label: "Colour",
      items: () => [
        { label: "None", run: () => edit((doc, id) => colour(doc, id, ids, null)) },
        ...PALETTE.map((it): MenuItem => ({ label: it.name, colour: it.body, run: () => edit((doc, id) => colour(doc, id, ids, it)) })),
      ],
    },
    ...(ids.length > 1
      ? [{ label: "Align", items: () => ["align-left", "align-right", "align-top", "align-bottom", "spread-columns", "spread-rows", "arrange"].map((it) => entry(it)) } satisfies MenuItem]
      : []),
    "-",
    entry("copy"),
    entry("duplicate"),
    entry("group"),
    entry("subgraph"),
    "-",
    entry("dissolve"),
    entry("delete", { danger: true }),
  ]);
}

/** Inside of a subgraph: which widgets of a node are shown outside. */
function promotions(id: string): MenuItem[] {
  const state = useEditor.getState();
  const layerId = layerIdOf(tabOf(state));
  const rows = promotable(documentOf(state), layerId, id, state.catalog);
  if (!rows.length) return [];
  return [
    {
      label: "Show outside",
      items: () =>
        rows.map(({ row, slot }): MenuItem => ({
          label: row.label,
          checked: slot !== null,
          run: () => edit((doc, layer) => (slot === null ? promote(doc, layer, id, row) : removePort(doc, layer, "inputs", slot, state.catalog))),
        })),
    },
  ];
}

export function linkMenu(event: ReactMouseEvent | MouseEvent, id: number): void {
  openMenu(at(event), [
    { label: "Add a reroute point", run: () => edit((doc, layer) => addReroute(doc, layer, id, toCanvas(pointed()))) },
    { label: "Remove the link", danger: true, run: () => edit((doc, layer) => disconnect(doc, layer, [id])) },
  ]);
}

const GROUP_COLOURS = [
  ["Blue", "#3f789e"],
  ["Purple", "#a1309b"],
  ["Orange", "#b06634"],
  ["Green", "#3f9e5c"],
  ["Moss", "#88aa88"],
  ["Yellow", "#b58b2a"],
  ["Red", "#aa3333"],
  ["Grey", "#444444"],
] as const;

export function groupMenu(event: ReactMouseEvent | MouseEvent, id: number): void {
  const layer = layerShown(useEditor.getState());
  const group = layer.groups.find((it) => it.id === id);
  if (!group) return;
  const inside = nodesInside(layer, group.bounding);
  const boxes = inside.flatMap((it) => layer.nodes.get(it) ?? []);
  openMenu(at(event), [
    { label: "Select its nodes", run: () => select({ nodes: inside, groups: [id] }) },
    {
      label: "Fit to its nodes",
      disabled: !boxes.length,
      run: () => {
        const left = Math.min(...boxes.map((it) => it.pos[0])) - 16;
        const top = Math.min(...boxes.map((it) => it.pos[1])) - 80;
        const right = Math.max(...boxes.map((it) => it.pos[0] + it.size[0])) + 16;
        const bottom = Math.max(...boxes.map((it) => it.pos[1] + it.size[1])) + 16;
        edit((doc, it) => patchGroup(doc, it, id, { bounding: [left, top, right - left, bottom - top] }));
      },
    },
    { label: "Bypass its nodes", run: () => edit((doc, it) => toggleMode(doc, it, inside, Mode.Bypassed)) },
    { label: "Mute its nodes", run: () => edit((doc, it) => toggleMode(doc, it, inside, Mode.Muted)) },
    { label: "Colour", items: () => GROUP_COLOURS.map(([label, it]): MenuItem => ({ label, colour: it, run: () => edit((doc, layerId) => patchGroup(doc, layerId, id, { color: it })) })) },
    "-",
    { label: "Remove the group", danger: true, run: () => edit((doc, it) => removeGroups(doc, it, [id])) },
  ]);
}
