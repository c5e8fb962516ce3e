import "uplot/dist/uPlot.min.css";

import { useComputedColorScheme } from "@mantine/core";
import { type ReactElement, useEffect, useRef } from "react";
import UPlot from "uplot";

/** One curve. */
export interface Curve {
  readonly label: string;
  readonly color: string;
  /** A value for every time; `null` where there is none. */
  readonly values: readonly (number | null)[];
}

const HEIGHT_PX = 200;

/**
 * Curves over time, as wide as their place.
 *
 * @param summary What is to be seen, for those who do not see it.
 * @param valueText Prints values at the axis.
 */
export function LineChart({
  summary,
  timesSec,
  curves,
  valueText,
}: {
  readonly summary: string;
  readonly timesSec: readonly number[];
  readonly curves: readonly Curve[];
  readonly valueText: (value: number) => string;
}): ReactElement {
  const box = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme();
  useEffect(() => {
    const place = box.current;
    if (!place) return undefined;
    const ink = scheme === "dark" ? "#a8a49e" : "#66615a";
    const lines = scheme === "dark" ? "#33343a" : "#eeebe6";
    const axis = { stroke: ink, grid: { stroke: lines }, ticks: { stroke: lines } };
    const options: UPlot.Options = {
      width: place.clientWidth,
      height: HEIGHT_PX,
      axes: [axis, { ...axis, size: 78, values: (_plot, splits) => splits.map(valueText) }],
      scales: { y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.05 : 1] } },
      legend: { show: curves.length > 1, live: false },
      cursor: { show: false },
      series: [
        {},
        ...curves.map(({ label, color }) => ({
          label,
          stroke: color,
          width: 2,
          fill: `${color}22`,
          points: { show: false },
        })),
      ],
    };
    const data: UPlot.AlignedData = [
      [...timesSec],
      ...curves.map(({ values }): (number | null)[] => [...values]),
    ];
    const plot = new UPlot(options, data, place);
    const watcher = new ResizeObserver(() =>
      plot.setSize({ width: place.clientWidth, height: HEIGHT_PX }),
    );
    watcher.observe(place);
    return () => {
      watcher.disconnect();
      plot.destroy();
    };
  }, [scheme, timesSec, curves, valueText]);
  return <div ref={box} role="img" aria-label={summary} className="chart" />;
}
