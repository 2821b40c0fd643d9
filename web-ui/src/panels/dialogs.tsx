//! Settings, keys, questions and short messages.

import { useEffect, useRef, useState, type ReactNode } from "react";
import { COMMANDS, keysOf, pressed } from "../commands";
import { search } from "../document/search";
import { useEditor } from "../store/editor";
import { dismiss, useNotices, type Question } from "../store/notices";
import { resetSettings, setSetting, useSettings, type Settings } from "../store/settings";
import { Icon } from "../ui/icons";
import { SearchBox } from "./library";

function Modal({ title, close, children, small = false }: { title: string; close: () => void; children: ReactNode; small?: boolean }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal();
    // By itself the dialog would give the focus to its first button.
    dialog.current?.querySelector<HTMLElement>("[data-focus], .search input")?.focus();
  }, []);
  return (
    <dialog ref={dialog} className={small ? "modal modal-small" : "modal"} aria-label={title} onClose={close} onKeyDown={(event) => event.stopPropagation()} onPointerDown={(event) => event.target === event.currentTarget && close()}>
      <header>
        <h2>{title}</h2>
        <button type="button" className="icon-button" aria-label="Close" onClick={close}>
          <Icon name="close" size={14} />
        </button>
      </header>
      {children}
    </dialog>
  );
}

const close = () => useEditor.setState({ dialog: null });

export function Dialogs() {
  const dialog = useEditor((it) => it.dialog);
  const question = useNotices((it) => it.question);
  return (
    <>
      {dialog === "settings" && <SettingsDialog />}
      {dialog === "shortcuts" && <KeysDialog />}
      {question && <Ask key={question.title} question={question} />}
    </>
  );
}

type Field = { [K in keyof Settings]: { key: K; label: string; about?: string; options?: readonly (readonly [Settings[K], string])[] } }[keyof Settings];

const FIELDS: readonly Field[] = [
  { key: "theme", label: "Theme", options: [["system", "As the system"], ["dark", "Dark"], ["light", "Light"]] },
  { key: "links", label: "Links", options: [["spline", "Curved"], ["straight", "Straight"], ["step", "At right angles"], ["hidden", "Hidden"]] },
  { key: "release", label: "A link that is let go over the empty canvas", options: [["search", "Searches for a node"], ["menu", "Opens a menu"], ["nothing", "Does nothing"]] },
  { key: "drag", label: "Dragging the empty canvas", options: [["pan", "Moves the view"], ["select", "Selects"]] },
  { key: "wheel", label: "The wheel", options: [["zoom", "Zooms"], ["pan", "Moves the view"]] },
  { key: "control", label: "Seeds change", options: [["after", "After each run"], ["before", "Before each run"]] },
  { key: "snap", label: "Snap to the grid", about: "Nodes keep to steps of 8." },
  { key: "minimap", label: "Map", about: "The whole workflow, small, in the corner." },
  { key: "translate", label: "Names of nodes in my language", about: "Where the server knows them. Takes effect when the classes are read again (R)." },
  { key: "animate", label: "Motion", about: "Also off where the system asks for less motion." },
  { key: "confirmDelete", label: "Ask before a tab with changes is closed by the browser" },
];

function SettingsDialog() {
  const settings = useSettings();
  const [query, setQuery] = useState("");
  const found = search(query, FIELDS, (it) => [it.label, it.about ?? ""]);
  return (
    <Modal title="Settings" close={close}>
      <SearchBox label="Search settings" value={query} set={setQuery} />
      <div className="scroll settings">
        {found.map((field) => (
          <label key={field.key} className="setting">
            <span>
              {field.label}
              {field.about && <small>{field.about}</small>}
            </span>
            {field.options ? (
              <select value={String(settings[field.key])} onChange={(event) => setSetting(field.key, event.target.value as never)}>
                {field.options.map(([value, label]) => (
                  <option key={String(value)} value={String(value)}>
                    {label}
                  </option>
                ))}
              </select>
            ) : (
              <input type="checkbox" role="switch" checked={settings[field.key] === true} onChange={(event) => setSetting(field.key, event.target.checked as never)} />
            )}
          </label>
        ))}
      </div>
      <footer>
        <button type="button" className="button" onClick={resetSettings}>
          Reset all
        </button>
        <span className="grow" />
        <button type="button" className="button" onClick={() => useEditor.setState({ dialog: "shortcuts" })}>
          Keys...
        </button>
      </footer>
    </Modal>
  );
}

