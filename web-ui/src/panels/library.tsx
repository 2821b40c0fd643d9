//! The panel on the left: nodes, workflows, models, examples.

import { useEffect, useMemo, useState, type ReactNode } from "react";
import { DRAGGED, DRAGGED_BLUEPRINT } from "../canvas/canvas";
import { middle, toCanvas } from "../canvas/flow";
import { addNode } from "../canvas/add-node";
import { colourOf } from "../canvas/types";
import { runCommand } from "../commands";
import type { NodeSpec } from "../document/catalog";
import { parseJson } from "../document/json";
import { search } from "../document/search";
import * as api from "../server/api";
import { addBlueprint, deleteBlueprint, deleteSaved, openFile, openJson, openSaved, renameSaved, useBlueprints } from "../store/actions";
import { useEditor, type Panel } from "../store/editor";
import { complain, notify } from "../store/notices";
import { useRun } from "../store/run";
import { setSetting, useSettings } from "../store/settings";
import { Icon, type IconName } from "../ui/icons";
import { openMenu } from "../ui/menu";
import { EXAMPLES, lacks } from "./examples";
import { openViewer } from "./viewer";

const RAIL: readonly { panel: Panel; icon: IconName; label: string; keys: string }[] = [
  { panel: "nodes", icon: "nodes", label: "Nodes", keys: "N" },
  { panel: "workflows", icon: "folder", label: "Workflows", keys: "W" },
  { panel: "models", icon: "box", label: "Models", keys: "M" },
  { panel: "results", icon: "picture", label: "Results", keys: "A" },
  { panel: "templates", icon: "grid", label: "Examples", keys: "T" },
];

export function Rail() {
  const open = useEditor((it) => it.panel);
  const logs = useEditor((it) => it.logs);
  return (
    <nav className="rail" aria-label="Panels">
      {RAIL.map(({ panel, icon, label, keys }) => (
        <button key={panel} type="button" aria-pressed={open === panel} title={`${label} (${keys})`} onClick={() => runCommand(panel)}>
          <Icon name={icon} size={18} />
          <span>{label}</span>
        </button>
      ))}
      <span className="grow" />
      <button type="button" aria-pressed={logs} title="Logs (Ctrl+`)" onClick={() => runCommand("logs")}>
        <Icon name="terminal" size={18} />
        <span>Logs</span>
      </button>
      <button type="button" title="Settings (Ctrl+,)" onClick={() => runCommand("settings")}>
        <Icon name="gear" size={18} />
        <span>Settings</span>
      </button>
    </nav>
  );
}

export function PanelFrame({ title, children, actions }: { title: string; children: ReactNode; actions?: ReactNode }) {
  return (
    <section className="panel" aria-label={title}>
      <header>
        <h2>{title}</h2>
        {actions}
      </header>
      {children}
    </section>
  );
}

export function Library() {
  const panel = useEditor((it) => it.panel);
  if (panel === "nodes") return <Nodes />;
  if (panel === "workflows") return <Workflows />;
  if (panel === "models") return <Models />;
  if (panel === "results") return <Results />;
  return panel === "templates" ? <Templates /> : null;
}

export function SearchBox({ label, value, set }: { label: string; value: string; set: (value: string) => void }) {
  return (
    <label className="search">
      <Icon name="search" size={14} />
      <input type="search" placeholder={label} aria-label={label} value={value} onChange={(event) => set(event.target.value)} />
    </label>
  );
}

const addInMiddle = (type: string) => {
  const screen = middle();
  addNode(type, { at: toCanvas(screen), screen });
};

