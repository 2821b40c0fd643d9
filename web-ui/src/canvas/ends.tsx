//! The inputs and outputs of a subgraph, seen from inside. The last socket makes a new one.

import type { NodeProps } from "@xyflow/react";
import { memo } from "react";
import { patchPort } from "../document/edit";
import { socketType } from "../document/model";
import { removePort } from "../document/subgraph";
import { edit, useEditor } from "../store/editor";
import { askText } from "../store/notices";
import { openMenu } from "../ui/menu";
import { Slot } from "./slot";
import type { EndsOnCanvas } from "./types";

/** The height of the title and of each row. */
export const ENDS = { title: 30, row: 20, width: 140 };

export const EndsView = memo(
  function EndsView({ data: { side, ports } }: NodeProps<EndsOnCanvas>) {
    const handle = side === "input" ? "output" : "input";
    const prefix = handle === "output" ? "out" : "in";
    const middle = (i: number) => ENDS.title + 6 + i * ENDS.row + ENDS.row / 2;
    const menu = (event: React.MouseEvent, slot: number) => {
      event.preventDefault();
      event.stopPropagation();
      const port = ports[slot]!;
      openMenu({ x: event.clientX, y: event.clientY }, [
        {
          label: "Rename...",
          run: () => void askText("Name of the socket", port.label ?? port.name, "Rename").then((label) => label?.trim() && edit((doc, layer) => patchPort(doc, layer, side === "input" ? "inputs" : "outputs", slot, label.trim()))),
        },
        { label: "Remove", danger: true, run: () => edit((doc, layer) => removePort(doc, layer, side === "input" ? "inputs" : "outputs", slot, useEditor.getState().catalog)) },
      ]);
    };
    return (
      <div className="node ends" data-side={side}>
        <header className="node-title">
          <span className="node-name">{side === "input" ? "Inputs" : "Outputs"}</span>
        </header>
        {ports.map((port, i) => (
          <div key={port.id} onContextMenu={(event) => menu(event, i)}>
            <Slot side={handle} id={`${prefix}:${i}`} type={socketType(port.type)} y={middle(i)} linked={port.linkIds.length > 0} label={port.label ?? port.name} />
            <span className={handle === "output" ? "slot-label slot-label-out" : "slot-label"} style={{ top: middle(i) }}>
              {port.label ?? port.name}
            </span>
          </div>
        ))}
        <Slot side={handle} id={`${prefix}:${ports.length}`} type="*" y={middle(ports.length)} linked={false} label="New" />
        <span className={`slot-label ${handle === "output" ? "slot-label-out" : ""} slot-new`} style={{ top: middle(ports.length) }}>
          new
        </span>
      </div>
    );
  },
  (a, b) => a.data === b.data,
);
