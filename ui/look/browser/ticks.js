// Where lines of right ascension and declination meet the lower and the left edge of a view, as DS9, CARTA and Aladin
// mark them: round sexagesimal values, as many as there is room for.
import { RAD, at, degrees, hours } from "./place.js"

const SECONDS = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600]
const ROUND = [[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5], SECONDS, [7200, 10800, 14400, 21600, 36000, 72000, 108000]].flat()
const POINTS = 96
const BESIDE = 68, BELOW = 28  // pixels from one label to the next along the lower and the left edge

const unwound = values => values.reduce((all, value) => {
  const last = all.findLast(each => each !== null)
  const near = value === null || last === undefined ? value : value - 360 * Math.round((value - last) / 360)
  return [...all, near]
}, [])

// Crossings of one coordinate with the multiples of a step (degrees): [{share, value}], share 0 to 1 along the edge
const crossings = (values, step) => {
  const found = []
  for (let i = 0; i + 1 < values.length; i++) {
    const a = values[i], b = values[i + 1]
    if (a === null || b === null || a === b) continue
    const [low, high] = a < b ? [a, b] : [b, a]
    for (let k = Math.ceil(low / step); k * step < high; k++)
      found.push({ share: (i + (k * step - a) / (b - a)) / (values.length - 1), value: k * step })
  }
  return found.sort((one, other) => one.share - other.share)
}

// Ticks of one edge of `length` pixels, `room` pixels for each label: the finest round step whose labels stay apart
const along = (values, isRa, length, room) => {
  const unit = isRa ? 15 / 3600 : 1 / 3600
  const known = values.filter(value => value !== null)
  if (known.length < 2) return []
  const spread = Math.max(...known) - Math.min(...known)
  for (const round of ROUND) {
    const step = round * unit
    if (spread / step > length / room * 3 + 3) continue
    const found = crossings(values, step)
    const close = found.some((each, i) => i > 0 && (each.share - found[i - 1].share) * length < room)
    if (close && round !== ROUND.at(-1)) continue
    const digits = round >= 1 ? 0 : Math.ceil(-Math.log10(round) - 1e-9)
    const name = value => isRa ? hours(value, digits) : degrees(value, digits)
    return found.map(each => ({ ...each, text: name(each.value) }))
  }
  return []
}

// Ticks of a view. view: {x: [left, right], y: [bottom, top]} on the axes, size [width, height] in pixels.
// Returns {x: {name, ticks}, y: {name, ticks}}: which coordinate an edge carries is that which changes more along it.
export const ticks = (grid, view, size) => {
  const share = i => i / POINTS
  const edge = along => Array.from({ length: POINTS + 1 }, (_, i) => along(share(i)))
  const between = ([from, to], t) => from + (to - from) * t
  const bottom = edge(t => at(grid, view.y[0], between(view.x, t)))
  const left = edge(t => at(grid, between(view.y, t), view.x[0]))
  const column = (places, which) => {
    const values = places.map(place => place === null ? null : place[which])
    return which === 0 ? unwound(values) : values
  }
  const range = values => {
    const known = values.filter(value => value !== null)
    return known.length ? Math.max(...known) - Math.min(...known) : 0
  }
  const middle = bottom[POINTS / 2] ?? left[POINTS / 2] ?? [0, 0]
  const shrink = Math.cos(middle[1] * RAD)
  const raAlong = places => range(column(places, 0)) * shrink, decAlong = places => range(column(places, 1))
  const raBelow = raAlong(bottom) * decAlong(left) >= decAlong(bottom) * raAlong(left)
  const [w, h] = size
  return {
    x: { name: raBelow ? "RA" : "Dec", ticks: along(column(bottom, raBelow ? 0 : 1), raBelow, w, BESIDE) },
    y: { name: raBelow ? "Dec" : "RA", ticks: along(column(left, raBelow ? 1 : 0), !raBelow, h, BELOW) },
  }
}
