//! Everything that has a key. Menus, the list of keys and the keyboard itself read this one table.

import { toggleFlag, toggleMode } from "./document/edit";
import { align, arrange } from "./document/layout";
import { Mode } from "./document/model";
import { openLinkMenu } from "./canvas/link-menu";
import { fit, pointed, toCanvas, zoomBy } from "./canvas/flow";
import { clearQueue, close, copy, cut, duplicate, exportPrompt, exportWorkflow, group, interrupt, openFile, refreshCatalog, removeSelected, run, runSelected, save, toSubgraph, unpack } from "./store/actions";
import { activate, edit, layerShown, leave, newTab, openTab, redo, select, tabOf, undo, useEditor, type Panel, type SidePanel } from "./store/editor";
import { complain, notify } from "./store/notices";
import { setSetting, useSettings } from "./store/settings";

export interface Command {
  readonly id: string;
  readonly title: string;
  /** The keys that it comes with. */
  readonly keys: readonly string[];
  readonly section: "Run" | "File" | "Edit" | "Nodes" | "View";
  readonly run: () => void;
  /** Whether it also works while a text is being typed. */
  readonly always?: boolean;
}

const chosen = () => useEditor.getState().selection.nodes;
const mode = (value: number) => () => edit((doc, layer) => toggleMode(doc, layer, chosen(), value));
const flag = (name: "collapsed" | "pinned") => () => edit((doc, layer) => toggleFlag(doc, layer, chosen(), name));
const panel = (name: Panel) => () => useEditor.setState(({ panel: open }) => ({ panel: open === name ? null : name }));
const side = (name: SidePanel) => () => useEditor.setState(({ side: open }) => ({ side: open === name ? null : name }));
const aligned = (how: Parameters<typeof align>[4]) => () => edit((doc, layer) => align(doc, layer, useEditor.getState().catalog, chosen(), how));

/** Opens the search for a node where the mouse is. */
export function openAdd(): void {
  const screen = pointed();
  useEditor.setState({ add: { at: toCanvas(screen), screen } });
}

function stepTab(by: number): void {
  const { tabs, active } = useEditor.getState();
  const at = tabs.findIndex((it) => it.id === active);
  activate(tabs[(at + by + tabs.length) % tabs.length]!.id);
}

/** Asks for a file. */
export function chooseFile(then: (file: File) => void, accept = ".json,.latent,.safetensors,image/*,video/*,audio/*,application/json"): void {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = accept;
  input.onchange = () => {
    for (const file of input.files ?? []) then(file);
  };
  input.click();
}

