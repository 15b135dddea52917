/** One line or bar of a chart: the field of each point that holds its figure, and how it is called and drawn. */
export interface Series<Point> {
  key: keyof Point & string;
  label: string;
  /** A colour of the theme, as a CSS value. */
  colour: string;
  /** Drawn with gaps, so that it can be told from the others without colour. */
  dashes?: string;
}

/** The colours of series in their order; each is told apart from its neighbours in both schemes, and by people who see few colours. */
export const SERIES_COLOURS = [
  'light-dark(#266453, #92c1b0)',
  'light-dark(#b3261e, #f2a39b)',
  'light-dark(#7a5600, #ecc978)',
  'light-dark(#3b5b92, #a9c1e8)',
] as const;

/** A figure of a point; null where there is none, which leaves a gap. */
export function figureOf<Point>(point: Point, key: keyof Point & string): number | null {
  const value = point[key];
  return typeof value === 'number' ? value : null;
}

/** Whether no line leads to a point or away from it: drawn as a line alone, it would not be seen. */
export function isAlone<Point>(points: Point[], index: number, key: keyof Point & string): boolean {
  const has = (at: number) => {
    const point = points[at];
    return point !== undefined && figureOf(point, key) !== null;
  };
  return has(index) && !has(index - 1) && !has(index + 1);
}
