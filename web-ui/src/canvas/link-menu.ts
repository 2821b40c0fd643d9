//! Links without a mouse: the sockets of the selected node as a menu, each with what fits it.

import { disconnect } from "../document/edit";
import { faceOf } from "../document/face";
import { connects, keyOf, type GraphNode } from "../document/model";
import { documentOf, edit, layerShown, useEditor } from "../store/editor";
import { notify } from "../store/notices";
import { openMenu, type MenuItem } from "../ui/menu";
import { link, type Socket } from "./sockets";

/** All sockets of a node. */
function socketsOf(node: GraphNode): Socket[] {
  const state = useEditor.getState();
  const face = faceOf(documentOf(state), layerShown(state), node, state.catalog);
  const id = keyOf(node);
  return [
    ...face.inputs.map((it): Socket => ({ node: id, side: "input", slot: -1, name: it.name, type: it.type, widget: false })),
    ...face.rows.flatMap((it): Socket[] => (it.socket ? [{ node: id, side: "input", slot: -1, name: it.socket.name, type: it.socket.type, widget: true }] : [])),
    ...face.outputs.map((it, slot): Socket => ({ node: id, side: "output", slot, name: it.name, type: it.type, widget: false })),
  ];
}

/** Opens the menu beside the selected node. */
export function openLinkMenu(): void {
  const state = useEditor.getState();
  const layer = layerShown(state);
  const doc = documentOf(state);
  const [id] = state.selection.nodes;
  const node = id === undefined ? undefined : layer.nodes.get(id);
  if (!node) return notify("Select the node to link.");
  const others = [...layer.nodes.values()].filter((it) => it !== node).map((it) => ({ title: faceOf(doc, layer, it, state.catalog).title, id: keyOf(it), sockets: socketsOf(it) }));
  const titles = new Map<string, number>();
  for (const { title } of others) titles.set(title, (titles.get(title) ?? 0) + 1);
  const choices = (mine: Socket): MenuItem[] =>
    others.flatMap((other) =>
      other.sockets
        .filter((it) => it.side !== mine.side && (mine.side === "output" ? connects(mine.type, it.type) : connects(it.type, mine.type)))
        .map((it): MenuItem => {
          const [from, to] = mine.side === "output" ? [mine, it] : [it, mine];
          const name = titles.get(other.title)! > 1 ? `${other.title} ${other.id}` : other.title;
          return { label: `${name}: ${it.name}`, run: () => link(from, to) };
        }),
    );
  const items = socketsOf(node).map((mine): MenuItem => {
    const old = mine.side === "input" ? (node.inputs ?? []).find((it) => it.name === mine.name)?.link : undefined;
    const cut: MenuItem[] = old === null || old === undefined ? [] : [{ label: "Remove the link", danger: true, run: () => edit((it, at) => disconnect(it, at, [old])) }];
    const label = mine.side === "input" ? `${mine.name} from` : `${mine.name} to`;
    return {
      label,
      items: () => {
        const found = [...cut, ...choices(mine)];
        return found.length ? found : [{ label: "Nothing fits", disabled: true, run: () => undefined }];
      },
    };
  });
  const box = document.querySelector(`.react-flow__node[data-id="${CSS.escape(keyOf(node))}"]`)?.getBoundingClientRect();
  openMenu({ x: box?.right ?? innerWidth / 2, y: box?.top ?? innerHeight / 2 }, items.length ? items : [{ label: "This node has no sockets", disabled: true, run: () => undefined }]);
}
