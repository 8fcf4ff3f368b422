/** A straight line through points, and how well it is known. */
export interface Line {
  readonly slope: number
  /** One standard error of the slope, from what the points deviate from the line. */
  readonly slopeError: number
}

/** Ordinary least squares; undefined with fewer than three points or without any distance between them. */
export function lineThrough<P>(
  points: readonly P[],
  x: (point: P) => number,
  y: (point: P) => number,
): Line | undefined {
  const count = points.length
  const [first] = points
  if (first === undefined || count < 3) return undefined
  // From the first point on, not from zero: squares of milliseconds since the epoch have no room for the rest.
  const originX = x(first)
  const originY = y(first)
  let sumX = 0
  let sumY = 0
  for (const point of points) {
    sumX += x(point) - originX
    sumY += y(point) - originY
  }
  const meanX = sumX / count
  const meanY = sumY / count
  let squaresX = 0
  let squaresY = 0
  let products = 0
  for (const point of points) {
    const dx = x(point) - originX - meanX
    const dy = y(point) - originY - meanY
    squaresX += dx * dx
    squaresY += dy * dy
    products += dx * dy
  }
  if (squaresX === 0) return undefined
  const slope = products / squaresX
  const residual = Math.max(0, squaresY - slope * products)
  return { slope, slopeError: Math.sqrt(residual / (count - 2) / squaresX) }
}
