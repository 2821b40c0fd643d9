//! Groups: boxes behind nodes, which they take along.

import type { NodeProps } from "@xyflow/react";
import { memo, useState, type PointerEvent as ReactPointerEvent } from "react";
import { patchGroup } from "../document/edit";
import { edit, settle } from "../store/editor";
import type { GroupOnCanvas } from "./types";

let resizes = 0;

export const GroupView = memo(
  function GroupView({ data: { group }, selected }: NodeProps<GroupOnCanvas>) {
    const [naming, setNaming] = useState(false);
    const resize = (event: ReactPointerEvent) => {
      event.stopPropagation();
      const [x, y, width, height] = group.bounding;
      const box = (event.currentTarget as HTMLElement).closest(".react-flow__node")!.getBoundingClientRect();
      const zoom = box.width / width;
      const gesture = `group:${group.id}:${++resizes}`;
      const [left, top] = [event.clientX, event.clientY];
      const move = (it: PointerEvent) =>
        edit((doc, layer) => patchGroup(doc, layer, group.id, { bounding: [x, y, Math.max(140, width + (it.clientX - left) / zoom), Math.max(80, height + (it.clientY - top) / zoom)] }), gesture);
      addEventListener("pointermove", move);
      addEventListener(
        "pointerup",
        () => {
          removeEventListener("pointermove", move);
          settle();
        },
        { once: true },
      );
    };
    return (
      <div className="group" data-selected={selected || undefined} style={{ "--group": group.color ?? "#3f789e" } as React.CSSProperties}>
        <header
          className="group-title"
          onDoubleClick={(event) => {
            event.stopPropagation();
            setNaming(true);
          }}
        >
          {naming ? (
            <input
              className="nodrag"
              aria-label="Title of the group"
              autoFocus
              defaultValue={group.title}
              onFocus={(event) => event.currentTarget.select()}
              onBlur={(event) => {
                const title = event.target.value.trim();
                setNaming(false);
                if (title && title !== group.title) edit((doc, layer) => patchGroup(doc, layer, group.id, { title }));
              }}
              onKeyDown={(event) => {
                event.stopPropagation();
                if (event.key === "Enter" || event.key === "Escape") event.currentTarget.blur();
              }}
            />
          ) : (
            group.title
          )}
        </header>
        <i className="node-corner nodrag" onPointerDown={resize} />
      </div>
    );
  },
  (a, b) => a.data === b.data && a.selected === b.selected,
);