function NodeEntry({ spec }: { spec: NodeSpec }) {
  const favourite = useSettings((it) => it.favourites.includes(spec.class));
  return (
    <li className="node-entry">
      <button
        type="button"
        draggable
        title={spec.description.split("\n\n")[0] || spec.class}
        onDragStart={(event) => {
          event.dataTransfer.setData(DRAGGED, spec.class);
          event.dataTransfer.effectAllowed = "copy";
        }}
        onClick={() => addInMiddle(spec.class)}
      >
        <i className="dot" style={{ background: colourOf(spec.outputs[0]?.type ?? spec.inputs[0]?.type ?? "*") }} />
        <span>{spec.title}</span>
        {spec.deprecated && <b className="badge">old</b>}
        {spec.experimental && <b className="badge">beta</b>}
      </button>
      <button
        type="button"
        className="star"
        aria-label={`Favourite ${spec.title}`}
        aria-pressed={favourite}
        onClick={() => {
          const { favourites } = useSettings.getState();
          setSetting("favourites", favourite ? favourites.filter((it) => it !== spec.class) : [...favourites, spec.class]);
        }}
      >
        <Icon name="star" size={12} />
      </button>
    </li>
  );
}

/** A subgraph that is kept for all workflows. */
function BlueprintEntry({ kept }: { kept: api.Blueprint }) {
  return (
    <li className="node-entry">
      <button
        type="button"
        draggable
        title="A subgraph that is kept for all workflows"
        onDragStart={(event) => {
          event.dataTransfer.setData(DRAGGED_BLUEPRINT, kept.id);
          event.dataTransfer.effectAllowed = "copy";
        }}
        onClick={() => void addBlueprint(kept, toCanvas(middle()))}
      >
        <Icon name="layers" size={12} />
        <span>{kept.name}</span>
      </button>
      {kept.own && (
        <button type="button" className="star" aria-label={`Delete ${kept.name}`} onClick={() => void deleteBlueprint(kept)}>
          <Icon name="close" size={12} />
        </button>
      )}
    </li>
  );
}

interface Folder {
  readonly name: string;
  readonly folders: Map<string, Folder>;
  readonly specs: NodeSpec[];
}

function Nodes() {
  const catalog = useEditor((it) => it.catalog);
  const favourites = useSettings((it) => it.favourites);
  const [query, setQuery] = useState("");
  const specs = useMemo(() => [...catalog.specs.values()].sort((a, b) => a.title.localeCompare(b.title)), [catalog]);
  const tree = useMemo(() => {
    const root: Folder = { name: "", folders: new Map(), specs: [] };
    for (const spec of specs) {
      let at = root;
      for (const part of spec.category.split("/").filter(Boolean)) {
        if (!at.folders.has(part)) at.folders.set(part, { name: part, folders: new Map(), specs: [] });
        at = at.folders.get(part)!;
      }
      at.specs.push(spec);
    }
    return root;
  }, [specs]);
  const found = query ? search(query, specs, (it) => [it.title, it.class, ...it.aliases, it.category]).slice(0, 200) : null;
  const kept = useBlueprints((it) => it.list);
  const keptFound = query ? search(query, kept, (it) => [it.name, "subgraph"]) : kept;
  const loved = favourites.flatMap((it) => catalog.spec(it) ?? []);
  return (
    <PanelFrame title="Nodes">
      <SearchBox label="Search nodes" value={query} set={setQuery} />
      <div className="scroll">
        {found ? (
          <ul className="list">
            {found.map((it) => (
              <NodeEntry key={it.class} spec={it} />
            ))}
            {keptFound.map((it) => (
              <BlueprintEntry key={it.id} kept={it} />
            ))}
            {!found.length && !keptFound.length && <li className="empty">No node is called so.</li>}
          </ul>
        ) : (
          <>
            {loved.length > 0 && (
              <details open className="tree">
                <summary>Favourites</summary>
                <ul className="list">
                  {loved.map((it) => (
                    <NodeEntry key={it.class} spec={it} />
                  ))}
                </ul>
              </details>
            )}
            {kept.length > 0 && (
              <details open className="tree">
                <summary>Subgraphs</summary>
                <ul className="list">
                  {kept.map((it) => (
                    <BlueprintEntry key={it.id} kept={it} />
                  ))}
                </ul>
              </details>
            )}
            <Tree folder={tree} />
          </>
        )}
      </div>
    </PanelFrame>
  );
}

function Tree({ folder }: { folder: Folder }) {
  return (
    <>
      {[...folder.folders.values()]
        .sort((a, b) => a.name.localeCompare(b.name))
        .map((it) => (
          <TreeFolder key={it.name} folder={it} />
        ))}
      {folder.specs.length > 0 && (
        <ul className="list">
          {folder.specs.map((it) => (
            <NodeEntry key={it.class} spec={it} />
          ))}
        </ul>
      )}
    </>
  );
}

