// What lies over the sky panels and follows their zoom: RA and Dec along the edges, beam, arrows and scale bar in the
// corners, place and brightness under the cursor, the key that blinks; and what is drawn on them, told to the page.
import { at, degrees, hours, inside, panelNumbers, vectors } from "./place.js"
import { ticks } from "./ticks.js"
import { corner } from "./corner.js"
import { STEPS, show } from "./blink.js"
import { label, reader } from "./brightness.js"

const NAME = "http://www.w3.org/2000/svg"
const TYPING = "input, textarea, select, [contenteditable=true], [role=combobox]"

export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  parentElement.skyStop?.()
  const grid = data.ra ? { n: data.n, box: data.box, nodes: vectors(data.ra, data.dec) } : null
  const line = parentElement.querySelector(".place")
  let step = parentElement.skyStep ?? 0, stopped = false

  const plots = () => data.charts.map(key => document.querySelector(`.st-key-${key} .js-plotly-plot`))
    .filter(plot => plot?._fullLayout?.xaxis?._length && plot._fullLayout.meta?.panels)

  const layerOf = plot => {
    const home = plot.querySelector(".svg-container")
    let layer = home.querySelector(":scope > .sky-overlay")
    if (layer) return layer
    layer = document.createElementNS(NAME, "svg")
    layer.setAttribute("class", "sky-overlay")
    layer.style.cssText = "position:absolute;left:0;top:0;width:100%;height:100%;pointer-events:none;overflow:visible"
    layer.innerHTML = `<g class="blink"></g><g class="marks"></g>`
    home.append(layer)
    return layer
  }

  const edges = (plot, number, first) => {
    const layout = plot._fullLayout, x = layout[`xaxis${number}`], y = layout[`yaxis${number}`]
    const { x: below, y: beside } = ticks(grid, { x: x.range, y: y.range }, [x._length, y._length])
    const ink = layout.font.color, bottom = y._offset + y._length, parts = []
    const mark = (d) => parts.push(`<path d="${d}" stroke="${ink}" stroke-width="1" fill="none"/>`)
    const word = (px, py, text, more) =>
      parts.push(`<text x="${px.toFixed(1)}" y="${py.toFixed(1)}" fill="${ink}" ${more}>${text}</text>`)
    for (const tick of below.ticks) {
      const px = tick.share * x._length
      mark(`M${x._offset + px} ${bottom}v4`)
      if (below.ticks.length === 1 || (px > 22 && px < x._length - 22))
        word(x._offset + px, bottom + 15, tick.text, `class="sky-x" text-anchor="middle"`)
    }
    for (const tick of beside.ticks) {
      const py = bottom - tick.share * y._length
      mark(`M${x._offset} ${py}h-4`)
      if (first) word(x._offset - 6, py + 4, tick.text, `class="sky-y" text-anchor="end"`)
    }
    word(x._offset + x._length / 2, bottom + 31, `${below.name} (ICRS)`, `text-anchor="middle" font-size="12"`)
    const middle = y._offset + y._length / 2
    if (first) word(0, 0, `${beside.name} (ICRS)`,
      `text-anchor="middle" font-size="12" transform="translate(${x._offset - 68} ${middle}) rotate(-90)"`)
    return parts.join("")
  }

  const draw = plot => {
    const layout = plot._fullLayout, layer = layerOf(plot), parts = []
    const onSky = Boolean(grid) && data.axes === "sky"
    for (const [i, number] of panelNumbers(layout).entries()) {
      const x = layout[`xaxis${number}`], y = layout[`yaxis${number}`]
      if (onSky) parts.push(edges(plot, number, i === 0))
      if (layout.meta.panels[i] !== "sky") continue
      const range = x.range[1] - x.range[0], scale = [x._length / range, y._length / (y.range[1] - y.range[0])]
      const panel = [x._offset, y._offset, x._length, y._length]
      parts.push(`<svg x="${panel[0]}" y="${panel[1]}" width="${panel[2]}" height="${panel[3]}">`,
        corner(data, scale, [0, 0, panel[2], panel[3]], range), "</svg>")
    }
    layer.querySelector(".marks").innerHTML = `<g font-size="11" font-family="${layout.font.family.replaceAll('"', "'")}">`
      + parts.join("") + "</g>"
    show(plot, layer, STEPS[step])
  }

  const state = plot => {
    const layout = plot._fullLayout, numbers = [step, layout.width, layout.font.color]  // no size of an element: asking lays out the page
    for (const number of panelNumbers(layout))
      for (const axis of [layout[`xaxis${number}`], layout[`yaxis${number}`]])
        numbers.push(axis._offset, axis._length, axis.range[0], axis.range[1])
    return numbers.join()
  }
  const drawn = new WeakMap()
  const follow = () => {
    if (stopped) return
    for (const plot of plots()) {
      const now = state(plot), layer = plot.querySelector(".svg-container > .sky-overlay")
      // A new picture under the same axes has new images, and those have no opacity of a blink yet.
      const images = [...plot.querySelectorAll(".heatmaplayer image")].at(-1)
      const before = drawn.get(plot)
      if (layer && before?.now === now && before.images === images) continue
      drawn.set(plot, { now, images })
      draw(plot)
    }
    requestAnimationFrame(follow)
  }

  const told = (ra, dec) =>
    `${data.names}  ${hours(ra, 2)} ${degrees(dec, 1)}  (${ra.toFixed(5)}°, ${dec.toFixed(5)}°)`
  // Panel of a plot under the cursor: its index, and the place on its axes
  const pointed = (plot, event) => {
    const box = plot.getBoundingClientRect(), layout = plot._fullLayout
    for (const [index, number] of panelNumbers(layout).entries()) {
      const xaxis = layout[`xaxis${number}`], yaxis = layout[`yaxis${number}`]
      const x = event.clientX - box.x - xaxis._offset, y = event.clientY - box.y - yaxis._offset
      if (x < 0 || x > xaxis._length || y < 0 || y > yaxis._length) continue
      return { index, y: yaxis.p2d(y), x: xaxis.p2d(x) }
    }
    return null
  }
  const brightness = reader(data.brightness)
  const move = event => {
    const all = plots(), plot = all.find(each => each.contains(event.target))
    const found = plot ? pointed(plot, event) : null
    const isFree = found && !event.buttons && !event.target.closest(".modebar, .updatemenu-container")
    const isSky = isFree && plot._fullLayout.meta.panels[found.index] === "sky" && !plot.querySelector(".hovertext")
    for (const each of all) label(each, each === plot && isSky ? brightness(found.y, found.x) : null, event)
    if (!found || !grid) return
    const place = inside(grid, found.y, found.x) ? at(grid, found.y, found.x) : null
    line.textContent = place ? told(...place) : data.hint
  }

  const key = event => {
    if (event.key.toLowerCase() !== "m" || event.ctrlKey || event.metaKey || event.altKey) return
    if (event.target.closest?.(TYPING)) return
    step = parentElement.skyStep = (step + 1) % STEPS.length
    line.textContent = STEPS[step] ? `Blinking: ${STEPS[step]}` : data.hint
  }

  // A click that is no drag and no second one: the place under it, on the axes of the panels
  let pressed = null, waiting = 0
  const press = event => { pressed = { x: event.clientX, y: event.clientY, on: event.target } }
  const click = event => {
    clearTimeout(waiting)
    if (!data.clicks || event.button || event.detail > 1 || !pressed || pressed.on.closest?.(".shapelayer, .modebar, .updatemenu-container")) return
    if (Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) > 3) return
    const plot = plots().find(each => each.contains(pressed.on))
    if (!plot) return
    const found = pointed(plot, event)
    if (!found) return
    const place = { file: data.file, x: found.x, y: found.y, more: event.shiftKey || event.ctrlKey || event.metaKey }
    waiting = setTimeout(() => stopped || setTriggerValue("picked", place), 300)
  }

  const shapesOf = plot => (plot.layout.shapes ?? []).filter(each => ["rect", "circle"].includes(each.type))
    .map(({ type, x0, x1, y0, y1 }) => ({ type, x0, x1, y0, y1 }))
  const release = () => setTimeout(() => {  // plotly's own listeners come first
    const plot = plots().find(each => each._fullLayout.meta.panels.includes("sky"))
    if (stopped || !plot || !data.file) return
    const now = JSON.stringify(shapesOf(plot))
    if (now === (parentElement.skyTold ?? JSON.stringify(data.shapes))) return
    parentElement.skyTold = now
    setStateValue("drawn", { file: data.file, shapes: shapesOf(plot) })
  }, 80)

  if (parentElement.skyFile !== data.file || JSON.stringify(data.shapes) === parentElement.skyTold) parentElement.skyTold = undefined
  parentElement.skyFile = data.file
  line.textContent = data.hint
  document.addEventListener("mousemove", move)
  document.addEventListener("keydown", key)
  document.addEventListener("mouseup", release)
  document.addEventListener("mousedown", press, true)
  document.addEventListener("mouseup", click)
  requestAnimationFrame(follow)
  parentElement.skyStop = () => {
    stopped = true
    document.removeEventListener("mousemove", move)
    document.removeEventListener("keydown", key)
    document.removeEventListener("mouseup", release)
    document.removeEventListener("mousedown", press, true)
    document.removeEventListener("mouseup", click)
  }
  return parentElement.skyStop
}
