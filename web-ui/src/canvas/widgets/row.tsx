//! A widget of a node: the one for its kind. Each is cheap until it is used, as there may be thousands.

import type { Row } from "../../document/face";
import type { Json } from "../../document/json";
import { ColourWidget } from "./colour";
import { ComboWidget } from "./combo";
import { DrawnWidget } from "./drawn";
import { NumberWidget } from "./number";
import { TextWidget } from "./text";
import { ToggleWidget } from "./toggle";

export interface WidgetProps<W = Row["widget"]> {
  readonly row: Row;
  readonly widget: W;
  readonly disabled: boolean;
  /** Sets the value. Calls with the same gesture are undone together. */
  readonly set: (value: Json, gesture?: string) => void;
  readonly setMode: (mode: string) => void;
}

export function RowWidget(props: WidgetProps) {
  const { widget } = props;
  switch (widget.kind) {
    case "int":
    case "float":
      return widget.display === "color" ? <ColourWidget {...props} widget={widget} /> : <NumberWidget {...props} widget={widget} />;
    case "boolean":
      return <ToggleWidget {...props} widget={widget} />;
    case "combo":
      return <ComboWidget {...props} widget={widget} />;
    case "color":
      return <ColourWidget {...props} widget={widget} />;
    case "drawn":
      return <DrawnWidget {...props} widget={widget} />;
    case "string":
      return <TextWidget {...props} widget={widget} />;
  }
}
