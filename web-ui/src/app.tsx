//! The page: bar, panels, canvas, and what lies over them.

import { ReactFlowProvider } from "@xyflow/react";
import { useEffect } from "react";
import { AddNode } from "./canvas/add-node";
import { Canvas } from "./canvas/canvas";
import { fit, pointed, showAt, toCanvas, zoomBy, zoomTo } from "./canvas/flow";
import { onKey, runCommand } from "./commands";
import { Dialogs, Notices } from "./panels/dialogs";
import { Library, Rail } from "./panels/library";
import { MaskHost } from "./panels/mask";
import { Logs } from "./panels/logs";
import { Side } from "./panels/side";
import { TopBar } from "./panels/topbar";
import { ViewerHost } from "./panels/viewer";
import { addImage, ownClipboard, pasteText, refreshCatalog, restoreSession, watchJobs, watchSession } from "./store/actions";
import { isDirty, layerShown, leave, tabOf, useEditor } from "./store/editor";
import { complain } from "./store/notices";
import { listen, useRun } from "./store/run";
import { useSettings } from "./store/settings";
import { Icon } from "./ui/icons";
import { watchLongPress } from "./ui/long-press";
import { PopupHost } from "./ui/popup";

let shifted = false;

function onPaste(event: ClipboardEvent): void {
  if (event.target instanceof HTMLElement && event.target.matches("input, textarea")) return;
  const at = toCanvas(pointed());
  const image = [...(event.clipboardData?.files ?? [])].find((it) => it.type.startsWith("image/"));
  event.preventDefault();
  if (image) return void addImage(image, at).catch(complain);
  const text = event.clipboardData?.getData("text/plain") ?? "";
  if (text && pasteText(text, at, shifted)) return;
  const own = ownClipboard();
  if (own) pasteText(own, at, shifted);
}

function useStart(): void {
  useEffect(() => {
    let stop = () => {};
    const start = async () => {
      try {
        await refreshCatalog();
      } catch (error) {
        complain(error);
      }
      try {
        await restoreSession();
      } catch (error) {
        complain(error);
      }
      watchSession();
      watchJobs();
      stop = listen(() => void refreshCatalog().catch(complain));
    };
    void start();
    const key = (event: KeyboardEvent) => {
      shifted = event.shiftKey;
      onKey(event);
    };
    const leaving = (event: BeforeUnloadEvent) => {
      // What is open is kept anyway; the question is for those who want it.
      if (useSettings.getState().confirmDelete && useRun.getState().connection === "lost" && useEditor.getState().tabs.some(isDirty)) event.preventDefault();
    };
    const still = watchLongPress();
    addEventListener("keydown", key);
    addEventListener("paste", onPaste);
    addEventListener("beforeunload", leaving);
    return () => {
      stop();
      still();
      removeEventListener("keydown", key);
      removeEventListener("paste", onPaste);
      removeEventListener("beforeunload", leaving);
    };
  }, []);
}

function useTheme(): void {
  const theme = useSettings((it) => it.theme);
  const animate = useSettings((it) => it.animate);
  useEffect(() => {
    const light = matchMedia("(prefers-color-scheme: light)");
    const apply = () => {
      document.documentElement.dataset.theme = theme === "system" ? (light.matches ? "light" : "dark") : theme;
      document.documentElement.toggleAttribute("data-still", !animate);
    };
    apply();
    light.addEventListener("change", apply);
    return () => light.removeEventListener("change", apply);
  }, [theme, animate]);
}

export function App() {
  useStart();
  useTheme();
  return (
    <ReactFlowProvider>
      <div className="app">
        <TopBar />
        <Rail />
        <Library />
        <main>
          <Path />
          <Canvas />
          <ViewBar />
          <Logs />
        </main>
        <Side />
        <AddNode />
        <PopupHost />
        <Dialogs />
        <ViewerHost />
        <MaskHost />
        <Notices />
      </div>
    </ReactFlowProvider>
  );
}

/** Where one is: the workflow and the subgraphs that are open. */
function Path() {
  const tab = useEditor(tabOf);
  if (!tab.path.length) return null;
  const names = tab.path.map((step) => tab.history.present.layers.get(step.layer)?.name || "Subgraph");
  return (
    <nav className="path" aria-label="Subgraphs">
      <button type="button" onClick={() => leave(0)}>
        {tab.name}
      </button>
      {names.map((name, i) => (
        <span key={i}>
          <Icon name="right" size={12} />
          <button type="button" aria-current={i === names.length - 1 ? "page" : undefined} onClick={() => leave(i + 1)}>
            {name}
          </button>
        </span>
      ))}
    </nav>
  );
}

function ViewBar() {
  const locked = useEditor((it) => it.locked);
  const zoom = useEditor((it) => tabOf(it).view?.zoom ?? 1);
  const errors = useRun((it) => Object.values(it.runs[useEditor.getState().active] ?? {}).filter((run) => run.errors.length).length);
  return (
    <div className="viewbar" role="toolbar" aria-label="View">
      <button type="button" aria-label="Zoom out" title="Zoom out (Alt+-)" onClick={() => zoomBy(0.8)}>
        −
      </button>
      <button type="button" className="zoom" title="Back to 100 %" aria-label={`Zoom ${Math.round(zoom * 100)} %`} onClick={() => zoomTo(1)}>
        {Math.round(zoom * 100)} %
      </button>
      <button type="button" aria-label="Zoom in" title="Zoom in (Alt+=)" onClick={() => zoomBy(1.25)}>
        +
      </button>
      <button type="button" aria-label="Show all" title="Show all (.)" onClick={() => fit()}>
        <Icon name="fit" size={14} />
      </button>
      <button type="button" aria-label="Lock the canvas" aria-pressed={locked} title="Lock (H)" onClick={() => runCommand("lock")}>
        <Icon name="lock" size={14} />
      </button>
      <button type="button" aria-label="Undo" title="Undo (Ctrl+Z)" onClick={() => runCommand("undo")}>
        <Icon name="undo" size={14} />
      </button>
      <button type="button" aria-label="Redo" title="Redo (Ctrl+Y)" onClick={() => runCommand("redo")}>
        <Icon name="redo" size={14} />
      </button>
      {errors > 0 && (
        <button type="button" className="error-count" aria-label={`${errors} nodes with errors`} onClick={() => useEditor.setState({ side: "errors" })}>
          <Icon name="warn" size={14} /> {errors}
        </button>
      )}
    </div>
  );
}

/** For tests and measurements in a browser: what is open, and where it is looked at. */
Object.assign(globalThis, { burnish: { layer: () => layerShown(useEditor.getState()), view: showAt } });
