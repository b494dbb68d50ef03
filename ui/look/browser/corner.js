// Beam and scale bar in the corners of a panel, at the size that the zoom gives them, and arrows to north and east.
const ARROW = 26, LETTER = 35, HEAD = 7  // pixels from the foot of the arrows to their tips and letters; of their heads
const CORNER = 10, MARGIN = 0.03, INSIDE = 8  // pixels; the share of a panel around the model's field; pixels inside of that
const PALE = "#ffffff", DARK = "#1b1f24"

// A round length (1, 2 or 5 times a power of ten) of at most a quarter of the width: [axis units, text]
export const roundLength = (width, arcsec) => {
  const widest = Math.abs(width) / 4 * arcsec
  const [unit, name] = widest >= 7200 ? [3600, "°"] : widest >= 120 ? [60, "′"] : widest >= 1 ? [1, "″"] : [1e-3, " mas"]
  const most = widest / unit, decade = 10 ** Math.floor(Math.log10(most))
  const length = [5, 2, 1].map(m => m * decade).find(value => value <= most * (1 + 1e-9))
  return [length * unit / arcsec, `${Number(length.toPrecision(3))}${name}`]
}

// The arrows stand in the upper right corner, which leaves room for both whatever way they point.
const arrows = (data, scale, [left, top, width, height], inset) => {
  const ways = Object.entries(data.towards).map(([letter, [x, y]]) => {
    const across = x * scale[0], down = -y * scale[1], length = Math.hypot(across, down)
    return [letter, across / length, down / length]
  })
  const foot = [left + width - inset - LETTER * Math.max(0, ...ways.map(way => way[1])),
    top + inset - LETTER * Math.min(0, ...ways.map(way => way[2]))]
  return ways.map(([letter, x, y]) => {
    const along = (far, aside = 0) => `${(foot[0] + x * far - y * aside).toFixed(1)} ${(foot[1] + y * far + x * aside).toFixed(1)}`
    const [across, down] = along(LETTER).split(" ")
    return `<path class="arrow" d="M${along(0)}L${along(ARROW - HEAD)}" stroke="${data.ink}" stroke-width="1.5"/>`
      + `<path d="M${along(ARROW)}L${along(ARROW - HEAD, HEAD / 2)}L${along(ARROW - HEAD, -HEAD / 2)}Z" fill="${data.ink}"/>`
      + `<text x="${across}" y="${down}" fill="${data.ink}" text-anchor="middle" dominant-baseline="central">${letter}</text>`
  }).join("")
}

// SVG elements of one panel: pixels a unit of the axes [x, y] with their signs, panel [left, top, width, height]
export const corner = (data, scale, panel, range) => {
  const [left, top, width, height] = panel, ink = data.ink, parts = []
  // Inside of the dashed outline of the model's field, and on a shade of their own where something else is below.
  const inset = Math.max(CORNER, MARGIN * Math.min(width, height) + INSIDE)
  const shade = `stroke="${ink === PALE ? DARK : PALE}" stroke-opacity="0.55"`
  if (data.towards) parts.push(arrows(data, scale, panel, MARGIN * Math.min(width, height) + CORNER + 2))
  if (data.beam) {
    const points = data.beam.map(([x, y]) => [x * scale[0], -y * scale[1]])
    const half = [0, 1].map(axis => Math.max(...points.map(point => Math.abs(point[axis]))))
    const centre = [left + inset + half[0], top + height - inset - half[1]]
    const path = points.map(point => `${(centre[0] + point[0]).toFixed(2)},${(centre[1] + point[1]).toFixed(2)}`)
    const dash = data.assumed ? ` stroke-dasharray="2 2"` : ""
    parts.push(`<polygon points="${path.join(" ")}" fill="none" ${shade} stroke-width="4"/>`)
    parts.push(`<polygon class="beam" points="${path.join(" ")}" fill="none" stroke="${ink}" stroke-width="1.6"${dash}/>`)
  }
  if (data.arcsec > 0) {
    const [length, text] = roundLength(range, data.arcsec)
    const long = Math.abs(length * scale[0]), right = left + width - inset, y = top + height - inset
    const line = `d="M${right - long} ${y}H${right}"`
    parts.push(`<path ${line} ${shade} stroke-width="5"/>`)
    parts.push(`<path class="bar" ${line} stroke="${ink}" stroke-width="2"/>`)
    parts.push(`<text class="bar-text" x="${right - long / 2}" y="${y - 6}" fill="${ink}" text-anchor="middle"`
      + ` paint-order="stroke" ${shade} stroke-width="3" stroke-linejoin="round">${text}</text>`)
  }
  return parts.join("")
}