function KeysDialog() {
  const keys = useSettings((it) => it.keys);
  const [query, setQuery] = useState("");
  const [recording, setRecording] = useState<string | null>(null);
  const found = search(query, COMMANDS, (it) => [it.title, ...keysOf(it)]);
  const sections = [...new Set(found.map((it) => it.section))];
  return (
    <Modal title="Keys" close={close}>
      <SearchBox label="Search keys" value={query} set={setQuery} />
      <div className="scroll keys">
        {sections.map((section) => (
          <section key={section}>
            <h3>{section}</h3>
            {found
              .filter((it) => it.section === section)
              .map((command) => {
                const twin = COMMANDS.find((it) => it !== command && keysOf(it).some((key) => keysOf(command).includes(key)));
                return (
                  <div key={command.id} className="key-row">
                    <span>{command.title}</span>
                    {twin && <b className="badge" data-tone="bad">{`also: ${twin.title}`}</b>}
                    <button
                      type="button"
                      className="key-edit"
                      aria-label={`Keys of ${command.title}: ${keysOf(command).join(", ") || "none"}`}
                      title="Click, then press the keys; Backspace takes them away"
                      onClick={() => setRecording(command.id)}
                      onBlur={() => setRecording(null)}
                      onKeyDown={(event) => {
                        if (recording !== command.id || event.key === "Tab") return;
                        event.preventDefault();
                        event.stopPropagation();
                        if (["Control", "Shift", "Alt", "Meta"].includes(event.key)) return;
                        if (event.key !== "Escape") setSetting("keys", { ...keys, [command.id]: event.key === "Backspace" ? "" : pressed(event.nativeEvent) });
                        setRecording(null);
                      }}
                    >
                      {recording === command.id ? "press keys" : keysOf(command).map((it) => <kbd key={it}>{it}</kbd>)}
                    </button>
                  </div>
                );
              })}
          </section>
        ))}
      </div>
      <footer>
        <button type="button" className="button" onClick={() => setSetting("keys", {})}>
          Reset all
        </button>
      </footer>
    </Modal>
  );
}

function Ask({ question }: { question: Question }) {
  const [value, setValue] = useState(question.value ?? "");
  const answer = (it: string | null) => {
    useNotices.setState({ question: null });
    question.answer(it);
  };
  return (
    <Modal title={question.title} close={() => answer(null)} small>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          answer(value);
        }}
      >
        {question.text && <p>{question.text}</p>}
        {question.value !== undefined && <input className="field" data-focus aria-label={question.title} value={value} onFocus={(event) => event.currentTarget.select()} onChange={(event) => setValue(event.target.value)} />}
        <footer>
          <button type="button" className="button" onClick={() => answer(null)}>
            Cancel
          </button>
          <button type="submit" className="button button-main" data-danger={question.danger || undefined} data-focus={question.value === undefined || undefined}>
            {question.yes}
          </button>
        </footer>
      </form>
    </Modal>
  );
}

export function Notices() {
  const notices = useNotices((it) => it.notices);
  return (
    <div className="notices" role="status" aria-live="polite">
      {notices.map((it) => (
        <div key={it.id} className="notice" data-kind={it.kind}>
          <p>{it.text}</p>
          <button type="button" className="icon-button" aria-label="Dismiss" onClick={() => dismiss(it.id)}>
            <Icon name="close" size={12} />
          </button>
        </div>
      ))}
    </div>
  );
}
