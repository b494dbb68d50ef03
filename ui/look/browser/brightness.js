// What a pixel of the sky holds, in a label beside the cursor: its place, its brightness and that over the rms.
const DIGITS = 4
const minus = text => text.replace("-", "−")

// A value with so many significant digits and no power of ten
export const plain = value => {
  if (value === 0) return "0"
  const places = DIGITS - 1 - Math.floor(Math.log10(Math.abs(value)))
  const rounded = Number(value.toPrecision(DIGITS))
  const text = rounded.toFixed(Math.min(Math.max(places, 0), 100))
  return minus(text.includes(".") ? text.replace(/\.?0+$/, "") : text)
}

const pixels = tile => {
  const bytes = Uint8Array.from(atob(tile.content), each => each.charCodeAt(0))
  return new Float32Array(bytes.buffer)
}

// From a place on the axes to the lines of the label: null beyond the image and where there is no data
export const reader = ({ tiles, unit, rms, offsets }) => {
  const read = tiles.map(() => null) // what nobody points at is not unpacked
  return (y, x) => {
    for (let i = tiles.length - 1; i >= 0; i--) { // what is drawn last is on top
      const { shape: [ny, nx], x0, dx, y0, dy } = tiles[i]
      const row = Math.round((y - y0) / dy), column = Math.round((x - x0) / dx)
      if (row < 0 || row >= ny || column < 0 || column >= nx) continue
      const value = (read[i] ??= pixels(tiles[i]))[row * nx + column]
      if (!Number.isFinite(value)) continue
      const place = [x0 + column * dx, y0 + row * dy].map(each => minus(each.toFixed(1)) + offsets).join(", ")
      return [place, `${plain(value)} ${unit}`, ...(rms === null ? [] : [`S/N ${minus((value / rms).toFixed(1))}`])]
    }
    return null
  }
}

// Show the lines beside the cursor of a plot, or nothing; in the colours of plotly's own labels
export const label = (plot, lines, event) => {
  const home = plot.querySelector(".svg-container"), box = home.getBoundingClientRect()
  let tip = home.querySelector(":scope > .sky-brightness")
  if (!lines) return tip?.remove()
  if (!tip) {
    tip = document.createElement("div")
    tip.className = "sky-brightness"
    tip.style.cssText = "position:absolute;pointer-events:none;white-space:pre;padding:2px 6px;line-height:1.35;border:1px solid;z-index:1"
    home.append(tip)
  }
  const { bgcolor, bordercolor, font } = plot._fullLayout.hoverlabel
  Object.assign(tip.style, { background: bgcolor, borderColor: bordercolor, color: font.color })
  Object.assign(tip.style, { fontFamily: font.family, fontSize: `${font.size}px` })
  tip.textContent = lines.join("\n")
  const x = event.clientX - box.x, right = x + 14 + tip.offsetWidth > box.width
  tip.style.left = `${right ? x - 14 - tip.offsetWidth : x + 14}px`
  tip.style.top = `${event.clientY - box.y - tip.offsetHeight / 2}px`
}