function TreeFolder({ folder }: { folder: Folder }) {
  const [open, setOpen] = useState(false);
  const count = (it: Folder): number => it.specs.length + [...it.folders.values()].reduce((sum, inner) => sum + count(inner), 0);
  return (
    <details className="tree" open={open} onToggle={(event) => event.target === event.currentTarget && setOpen(event.currentTarget.open)}>
      <summary>
        <span>{folder.name}</span>
        <small>{count(folder)}</small>
      </summary>
      {open && <Tree folder={folder} />}
    </details>
  );
}

function Workflows() {
  const [files, setFiles] = useState<readonly api.SavedWorkflow[] | null>(null);
  const [query, setQuery] = useState("");
  const tabs = useEditor((it) => it.tabs);
  const read = () => void api.savedWorkflows().then(setFiles).catch(complain);
  // Saving, renaming and deleting show in the tabs.
  useEffect(read, [tabs.map((it) => `${it.file}${it.saved === it.history.present}`).join("\n")]);
  const found = search(query, files ?? [], (it) => [it.name]);
  return (
    <PanelFrame
      title="Workflows"
      actions={
        <>
          <button type="button" className="icon-button" aria-label="Save" title="Save (Ctrl+S)" onClick={() => runCommand("save")}>
            <Icon name="save" size={14} />
          </button>
          <button type="button" className="icon-button" aria-label="Open a file" title="Open a file (Ctrl+O)" onClick={() => runCommand("open")}>
            <Icon name="upload" size={14} />
          </button>
        </>
      }
    >
      <SearchBox label="Search workflows" value={query} set={setQuery} />
      <ul className="list scroll">
        {found.map(({ name }) => (
          <li key={name} className="node-entry">
            <button type="button" onClick={() => void openSaved(name)}>
              <Icon name="folder" size={14} />
              <span>{name.replace(/\.json$/, "")}</span>
            </button>
            <button
              type="button"
              className="star"
              aria-label={`More about ${name}`}
              onClick={(event) =>
                openMenu(event.currentTarget.getBoundingClientRect(), [
                  { label: "Open", run: () => void openSaved(name) },
                  { label: "Rename...", run: () => void renameSaved(name).then(read) },
                  { label: "Delete...", danger: true, run: () => void deleteSaved(name).then(read) },
                ])
              }
            >
              <Icon name="more" size={14} />
            </button>
          </li>
        ))}
        {files && !files.length && <li className="empty">No workflow is saved here yet. Ctrl+S saves the one that is open.</li>}
      </ul>
    </PanelFrame>
  );
}

/** Which node loads the models of a folder. */
const LOADERS: Readonly<Record<string, readonly [string, string]>> = {
  checkpoints: ["CheckpointLoaderSimple", "ckpt_name"],
  diffusers: ["DiffusersLoader", "model_path"],
  loras: ["LoraLoader", "lora_name"],
  vae: ["VAELoader", "vae_name"],
  controlnet: ["ControlNetLoader", "control_net_name"],
  diffusion_models: ["UNETLoader", "unet_name"],
  text_encoders: ["CLIPLoader", "clip_name"],
  clip_vision: ["CLIPVisionLoader", "clip_name"],
  upscale_models: ["UpscaleModelLoader", "model_name"],
};

