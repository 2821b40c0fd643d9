//! Pictures, large: zoomed with the wheel, moved with the mouse, and two laid over each other to compare.

import { useEffect, useRef, useState } from "react";
import { create } from "zustand";
import { viewUrl, type FileRef } from "../server/api";
import { Icon } from "../ui/icons";

interface Viewer {
  files: readonly FileRef[];
  at: number;
}

const useViewer = create<{ open: Viewer | null }>()(() => ({ open: null }));

export const openViewer = (files: readonly FileRef[], at = 0): void => {
  useViewer.setState({ open: { files, at } });
};

const STILL = { x: 0, y: 0, zoom: 1 };

export function ViewerHost() {
  const open = useViewer((it) => it.open);
  return open ? <View key={open.files.map((it) => it.filename).join()} files={open.files} first={open.at} /> : null;
}

function View({ files, first }: { files: readonly FileRef[]; first: number }) {
  const [at, setAt] = useState(first);
  const [other, setOther] = useState<number | null>(null);
  const [split, setSplit] = useState(0.5);
  const [view, setView] = useState(STILL);
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => void dialog.current?.showModal(), []);
  const close = () => useViewer.setState({ open: null });
  const file = files[at]!;
  const step = (by: number) => {
    setAt((it) => (it + by + files.length) % files.length);
    setView(STILL);
  };
  const style = { transform: `translate(${view.x}px, ${view.y}px) scale(${view.zoom})` };
  return (
    <dialog
      ref={dialog}
      className="viewer"
      aria-label={file.filename}
      onClose={close}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.key === "ArrowRight") step(1);
        if (event.key === "ArrowLeft") step(-1);
        if (event.key === "+" || event.key === "=") setView((it) => ({ ...it, zoom: it.zoom * 1.25 }));
        if (event.key === "-") setView((it) => ({ ...it, zoom: it.zoom / 1.25 }));
        if (event.key === "0") setView(STILL);
      }}
    >
      <div
        className="viewer-stage"
        onWheel={(event) => setView((it) => ({ ...it, zoom: Math.min(32, Math.max(0.1, it.zoom * (event.deltaY < 0 ? 1.15 : 1 / 1.15))) }))}
        onDoubleClick={() => setView(STILL)}
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
        onPointerMove={(event) => {
          if (event.buttons !== 1) return;
          const { movementX: x, movementY: y } = event;
          if (other !== null && !event.shiftKey) {
            const box = event.currentTarget.getBoundingClientRect();
            setSplit(Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1));
          } else setView((it) => ({ ...it, x: it.x + x, y: it.y + y }));
        }}
      >
        <img src={viewUrl(file)} alt={file.filename} style={{ ...style, imageRendering: view.zoom > 2 ? "pixelated" : "auto" }} draggable={false} />
        {other !== null && (
          <div className="viewer-over" style={{ clipPath: `inset(0 0 0 ${split * 100}%)` }}>
            <img src={viewUrl(files[other]!)} alt={files[other]!.filename} style={{ ...style, imageRendering: view.zoom > 2 ? "pixelated" : "auto" }} draggable={false} />
          </div>
        )}
        {other !== null && <i className="viewer-split" style={{ left: `${split * 100}%` }} />}
      </div>
      <footer>
        <span className="grow">{file.filename}</span>
        {files.length > 1 && (
          <>
            <button type="button" className="button" onClick={() => step(-1)}>
              Previous
            </button>
            <span>
              {at + 1} of {files.length}
            </span>
            <button type="button" className="button" onClick={() => step(1)}>
              Next
            </button>
            <button type="button" className="button" aria-pressed={other !== null} onClick={() => setOther((it) => (it === null ? (at + 1) % files.length : null))}>
              Compare
            </button>
          </>
        )}
        <a className="button" href={viewUrl(file)} download={file.filename}>
          Save
        </a>
        <button type="button" className="icon-button" aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </footer>
    </dialog>
  );
}
