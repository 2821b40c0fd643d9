//! What a node made, or what it loads: pictures, films, sounds and texts.

import { useEffect, useState, type CSSProperties } from "react";
import { viewUrl, type FileRef } from "../server/api";
import { openViewer } from "../panels/viewer";
import type { NodeRun } from "../store/run";
import { Icon } from "../ui/icons";
import type { NodeData } from "./types";
import { fileOf } from "./widgets/combo";

/** The picture that a node loads, and the widget that names it. */
export function loadedPicture(face: NodeData["face"]): { file: FileRef; row: string } | null {
  const row = face.rows.find((it) => it.widget.kind === "combo" && it.widget.upload === "image");
  if (row?.widget.kind !== "combo" || typeof row.value !== "string" || row.value === "" || row.socket?.linked) return null;
  return { file: fileOf(row.value, row.widget.folder), row: row.key };
}

/** The file that a node loads, where it is one that can be seen. */
export const loadedFile = (data: Pick<NodeData, "face">): FileRef | null => loadedPicture(data.face)?.file ?? null;

export function Preview({ data, run, style }: { data: NodeData; run: NodeRun; style: CSSProperties }) {
  const [at, setAt] = useState(0);
  const [size, setSize] = useState("");
  const loaded = loadedFile(data);
  const files = run.images.length ? run.images : loaded ? [loaded] : [];
  const file = files[Math.min(at, files.length - 1)];
  useEffect(() => setAt(0), [run.images]);
  if (run.preview)
    return (
      <div className="preview" style={style}>
        <img src={run.preview} alt="Preview of what is being made" draggable={false} />
      </div>
    );
  const media = run.media[0];
  if (media)
    return (
      <div className="preview nodrag" style={style}>
        {media.kind === "video" ? <video src={viewUrl(media.file)} controls loop muted /> : <audio src={viewUrl(media.file)} controls />}
      </div>
    );
  if (file)
    return (
      <div className="preview" style={style}>
        <img
          src={viewUrl(file, run.images.length ? file.filename : undefined)}
          alt={file.filename}
          draggable={false}
          onLoad={(event) => setSize(`${event.currentTarget.naturalWidth} × ${event.currentTarget.naturalHeight}`)}
          onDoubleClick={(event) => {
            event.stopPropagation();
            openViewer(files, at);
          }}
        />
        <footer>
          {files.length > 1 && (
            <button type="button" className="nodrag" aria-label="Next picture" onClick={() => setAt((it) => (it + 1) % files.length)}>
              {at + 1} of {files.length}
            </button>
          )}
          <span>{size}</span>
          <button type="button" className="nodrag" aria-label="View" title="View (double-click)" onClick={() => openViewer(files, at)}>
            <Icon name="fit" size={12} />
          </button>
        </footer>
      </div>
    );
  return run.text === null ? null : (
    <div className="preview preview-text nodrag nowheel" style={style} tabIndex={0}>
      {run.text}
    </div>
  );
}
