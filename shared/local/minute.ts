/** Calls `act` now and at every full minute, as an EventBridge schedule would; returns how to stop. */
export function everyMinute(act: (at: Date) => void): () => void {
  let timer: NodeJS.Timeout;
  const tick = (at: Date) => {
    const now = Date.now();
    const next = (Math.floor(now / minuteMs) + 1) * minuteMs;
    timer = setTimeout(() => tick(new Date(next)), next - now);
    act(at);
  };
  tick(new Date());
  return () => clearTimeout(timer);
}

const minuteMs = 60_000;