export const COMMANDS: readonly Command[] = [
  { id: "run", title: "Run", keys: ["Ctrl+Enter"], section: "Run", run: () => void run(), always: true },
  { id: "run-front", title: "Run before all that waits", keys: ["Ctrl+Shift+Enter"], section: "Run", run: () => void run({ front: true }), always: true },
  { id: "run-selected", title: "Run only what the selected nodes need", keys: ["Ctrl+Alt+R"], section: "Run", run: () => void runSelected() },
  { id: "interrupt", title: "Stop the running job", keys: ["Ctrl+Alt+Enter"], section: "Run", run: () => void interrupt(), always: true },
  { id: "clear-queue", title: "Empty the queue", keys: [], section: "Run", run: () => void clearQueue() },
  { id: "refresh", title: "Read node classes and files again", keys: ["R"], section: "Run", run: () => void refreshCatalog().then(() => notify("Read again.", "success")).catch(complain) },

  { id: "new", title: "New workflow", keys: ["Ctrl+Alt+N"], section: "File", run: () => openTab(newTab()) },
  { id: "open", title: "Open a file", keys: ["Ctrl+O"], section: "File", run: () => chooseFile((file) => void openFile(file)) },
  { id: "save", title: "Save", keys: ["Ctrl+S"], section: "File", run: () => void save(), always: true },
  { id: "save-as", title: "Save as", keys: ["Ctrl+Shift+S"], section: "File", run: () => void save(true), always: true },
  { id: "export", title: "Export the workflow", keys: [], section: "File", run: () => exportWorkflow() },
  { id: "export-1", title: "Export in format 1.0", keys: [], section: "File", run: () => exportWorkflow(1) },
  { id: "export-api", title: "Export for the API", keys: [], section: "File", run: exportPrompt },
  { id: "close", title: "Close the tab", keys: ["Alt+W"], section: "File", run: () => void close(useEditor.getState().active) },
  { id: "next-tab", title: "Next tab", keys: ["Alt+PageDown", "Shift+ArrowRight"], section: "File", run: () => stepTab(1) },
  { id: "previous-tab", title: "Previous tab", keys: ["Alt+PageUp", "Shift+ArrowLeft"], section: "File", run: () => stepTab(-1) },

  { id: "undo", title: "Undo", keys: ["Ctrl+Z"], section: "Edit", run: undo },
  { id: "redo", title: "Redo", keys: ["Ctrl+Y", "Ctrl+Shift+Z"], section: "Edit", run: redo },
  { id: "copy", title: "Copy", keys: ["Ctrl+C"], section: "Edit", run: () => void copy() },
  { id: "cut", title: "Cut", keys: ["Ctrl+X"], section: "Edit", run: cut },
  { id: "duplicate", title: "Duplicate, links kept", keys: ["Ctrl+D"], section: "Edit", run: duplicate },
  { id: "delete", title: "Delete", keys: ["Delete", "Backspace"], section: "Edit", run: () => removeSelected() },
  { id: "dissolve", title: "Delete and close the gap", keys: ["Shift+Delete"], section: "Edit", run: () => removeSelected(true) },
  { id: "all", title: "Select all", keys: ["Ctrl+A"], section: "Edit", run: () => select({ nodes: [...layerShown(useEditor.getState()).nodes.keys()], groups: layerShown(useEditor.getState()).groups.map((it) => it.id) }) },

  { id: "add", title: "Add a node", keys: ["Tab", "Shift+A"], section: "Nodes", run: openAdd },
  { id: "mute", title: "Mute", keys: ["Ctrl+M"], section: "Nodes", run: mode(Mode.Muted) },
  { id: "bypass", title: "Bypass", keys: ["Ctrl+B"], section: "Nodes", run: mode(Mode.Bypassed) },
  { id: "collapse", title: "Collapse", keys: ["Alt+C"], section: "Nodes", run: flag("collapsed") },
  { id: "pin", title: "Pin", keys: ["P"], section: "Nodes", run: flag("pinned") },
  { id: "link", title: "Link, from a menu", keys: ["L"], section: "Nodes", run: openLinkMenu },
  { id: "rename", title: "Rename", keys: ["F2"], section: "Nodes", run: () => useEditor.setState({ renaming: chosen()[0] ?? null }) },
  { id: "group", title: "Group", keys: ["Ctrl+G"], section: "Nodes", run: group },
  { id: "subgraph", title: "Turn into a subgraph", keys: ["Ctrl+Shift+E"], section: "Nodes", run: () => void toSubgraph() },
  { id: "unpack", title: "Unpack the subgraph", keys: ["Ctrl+Shift+U"], section: "Nodes", run: unpack },
  { id: "arrange", title: "Arrange", keys: ["Alt+L"], section: "Nodes", run: () => edit((doc, layer) => arrange(doc, layer, useEditor.getState().catalog, chosen().length > 1 ? new Set(chosen()) : undefined)) },
  { id: "align-left", title: "Align left", keys: [], section: "Nodes", run: aligned("left") },
  { id: "align-right", title: "Align right", keys: [], section: "Nodes", run: aligned("right") },
  { id: "align-top", title: "Align top", keys: [], section: "Nodes", run: aligned("top") },
  { id: "align-bottom", title: "Align bottom", keys: [], section: "Nodes", run: aligned("bottom") },
  { id: "spread-columns", title: "Spread sideways", keys: [], section: "Nodes", run: aligned("columns") },
  { id: "spread-rows", title: "Spread up and down", keys: [], section: "Nodes", run: aligned("rows") },

  { id: "fit", title: "Show all", keys: ["."], section: "View", run: () => fit() },
  { id: "fit-selected", title: "Show the selected nodes", keys: ["Shift+."], section: "View", run: () => fit(chosen()) },
  { id: "zoom-in", title: "Zoom in", keys: ["Alt+="], section: "View", run: () => zoomBy(1.25) },
  { id: "zoom-out", title: "Zoom out", keys: ["Alt+-"], section: "View", run: () => zoomBy(0.8) },
  { id: "leave", title: "Leave the subgraph", keys: ["Escape"], section: "View", run: () => leave(tabOf(useEditor.getState()).path.length - 1) },
  { id: "nodes", title: "Nodes", keys: ["N"], section: "View", run: panel("nodes") },
  { id: "workflows", title: "Workflows", keys: ["W"], section: "View", run: panel("workflows") },
  { id: "models", title: "Models", keys: ["M"], section: "View", run: panel("models") },
  { id: "results", title: "Results", keys: ["A"], section: "View", run: panel("results") },
  { id: "templates", title: "Examples", keys: ["T"], section: "View", run: panel("templates") },
  { id: "jobs", title: "Queue and history", keys: ["Q"], section: "View", run: side("jobs") },
  { id: "errors", title: "Errors", keys: ["E"], section: "View", run: side("errors") },
  { id: "node", title: "Node", keys: ["I"], section: "View", run: side("node") },
  { id: "logs", title: "Logs", keys: ["Ctrl+`"], section: "View", run: () => useEditor.setState(({ logs }) => ({ logs: !logs })) },
  { id: "minimap", title: "Map", keys: ["Alt+Shift+M"], section: "View", run: () => setSetting("minimap", !useSettings.getState().minimap) },
  { id: "lock", title: "Lock the canvas", keys: ["H"], section: "View", run: () => useEditor.setState(({ locked }) => ({ locked: !locked })) },
  { id: "settings", title: "Settings", keys: ["Ctrl+,"], section: "View", run: () => useEditor.setState({ dialog: "settings" }) },
  { id: "shortcuts", title: "Keys", keys: ["Ctrl+Shift+K", "?"], section: "View", run: () => useEditor.setState({ dialog: "shortcuts" }) },
];

