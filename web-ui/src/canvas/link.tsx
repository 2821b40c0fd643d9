//! Links, in the colour of what flows through them.

import { BaseEdge, getBezierPath, getSmoothStepPath, getStraightPath, Position, useStore, type EdgeProps } from "@xyflow/react";
import { memo } from "react";
import { useSettings } from "../store/settings";
import { usePicked } from "./connecting";
import { colourOf, type LinkOnCanvas } from "./types";

interface Ends {
  readonly sourceX: number;
  readonly sourceY: number;
  readonly targetX: number;
  readonly targetY: number;
}

export function pathOf(style: string, ends: Ends): string {
  const at = { ...ends, sourcePosition: Position.Right, targetPosition: Position.Left };
  if (style === "straight") return getStraightPath(ends)[0];
  if (style === "step") return getSmoothStepPath({ ...at, borderRadius: 8 })[0];
  return getBezierPath({ ...at, curvature: 0.35 })[0];
}

export const LinkView = memo(function LinkView(props: EdgeProps<LinkOnCanvas>) {
  const { id, data, selected } = props;
  const style = useSettings((it) => it.links);
  const picked = usePicked((it) => it.link === id);
  // Both ends may move while the points stay, so the points are read where they are now.
  const points = useStore(
    (state) => data?.points.map((it) => state.nodeLookup.get(it)?.internals.positionAbsolute),
    (a, b) => a === b || (a?.length === b?.length && (a ?? []).every((it, i) => it?.x === b?.[i]?.x && it?.y === b?.[i]?.y)),
  );
  if (style === "hidden" && !selected) return null;
  const stops = (points ?? []).flatMap((it) => (it ? [{ x: it.x + 6, y: it.y + 6 }] : []));
  let path = "";
  let from = { x: props.sourceX, y: props.sourceY };
  for (const to of [...stops, { x: props.targetX, y: props.targetY }]) {
    path += pathOf(style, { sourceX: from.x, sourceY: from.y, targetX: to.x, targetY: to.y });
    from = to;
  }
  return <BaseEdge id={id} path={path} interactionWidth={14} className="link" style={{ stroke: colourOf(data?.type ?? "*"), opacity: picked ? 0.15 : data?.muted ? 0.35 : undefined }} />;
});