function Models() {
  const [folders, setFolders] = useState<readonly { name: string; files: readonly string[] }[] | null>(null);
  const [query, setQuery] = useState("");
  const catalog = useEditor((it) => it.catalog);
  useEffect(() => {
    api
      .modelFolders()
      .then((names) => Promise.all(names.map(async (name) => ({ name, files: await api.modelsIn(name) }))))
      .then(setFolders)
      .catch(complain);
  }, [catalog]);
  const shown = (folders ?? []).map((it) => ({ ...it, files: search(query, it.files, (file) => [file]) })).filter((it) => it.files.length);
  const use = (folder: string, file: string) => {
    const loader = LOADERS[folder];
    if (!loader || !catalog.spec(loader[0])) return notify(`No node of this server loads ${folder}.`, "error");
    const screen = middle();
    addNode(loader[0], { at: toCanvas(screen), screen }, { [loader[1]]: file });
  };
  return (
    <PanelFrame title="Models">
      <SearchBox label="Search models" value={query} set={setQuery} />
      <div className="scroll">
        {shown.map((it) => (
          <details key={it.name} className="tree" open>
            <summary>
              <span>{it.name}</span>
              <small>{it.files.length}</small>
            </summary>
            <ul className="list">
              {it.files.map((file) => (
                <li key={file} className="node-entry">
                  <button type="button" title={`Add a node that loads ${file}`} onClick={() => use(it.name, file)}>
                    <Icon name="box" size={14} />
                    <span>{file}</span>
                  </button>
                </li>
              ))}
            </ul>
          </details>
        ))}
        {folders && !shown.length && <p className="empty">{query ? "No model is called so." : "There are no models in the server's folders."}</p>}
      </div>
    </PanelFrame>
  );
}

const isPicture = (name: string) => /\.(png|jpe?g|webp|avif|gif|svg)$/i.test(name);

/** What was saved, the newest first. */
function Results() {
  const [names, setNames] = useState<readonly string[] | null>(null);
  const [query, setQuery] = useState("");
  const ended = useRun((it) => it.jobs.filter((job) => job.ended !== null).length);
  useEffect(() => void api.savedResults().then(setNames).catch(complain), [ended]);
  const found = search(query, names ?? [], (it) => [it]).slice(0, 300);
  const pictures = found.filter(isPicture);
  const file = (filename: string): api.FileRef => ({ filename, subfolder: "", type: "output" });
  const reopen = async (name: string) => {
    const blob = await (await fetch(api.viewUrl(file(name)))).blob();
    await openFile(new File([blob], name, { type: blob.type }));
  };
  return (
    <PanelFrame title="Results">
      <SearchBox label="Search results" value={query} set={setQuery} />
      <ul className="results scroll">
        {found.map((name) => (
          <li key={name}>
            <button
              type="button"
              title={name}
              onClick={() => (isPicture(name) ? openViewer(pictures.map(file), pictures.indexOf(name)) : window.open(api.viewUrl(file(name))))}
              onContextMenu={(event) => {
                event.preventDefault();
                openMenu({ x: event.clientX, y: event.clientY }, [{ label: "Open its workflow", run: () => void reopen(name).catch(complain) }]);
              }}
            >
              {isPicture(name) ? <img src={api.viewUrl(file(name))} alt="" loading="lazy" /> : <Icon name="box" size={24} />}
              <span>{name}</span>
            </button>
            <button type="button" className="icon-button" aria-label={`Open the workflow of ${name}`} title="Open its workflow" onClick={() => void reopen(name).catch(complain)}>
              <Icon name="nodes" size={12} />
            </button>
          </li>
        ))}
        {names && !found.length && <li className="empty">{query ? "No result is called so." : "Nothing is saved yet."}</li>}
      </ul>
    </PanelFrame>
  );
}

function Templates() {
  const [query, setQuery] = useState("");
  const catalog = useEditor((it) => it.catalog);
  const ready = useEditor((it) => it.ready);
  const found = search(query, EXAMPLES, (it) => [it.title, it.about]);
  return (
    <PanelFrame title="Examples">
      <SearchBox label="Search examples" value={query} set={setQuery} />
      <ul className="templates scroll">
        {found.map((it) => {
          const needs = ready ? lacks(it.text, catalog) : [];
          return (
            <li key={it.title}>
              <button type="button" onClick={() => openJson(parseJson(it.text), it.title)}>
                <img src={it.picture} alt="" loading="lazy" />
                <b>{it.title}</b>
                <span>{it.about}</span>
                {needs.length > 0 && <span className="needs">Needs {needs.join(", ")}</span>}
              </button>
            </li>
          );
        })}
        {!found.length && <li className="empty">No example is called so.</li>}
      </ul>
    </PanelFrame>
  );
}
