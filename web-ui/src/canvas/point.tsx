//! A point that links are drawn through.

import type { NodeProps } from "@xyflow/react";
import { memo } from "react";
import { colourOf, type PointOnCanvas } from "./types";

export const PointView = memo(
  function PointView({ data, selected }: NodeProps<PointOnCanvas>) {
    return <i className="point" data-selected={selected || undefined} style={{ background: colourOf(data.type) }} />;
  },
  (a, b) => a.data === b.data && a.selected === b.selected,
);
