//! The bar on top: menu, tabs, and all that makes things run.

import { keysFor, runCommand } from "../commands";
import { close, interrupt, run } from "../store/actions";
import { activate, isDirty, newTab, openTab, useEditor } from "../store/editor";
import { useRun } from "../store/run";
import { setSetting, useSettings } from "../store/settings";
import { Icon } from "../ui/icons";
import { openMenu, type MenuItem } from "../ui/menu";

const entry = (label: string, id: string): MenuItem => {
  const keys = keysFor(id);
  return { label, ...(keys ? { keys } : {}), run: () => runCommand(id) };
};

export function TopBar() {
  return (
    <header className="topbar">
      <button
        type="button"
        className="brand"
        aria-label="Menu"
        onClick={(event) =>
          openMenu(event.currentTarget.getBoundingClientRect(), [
            entry("New", "new"),
            entry("Open a file...", "open"),
            entry("Workflows on the server", "workflows"),
            entry("Examples", "templates"),
            "-",
            entry("Save", "save"),
            entry("Save as...", "save-as"),
            entry("Export", "export"),
            entry("Export in format 1.0", "export-1"),
            entry("Export for the API", "export-api"),
            "-",
            entry("Undo", "undo"),
            entry("Redo", "redo"),
            entry("Arrange", "arrange"),
            "-",
            entry("Settings", "settings"),
            entry("Keys", "shortcuts"),
            entry("Logs", "logs"),
          ])
        }
      >
        <svg width="20" height="20" viewBox="0 0 32 32" aria-hidden="true">
          <path d="M6 9h7a3 3 0 0 1 3 3v8a3 3 0 0 0 3 3h7" fill="none" stroke="var(--accent)" strokeWidth="2.6" strokeLinecap="round" />
          <circle cx="6" cy="9" r="4" fill="var(--accent)" />
          <circle cx="26" cy="23" r="4" fill="var(--t-IMAGE)" />
        </svg>
        <span>Burnish</span>
        <Icon name="chevron" size={12} />
      </button>
      <Tabs />
      <RunBar />
    </header>
  );
}

function Tabs() {
  const tabs = useEditor((it) => it.tabs);
  const active = useEditor((it) => it.active);
  return (
    <nav className="tabs" aria-label="Open workflows">
      <div className="tabs-list">
        {tabs.map((tab) => (
          <div key={tab.id} className="tab" data-active={tab.id === active || undefined}>
            <button
              type="button"
              className="tab-name"
              aria-current={tab.id === active ? "page" : undefined}
              tabIndex={tab.id === active ? 0 : -1}
              title={tab.file ?? "Not saved on the server"}
              onClick={() => activate(tab.id)}
              onAuxClick={(event) => event.button === 1 && void close(tab.id)}
              onKeyDown={(event) => {
                const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
                if (!by || event.shiftKey) return;
                const next = tabs[(tabs.indexOf(tab) + by + tabs.length) % tabs.length]!;
                activate(next.id);
                (event.currentTarget.closest(".tabs-list")?.querySelectorAll<HTMLElement>(".tab-name")[tabs.indexOf(next)])?.focus();
              }}
            >
              <span>{tab.name}</span>
            </button>
            <button type="button" className="tab-close" tabIndex={-1} data-dirty={isDirty(tab) || undefined} aria-label={`Close ${tab.name}${isDirty(tab) ? ", not saved" : ""}`} onClick={() => void close(tab.id)}>
              <Icon name="close" size={12} />
            </button>
          </div>
        ))}
      </div>
      <button type="button" className="icon-button" aria-label="New workflow" title="New workflow" onClick={() => openTab(newTab())}>
        <Icon name="plus" size={14} />
      </button>
    </nav>
  );
}

const AUTO = { off: "Run when asked", change: "Run on every change", always: "Run again and again" } as const;

function RunBar() {
  const connection = useRun((it) => it.connection);
  const remaining = useRun((it) => it.remaining);
  const current = useRun((it) => it.current);
  const ready = useEditor((it) => it.ready);
  const batch = useSettings((it) => it.batch);
  const auto = useSettings((it) => it.auto);
  const why = connection !== "open" ? "There is no connection to the server" : !ready ? "The node classes are being read" : null;
  return (
    <div className="runbar">
      {connection === "lost" && (
        <span className="lost" role="status">
          <i /> reconnecting
        </span>
      )}
      {current && (
        <span className="current" role="status" aria-label={`Running, ${current.done} of ${current.total} nodes done`}>
          <i style={{ transform: `scaleX(${current.total ? current.done / current.total : 0})` }} />
        </span>
      )}
      <button type="button" className="queue-button" aria-label={`Queue: ${remaining} waiting or running`} title="Queue and history (Q)" onClick={() => runCommand("jobs")}>
        <Icon name="clock" />
        <span data-some={remaining > 0 || undefined}>{remaining}</span>
      </button>
      <button type="button" className="icon-button" aria-label="Stop" title={`Stop (${keysFor("interrupt") ?? ""})`} disabled={remaining === 0} onClick={() => void interrupt()}>
        <Icon name="stop" />
      </button>
      <div className="run-group">
        <button type="button" className="run" disabled={why !== null} title={why ?? `Run (${keysFor("run") ?? ""})`} onClick={(event) => void run({ front: event.shiftKey })}>
          <Icon name="play" size={14} />
          <span>Run</span>
        </button>
        <input
          type="number"
          className="batch"
          min={1}
          max={100}
          value={batch}
          aria-label="How many times"
          title="How many times"
          onChange={(event) => setSetting("batch", Math.min(100, Math.max(1, Math.round(Number(event.target.value)) || 1)))}
        />
        <button
          type="button"
          className="run-more"
          aria-label="How to run"
          data-auto={auto === "off" ? undefined : auto}
          onClick={(event) =>
            openMenu(event.currentTarget.getBoundingClientRect(), [
              ...(["off", "change", "always"] as const).map((it): MenuItem => ({ label: AUTO[it], checked: auto === it, run: () => setSetting("auto", it) })),
              "-",
              entry("Run before all that waits", "run-front"),
              entry("Run only the selected nodes", "run-selected"),
              entry("Empty the queue", "clear-queue"),
            ])
          }
        >
          <Icon name="chevron" size={12} />
        </button>
      </div>
    </div>
  );
}
