const DOTS = [9, 16, 23].flatMap((y) => [9, 16, 23].map((x) => [x, y] as const));

/** One of many: the mark of the platform. */
export function Logo({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="#1d5145" />
      {DOTS.map(([x, y]) =>
        x === 23 && y === 16 ? (
          <circle key={`${x},${y}`} cx={x} cy={y} r="4" fill="#f0c88a" />
        ) : (
          <circle key={`${x},${y}`} cx={x} cy={y} r="2.3" fill="#ffffff" fillOpacity="0.45" />
        ),
      )}
    </svg>
  );
}
