//! A choice: a list with a search. Choices of files take uploads.

import { useEffect, useMemo, useRef, useState } from "react";
import type { Widget } from "../../document/catalog";
import type { Json } from "../../document/json";
import { search } from "../../document/search";
import { upload, viewUrl } from "../../server/api";
import { refreshCatalog } from "../../store/actions";
import { complain } from "../../store/notices";
import { Icon } from "../../ui/icons";
import { closePopup, openPopup } from "../../ui/popup";
import { ModeButton } from "./number";
import type { WidgetProps } from "./row";

type Combo = Extract<Widget, { kind: "combo" }>;

const shown = (value: Json | undefined) => (value === undefined || value === null ? "" : Array.isArray(value) ? value.join(", ") : String(value));

/** A name as it is shown: the end of a path says more than its beginning. */
const short = (text: string) => text.replace(/\.(safetensors|ckpt|gguf|sft|pt|pth|bin)$/i, "");

/** Whether a name says in which directory the file is; such files are in no list. */
const isMarked = (value: Json | undefined) => typeof value === "string" && / \[(input|output|temp)\]$/.test(value);

export function fileOf(value: string, folder: string) {
  const [, path = value, type = folder] = /^(.*?)(?: \[(input|output|temp)\])?$/.exec(value) ?? [];
  const slash = path.lastIndexOf("/");
  return { filename: path.slice(slash + 1), subfolder: slash < 0 ? "" : path.slice(0, slash), type };
}

export function ComboWidget({ row, widget, disabled, set, setMode }: WidgetProps<Combo>) {
  const file = useRef<HTMLInputElement>(null);
  const value = shown(row.value);
  const known = widget.multiselect || isMarked(row.value) || widget.options.some((it) => it === row.value);
  const open = (at: HTMLElement) => openPopup(at.getBoundingClientRect(), <Choices row={row.value} widget={widget} label={row.label} width={at.offsetWidth} choose={set} />);
  const step = (by: number) => {
    const at = widget.options.findIndex((it) => it === row.value);
    const next = widget.options[Math.min(Math.max(at + by, 0), widget.options.length - 1)];
    if (next !== undefined && next !== row.value) set(next, `step:${row.key}`);
  };
  return (
    <div className="w w-combo nodrag" data-disabled={disabled || undefined} data-unknown={(!known && !disabled) || undefined} title={row.tooltip || undefined}>
      <button
        type="button"
        className="w-face"
        role="combobox"
        aria-expanded={false}
        aria-haspopup="listbox"
        aria-label={`${row.label}: ${value}`}
        disabled={disabled}
        onClick={(event) => open(event.currentTarget.parentElement ?? event.currentTarget)}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown" || event.key === "ArrowUp") {
            event.preventDefault();
            event.stopPropagation();
            step(event.key === "ArrowDown" ? 1 : -1);
          }
        }}
      >
        <span className="w-label">{row.label}</span>
        <span className="w-value" title={known ? value : `${value} is not on this server`}>
          {disabled ? "" : short(value)}
        </span>
        {!disabled && <Icon name="chevron" size={12} />}
      </button>
      {!disabled && <ModeButton row={row} setMode={setMode} wrap />}
      {widget.upload && !disabled && (
        <>
          <button type="button" className="w-mode" aria-label={`Upload ${widget.upload}`} title={`Upload ${widget.upload}`} onClick={() => file.current?.click()}>
            <Icon name="upload" size={12} />
          </button>
          <input
            ref={file}
            type="file"
            hidden
            accept={`${widget.upload}/*`}
            onChange={async (event) => {
              const [chosen] = event.target.files ?? [];
              event.target.value = "";
              if (!chosen) return;
              try {
                const name = await upload(chosen);
                await refreshCatalog();
                set(name);
              } catch (error) {
                complain(error);
              }
            }}
          />
        </>
      )}
    </div>
  );
}

function Choices({ row, widget, label, width, choose }: { row: Json | undefined; widget: Combo; label: string; width: number; choose: (value: Json) => void }) {
  const [query, setQuery] = useState("");
  const [chosen, setChosen] = useState<readonly Json[]>(widget.multiselect && Array.isArray(row) ? (row as Json[]) : []);
  const found = useMemo(() => search(query, widget.options, (it) => [shown(it)]), [query, widget]);
  const [at, setAt] = useState(() => Math.max(0, widget.options.findIndex((it) => it === row)));
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.children[at]?.scrollIntoView({ block: "nearest" });
  }, [at, found]);
  const take = (value: Json | undefined) => {
    if (value === undefined) return;
    if (widget.multiselect) {
      const next = chosen.includes(value) ? chosen.filter((it) => it !== value) : [...chosen, value];
      setChosen(next);
      choose(next);
    } else {
      closePopup();
      if (value !== row) choose(value);
    }
  };
  return (
    <div className="choices" style={{ minWidth: Math.max(width, 200) }}>
      <input
        autoFocus
        type="search"
        role="combobox"
        aria-expanded
        aria-controls="choices"
        aria-activedescendant={`choice-${at}`}
        aria-label={`Search ${label}`}
        placeholder="Search"
        value={query}
        onChange={(event) => {
          setQuery(event.target.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown") setAt((it) => Math.min(it + 1, found.length - 1));
          else if (event.key === "ArrowUp") setAt((it) => Math.max(it - 1, 0));
          else if (event.key === "Enter") take(found[at]);
          else return;
          event.preventDefault();
        }}
      />
      <div className="choices-list" role="listbox" id="choices" aria-label={label} ref={list}>
        {found.slice(0, 500).map((it, i) => (
          <div
            key={i}
            id={`choice-${i}`}
            role="option"
            aria-selected={widget.multiselect ? chosen.includes(it) : it === row}
            data-at={i === at || undefined}
            onPointerMove={() => setAt(i)}
            onClick={() => take(it)}
          >
            {widget.upload === "image" && <img loading="lazy" alt="" src={viewUrl(fileOf(shown(it), widget.folder))} />}
            <span>{shown(it)}</span>
          </div>
        ))}
      </div>
      {!found.length && <p className="empty">{widget.options.length ? "Nothing is called so." : "There is nothing to choose from on this server."}</p>}
    </div>
  );
}
