import { useWindowVirtualizer } from "@tanstack/react-virtual";
import {
  type KeyboardEvent,
  type ReactElement,
  type ReactNode,
  useLayoutEffect,
  useRef,
  useState,
} from "react";

/** One column of a {@link VirtualGrid}. */
export interface GridColumn<Row> {
  readonly key: string;
  readonly title: string;
  /** A track of a CSS grid, for example `minmax(12rem, 3fr)`. */
  readonly width: string;
  readonly align?: "end";
  /** Shown on wide pages only. */
  readonly shownFrom?: "medium" | "wide";
  readonly cell: (row: Row) => ReactNode;
}

/** What a {@link VirtualGrid} shows. */
export interface VirtualGridProps<Row> {
  /** What is listed, for screen readers. */
  readonly label: string;
  readonly columns: readonly GridColumn<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  /** Depth in a tree from 0; without it the rows are a flat list. */
  readonly level?: (row: Row) => number;
  /** Whether a row that can be opened is open; `undefined` for those that cannot. */
  readonly expanded?: (row: Row) => boolean | undefined;
  readonly onToggle?: (row: Row) => void;
  /** Enter and a click on the row. */
  readonly onOpen?: (row: Row) => void;
  readonly empty: ReactNode;
}

const ROW_PX = 46;

/**
 * A list or tree of any length: only rows that can be seen exist.
 *
 * Scrolls with the page. Arrow keys, Home and End move between rows, Left and Right close and open, Enter opens; Tab goes on
 * to what can be pressed in the row.
 */
export function VirtualGrid<Row>(props: VirtualGridProps<Row>): ReactElement {
  const { label, columns, rows, level, empty } = props;
  const container = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [current, setCurrent] = useState(0);
  useLayoutEffect(() => {
    const box = container.current?.getBoundingClientRect();
    if (box) setTop(box.top + scrollY);
  }, []);
  const virtualizer = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => ROW_PX,
    overscan: 12,
    scrollMargin: top,
    getItemKey: (index) => {
      const row = rows[index];
      return row === undefined ? index : props.rowKey(row);
    },
  });
  function focusRow(index: number): void {
    const target = Math.max(0, Math.min(rows.length - 1, index));
    setCurrent(target);
    virtualizer.scrollToIndex(target);
    // At once where the row exists, so that keys pressed quickly reach the right one.
    if (!focusIfThere(container.current, target)) {
      requestAnimationFrame(() => focusIfThere(container.current, target));
    }
  }
  const active = Math.min(current, rows.length - 1);
  const style = { "--grid-columns": trackList(columns, "narrow") };
  const wider = {
    "--grid-columns-medium": trackList(columns, "medium"),
    "--grid-columns-wide": trackList(columns, "wide"),
  };
  return (
    <div
      role={level ? "treegrid" : "grid"}
      aria-label={label}
      aria-rowcount={rows.length + 1}
      className="grid"
      style={{ ...style, ...wider }}
    >
      <div role="rowgroup" className="grid-head">
        <div role="row" aria-rowindex={1} className="grid-row">
          {columns.map((column) => (
            <div key={column.key} role="columnheader" className={cellClass(column)}>
              {column.title}
            </div>
          ))}
        </div>
      </div>
      <div
        role="rowgroup"
        ref={container}
        className="grid-body"
        style={{ height: virtualizer.getTotalSize() }}
      >
        {virtualizer.getVirtualItems().map(({ index, key, start }) => {
          const row = rows[index];
          if (row === undefined) return undefined;
          return (
            <GridRow
              key={key}
              {...props}
              row={row}
              index={index}
              offset={start - top}
              isCurrent={index === active}
              onMove={focusRow}
            />
          );
        })}
      </div>
      {rows.length === 0 && (
        <div role="row" className="grid-empty">
          <div role="gridcell">{empty}</div>
        </div>
      )}
    </div>
  );
}

function focusIfThere(container: HTMLElement | null, index: number): boolean {
  const row = container?.querySelector<HTMLElement>(`[data-index="${index}"]`);
  row?.focus();
  return row !== null && row !== undefined;
}

function GridRow<Row>({
  row,
  index,
  offset,
  isCurrent,
  onMove,
  ...props
}: VirtualGridProps<Row> & {
  readonly row: Row;
  readonly index: number;
  readonly offset: number;
  readonly isCurrent: boolean;
  readonly onMove: (index: number) => void;
}): ReactElement {
  const { columns, level, expanded, onToggle, onOpen } = props;
  const isExpanded = expanded?.(row);
  const depth = level?.(row);
  function onKeyDown(event: KeyboardEvent<HTMLDivElement>): void {
    if (event.target !== event.currentTarget) return;
    const act = keyAction(event.key, { index, isExpanded, rowCount: props.rows.length });
    if (act === undefined) return;
    event.preventDefault();
    if (act === "open") onOpen?.(row);
    else if (act === "toggle") onToggle?.(row);
    else onMove(act.to);
  }
  return (
    <div
      role="row"
      data-index={index}
      aria-rowindex={index + 2}
      aria-level={depth === undefined ? undefined : depth + 1}
      aria-expanded={isExpanded}
      tabIndex={isCurrent ? 0 : -1}
      className={
        onOpen !== undefined || isExpanded !== undefined ? "grid-row grid-row-live" : "grid-row"
      }
      style={{ transform: `translateY(${offset}px)`, "--grid-level": depth ?? 0 }}
      onKeyDown={onKeyDown}
      onFocus={(event) => {
        if (event.target === event.currentTarget && !isCurrent) onMove(index);
      }}
      onClick={(event) => {
        const { target } = event;
        if (target instanceof Element && target.closest("a, button, input")) return;
        if (isExpanded === undefined) onOpen?.(row);
        else onToggle?.(row);
      }}
    >
      {columns.map((column) => (
        <div key={column.key} role="gridcell" className={cellClass(column)}>
          {column.cell(row)}
        </div>
      ))}
    </div>
  );
}

function keyAction(
  key: string,
  {
    index,
    isExpanded,
    rowCount,
  }: {
    readonly index: number;
    readonly isExpanded: boolean | undefined;
    readonly rowCount: number;
  },
): "open" | "toggle" | { readonly to: number } | undefined {
  switch (key) {
    case "ArrowDown":
      return { to: index + 1 };
    case "ArrowUp":
      return { to: index - 1 };
    case "Home":
      return { to: 0 };
    case "End":
      return { to: rowCount - 1 };
    case "PageDown":
      return { to: index + 12 };
    case "PageUp":
      return { to: index - 12 };
    case "ArrowRight":
      return isExpanded === false ? "toggle" : undefined;
    case "ArrowLeft":
      return isExpanded === true ? "toggle" : undefined;
    case "Enter":
    case " ":
      return isExpanded === undefined ? "open" : "toggle";
    default:
      return undefined;
  }
}

function trackList<Row>(
  columns: readonly GridColumn<Row>[],
  width: "narrow" | "medium" | "wide",
): string {
  return columns
    .filter(
      ({ shownFrom }) =>
        shownFrom === undefined ||
        width === "wide" ||
        (width === "medium" && shownFrom === "medium"),
    )
    .map((column) => column.width)
    .join(" ");
}

function cellClass<Row>({ align, shownFrom }: GridColumn<Row>): string {
  const from = shownFrom === undefined ? "" : ` grid-from-${shownFrom}`;
  return `grid-cell${align === "end" ? " grid-end" : ""}${from}`;
}
