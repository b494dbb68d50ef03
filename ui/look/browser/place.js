// Places on the sky between the nodes of a grid over the image, and their names. The nodes are unit vectors, so that a
// pole is a place like any other.
export const RAD = Math.PI / 180

// "", "2", "3": what stands behind x and y of the panels of a plot
export const panelNumbers = layout =>
  Object.keys(layout).filter(key => /^xaxis\d*$/.test(key)).map(key => key.slice(5)).sort()

export const vectors = (ra, dec) => ra.map((a, i) => {
  const c = Math.cos(dec[i] * RAD)
  return [c * Math.cos(a * RAD), c * Math.sin(a * RAD), Math.sin(dec[i] * RAD)]
})

// RA (0 to 360) and Dec in degrees at a place of the axes; grid: {n, box, nodes}. A field may be much wider than a small
// image: far beyond its edge the place follows from its four corners, and is null some 20 degrees away.
export const at = (grid, y, x) => {
  const n = grid.n, [y0, y1, x0, x1] = grid.box
  const v = (y - y0) / (y1 - y0) * (n - 1), u = (x - x0) / (x1 - x0) * (n - 1), slack = 0.25 * (n - 1)
  if (!Number.isFinite(v) || !Number.isFinite(u)) return null
  const far = v < -slack || v > n - 1 + slack || u < -slack || u > n - 1 + slack, step = far ? n - 1 : 1
  const i = far ? 0 : Math.max(0, Math.min(Math.floor(v), n - 2)), j = far ? 0 : Math.max(0, Math.min(Math.floor(u), n - 2))
  const b = (v - i) / step, a = (u - j) / step, f = grid.nodes, k = i * n + j, up = step * n
  const [X, Y, Z] = [0, 1, 2].map(c => (1 - b) * ((1 - a) * f[k][c] + a * f[k + step][c])
    + b * ((1 - a) * f[k + up][c] + a * f[k + up + step][c]))
  if (far && Math.hypot(X, Y, Z) > 1.06) return null
  const ra = Math.atan2(Y, X) / RAD, dec = Math.atan2(Z, Math.hypot(X, Y)) / RAD
  return Number.isFinite(ra) && Number.isFinite(dec) ? [(ra + 360) % 360, dec] : null
}

export const inside = (grid, y, x) => {
  const [y0, y1, x0, x1] = grid.box
  return (y - y0) * (y - y1) <= 0 && (x - x0) * (x - x1) <= 0
}

const pad = (value, digits, width) => value.toFixed(digits).padStart(width, "0")
const split = (value, digits) => {  // into whole units, minutes and seconds, rounded once
  const unit = 10 ** digits, all = Math.round(value * 3600 * unit)
  const seconds = all % (60 * unit), minutes = Math.floor(all / (60 * unit))
  return [Math.floor(minutes / 60), minutes % 60, pad(seconds / unit, digits, digits ? 3 + digits : 2)]
}
export const hours = (ra, digits) => {
  const [h, m, s] = split((ra % 360 + 360) % 360 / 15, digits)
  return `${pad(h % 24, 0, 2)}:${pad(m, 0, 2)}:${s}`
}
export const degrees = (dec, digits) => {
  const [d, m, s] = split(Math.abs(dec), digits)
  return `${dec < 0 && (d || m || Number(s)) ? "−" : "+"}${pad(d, 0, 2)}:${pad(m, 0, 2)}:${s}`
}
