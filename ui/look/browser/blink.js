// One key shows sky, model input and map one after the other at the same place: that of the map.
import { panelNumbers } from "./place.js"

export const STEPS = ["", "sky", "model input", "map"]

const pictures = (plot, number, kind) =>
  [...plot.querySelectorAll(`.cartesianlayer .subplot.x${number}y${number} .${kind} > g`)]

// Show a step on the last panel of a plot, or leave it as it is drawn
export const show = (plot, layer, step) => {
  const layout = plot._fullLayout
  const numbers = panelNumbers(layout), last = numbers.at(-1)
  const maps = pictures(plot, last, "heatmaplayer")
  if (maps.length < 2) return  // no explanation is drawn
  const drawn = maps.at(-1)
  const clone = layer.querySelector(".blink")
  clone.replaceChildren()
  for (const group of pictures(plot, last, "scatterlayer")) group.style.visibility = step && step !== "map" ? "hidden" : ""
  drawn.style.opacity = step && step !== "map" ? 0 : ""
  // Plotly keeps the opacity of a heat map on its image: what it drew with is put back, never taken away.
  const own = plot._fullData.filter(trace => trace.type === "heatmap" && trace.xaxis === `x${last}`).at(-1)?.opacity
  for (const image of drawn.querySelectorAll("image")) image.style.opacity = step === "map" ? 1 : own ?? 1
  if (step !== "sky" && step !== "model input") return
  const from = numbers[(layout.meta?.panels ?? []).indexOf(step === "sky" ? "sky" : "seen")]
  if (from === undefined) return
  const sources = [...pictures(plot, from, "heatmaplayer"), ...pictures(plot, from, "imagelayer")]
  if (!sources.length) return
  const here = layout[`xaxis${last}`], there = layout[`xaxis${from}`], y = layout[`yaxis${last}`]
  clone.setAttribute("transform", `translate(${here._offset} ${y._offset})`)
  const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect")
  ground.setAttribute("width", here._length)
  ground.setAttribute("height", y._length)
  ground.setAttribute("fill", layout.plot_bgcolor)
  const images = sources.flatMap(source => [...source.querySelectorAll("image")])
  clone.append(ground, ...images.map(image => image.cloneNode()))
}
