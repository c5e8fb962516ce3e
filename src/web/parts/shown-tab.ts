import { type RefObject, useEffect, useRef } from "react";

/**
 * Scrolls a list of tabs that is wider than the screen to the tab that is open.
 *
 * @param state Changes with the tab and with the list.
 */
export function useShownTab(state: string): RefObject<HTMLDivElement | null> {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const tab = list.current?.querySelector('[aria-selected="true"]');
    tab?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [state]);
  return list;
}