const BY_ID = new Map(COMMANDS.map((it) => [it.id, it]));

export const runCommand = (id: string): void => BY_ID.get(id)?.run();

/** The keys of a command: those that the user gave it, or those it came with. */
export function keysOf(command: Command): readonly string[] {
  const own = useSettings.getState().keys[command.id];
  return own === undefined ? command.keys : own ? [own] : [];
}

export function keysFor(id: string): string | undefined {
  const command = BY_ID.get(id);
  return command && keysOf(command)[0];
}

/** What was pressed, as keys are written: `Ctrl+Shift+E`. */
export function pressed(event: KeyboardEvent): string {
  const key = event.key === " " ? "Space" : event.key.length === 1 ? event.key.toUpperCase() : event.key;
  // On some keyboards a sign is reached with Shift; then Shift is no part of what was meant.
  const sign = event.key.length === 1 && !/[a-z0-9]/i.test(event.key) && !event.ctrlKey && !event.altKey;
  const code = event.altKey && /^Key[A-Z]$/.test(event.code) ? event.code.slice(3) : event.ctrlKey && event.code === "Backquote" ? "`" : event.altKey && event.code === "Equal" ? "=" : event.altKey && event.code === "Minus" ? "-" : event.shiftKey && event.code === "Period" ? "." : key;
  return [event.ctrlKey || event.metaKey ? "Ctrl+" : "", event.altKey ? "Alt+" : "", event.shiftKey && !(sign && event.code !== "Period") ? "Shift+" : "", code].join("");
}

const isTyping = (target: EventTarget | null) => target instanceof HTMLElement && (target.matches("input, textarea, select") || target.isContentEditable);

/** Runs the command of a key. */
export function onKey(event: KeyboardEvent): void {
  const keys = pressed(event);
  const { dialog, add } = useEditor.getState();
  const typing = isTyping(event.target);
  if (document.querySelector("dialog[open]") || dialog || add) return;
  const command = COMMANDS.find((it) => keysOf(it).includes(keys));
  if (!command || (typing && !command.always)) return;
  if (command.id === "add" && keys === "Tab") {
    // Tab goes through the page unless the canvas itself has the focus.
    if (event.target !== document.body && !(event.target instanceof Element && event.target.matches(".react-flow, .react-flow__pane"))) return;
  }
  if (command.id === "copy" && getSelection()?.toString()) return;
  event.preventDefault();
  command.run();
}

