//! What the server writes, at the bottom.

import { useEffect, useRef, useState } from "react";
import * as api from "../server/api";
import { useEditor } from "../store/editor";
import { useRun } from "../store/run";
import { Icon } from "../ui/icons";

export function Logs() {
  const open = useEditor((it) => it.logs);
  return open ? <Lines /> : null;
}

function Lines() {
  const [lines, setLines] = useState<readonly string[]>([]);
  const [error, setError] = useState<string | null>(null);
  const running = useRun((it) => it.current?.node);
  const end = useRef<HTMLPreElement>(null);
  useEffect(() => {
    let stopped = false;
    const read = () =>
      void api.logs().then(
        (it) => {
          if (stopped) return;
          setLines(it);
          setError(null);
        },
        (it: unknown) => !stopped && setError(it instanceof Error ? it.message : String(it)),
      );
    read();
    const timer = setInterval(read, 2000);
    return () => {
      stopped = true;
      clearInterval(timer);
    };
  }, [running]);
  useEffect(() => void end.current?.scrollTo({ top: end.current.scrollHeight }), [lines]);
  return (
    <section className="logs" aria-label="Logs">
      <header>
        <h2>Logs</h2>
        <button type="button" className="icon-button" aria-label="Close the logs" onClick={() => useEditor.setState({ logs: false })}>
          <Icon name="close" size={14} />
        </button>
      </header>
      <pre ref={end} tabIndex={0}>
        {error ?? (lines.length ? lines.join("").trimEnd() : "Nothing has been written yet.")}
      </pre>
    </section>
  );
}
