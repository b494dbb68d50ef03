// The desk in the browser: shows the next picture at once, keeps what was labelled until the server has it on its disk.
const boards = new WeakMap()
const RETRY = 4000, KEPT = 40

class Board {
  constructor(root) {
    this.root = root.querySelector(".board")
    this.cells = new Map()
    this.pending = []
    this.given = []
    this.saw = new Set()
    this.turn = 0
    this.view = 0
    this.press = event => this.key(event)
    document.addEventListener("keydown", this.press)
    this.retry = setInterval(() => this.pending.length && this.say(), RETRY)
    for (const button of this.root.querySelectorAll("[data-key]"))
      button.onclick = () => { button.blur(); this.act(button.dataset.key) }
    const field = this.$(".note input")
    field.onkeydown = event => {
      if (event.key === "Enter") this.noted(field.value)
      if (event.key === "Enter" || event.key === "Escape") this.closeNote()
      event.stopPropagation()
    }
  }

  $(name) { return this.root.querySelector(name) }

  close() {
    document.removeEventListener("keydown", this.press)
    clearInterval(this.retry)
  }

  take(data, tell) {
    this.tell = tell
    if (data.deck !== this.deck) {
      Object.assign(this, { deck: data.deck, at: data.at, cells: new Map(), given: [], view: 0, zoom: false })
      this.store = `vlass_explorer_desk ${data.store}`
      this.pending = this.kept()
      // the field that chose this deck would swallow the keys
      if (document.activeElement?.tagName === "INPUT" && !document.querySelector("[role=listbox]")) document.activeElement.blur()
    }
    this.data = data
    // Streamlit fades what it is about to draw anew; here that would be the picture at every key
    this.root.getRootNode().host?.closest("[data-testid=stElementContainer]")?.style.setProperty("opacity", "1", "important")
    for (const cell of data.cells) {
      const known = this.cells.get(cell.i)
      if (cell.sky && known?.image?.src !== cell.sky) {
        cell.image = new Image()
        cell.image.src = cell.sky
        cell.ready = cell.image.decode().catch(() => undefined)
      } else Object.assign(cell, { image: known?.image, ready: known?.ready })
      this.cells.set(cell.i, cell)
    }
    for (const i of this.cells.keys()) if (Math.abs(i - this.at) > KEPT) this.cells.delete(i)
    const acked = new Set(data.acked)
    this.pending = this.pending.filter(event => !acked.has(event.id))
    this.keep()
    this.buttons()
    this.draw()
    if (data.more) this.say()
    else if (this.pending.some(event => !event.told)) this.say()
  }

  kept() {
    try {
      return JSON.parse(sessionStorage.getItem(this.store) ?? "[]").map(event => ({ ...event, told: false }))
    } catch { return [] }
  }

  keep() {
    try { sessionStorage.setItem(this.store, JSON.stringify(this.pending)) } catch { /* they stay in memory */ }
  }

  say() {
    for (const event of this.pending) event.told = true
    const wanted = this.view ? this.cells.get(this.at)?.key ?? "" : ""
    this.tell({ turn: ++this.turn, deck: this.deck, at: this.at, events: this.pending, view: wanted, zoom: !!this.zoom })
  }

  add(event) {
    const id = [...crypto.getRandomValues(new Uint8Array(12))].map(n => n.toString(16).padStart(2, "0")).join("")
    this.pending.push({ id, ...event })
    this.keep()
    return id
  }

  key(event) {
    const at = event.composedPath()[0]
    if (at.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(at.tagName)) return
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("[role=dialog], [role=listbox]")) return
    const key = event.key === " " ? "space" : event.key.toLowerCase()
    if (key === "space" && at.tagName === "BUTTON") return
    if (!this.root.isConnected || !/^([0-9jkxnuz]|space)$/.test(key)) return
    if (event.repeat && !"jk".includes(key)) return
    event.preventDefault()
    this.act(key)
  }

  act(key) {
    if (key === "j") this.go(this.at + 1)
    else if (key === "k") this.go(this.at - 1)
    else if (key === "space") this.blink()
    else if (key === "z") { this.zoom = !this.zoom; this.draw(); this.say() }
    else if (!this.data.writable || !this.cells.has(this.at)) return
    else if (key === "u") this.undo()
    else if (key === "n") this.openNote()
    else if (key === "0") this.label("unsure", "")
    else if (key === "x") this.label("artefact", "")
    else if (this.data.classes[key - 1] !== undefined) this.label("class", this.data.classes[key - 1])
  }

  go(i) {
    const there = Math.max(0, Math.min(i, this.data.count - 1))
    if (there === this.at) return
    this.at = there
    this.view = 0
    this.closeNote()
    this.draw()
    this.say()
  }

  label(kind, word) {
    const { i, key } = this.cells.get(this.at)
    const id = this.add({ do: "label", key, kind, word, saw: this.saw.has(key) })
    this.given.push({ id, i, key })
    if (this.at + 1 < this.data.count) this.go(this.at + 1)
    else { this.draw(); this.say() }
  }

  undo() {
    const last = this.data.last
    const target = this.given.pop() ?? (last && !this.pending.some(event => event.of === last.id) ? last : undefined)
    if (!target) return
    this.add({ do: "undo", of: target.id, key: target.key })
    if (target.i >= 0) this.at = target.i
    this.view = 0
    this.draw()
    this.say()
  }

  openNote() {
    this.$(".note").hidden = false
    this.$(".note input").value = ""
    this.$(".note input").focus()
  }

  closeNote() {
    this.$(".note").hidden = true
    this.$(".note input").blur()
  }

  noted(text) {
    if (!text.trim()) return
    this.add({ do: "note", key: this.cells.get(this.at).key, text: text.trim() })
    this.draw()
    this.say()
  }

  blink() {
    const views = this.data.views[this.cells.get(this.at)?.key]
    this.view = (this.view + 1) % (views && !views.map ? 2 : 3)
    this.draw()
    if (this.view && !views) this.say()
  }

  // What this labeller said of a cutout, as far as the browser knows: undefined where nothing.
  mine(cell) {
    let found = cell.mine
    for (const event of this.pending) {
      if (event.key !== cell.key) continue
      if (event.do === "label") found = { kind: event.kind, word: event.word }
      if (event.do === "undo") found = undefined
    }
    return found
  }

  buttons() {
    const place = this.$(".classes"), shown = JSON.stringify([this.data.classes, this.data.writable])
    if (place.dataset.shown === shown) return
    place.dataset.shown = shown
    place.replaceChildren(...this.data.classes.map((name, k) => {
      const button = document.createElement("button")
      button.append(Object.assign(document.createElement("kbd"), { textContent: k < 9 ? k + 1 : "" }), name)
      button.onclick = () => { button.blur(); if (this.cells.has(this.at)) this.label("class", name) }
      button.disabled = !this.data.writable
      button.dataset.word = name
      return button
    }))
    for (const button of this.root.querySelectorAll(".marks button")) button.disabled = !this.data.writable
  }

  text(name, words) {
    const place = this.$(name)
    place.textContent = words ?? ""
    place.hidden = !words
  }

  draw() {
    const { data } = this, cell = this.cells.get(this.at), stage = this.$(".stage")
    this.text(".count", `${this.at + 1} of ${data.count.toLocaleString("en")}`)
    const waiting = this.pending.filter(event => event.do !== "undo").length
    const saved = `${data.labelled.toLocaleString("en")} labelled by ${data.me}`
    this.text(".saved", data.problem || (waiting ? `${saved} · saving ${waiting} …` : `${saved} · all saved`))
    this.$(".saved").classList.toggle("problem", !!data.problem)
    this.root.dataset.waiting = this.pending.length
    this.$(".zoom").setAttribute("aria-pressed", !!this.zoom)
    if (!cell) {
      for (const name of [".facts", ".error", ".notes", ".mine", ".others", ".model", ".layer"]) this.text(name, "")
      this.text(".name", "Drawing this cutout …")
      for (const image of this.root.querySelectorAll(".picture img")) image.hidden = true
      stage.dataset.drawn = ""
      return
    }
    const mine = this.mine(cell), views = data.views[cell.key]
    this.text(".name", cell.name)
    this.text(".facts", cell.facts)
    this.text(".error", cell.error)
    this.text(".notes", cell.notes.join("\n"))
    this.text(".mine", mine ? `You: ${mine.kind === "class" ? mine.word : mine.kind}` : "Not labelled by you")
    this.text(".others", cell.others)
    const hidden = data.blind && !mine
    const asking = data.model && `${data.model}: ${hidden ? "hidden until you have labelled it" : "asking …"}`
    this.text(".model", hidden ? asking : cell.answer ?? asking)
    if (!hidden && cell.answer) this.saw.add(cell.key)
    for (const button of this.root.querySelectorAll("[data-word], .marks button"))
      button.classList.toggle("chosen", !!mine && (button.dataset.word ?? "") === mine.word
        && (button.dataset.kind ?? "class") === mine.kind)
    const picture = this.$(".sky"), over = this.$(".over")
    if (cell.sky && picture.src !== cell.sky) picture.src = cell.sky
    picture.hidden = !cell.sky
    picture.alt = `Sky image of ${cell.name}`
    const shown = this.view === 1 ? views?.seen : this.view === 2 ? views?.map : undefined
    over.hidden = !shown
    if (shown) {
      if (over.src !== shown) over.src = shown
      const [left, top, width, height] = views.box.map(share => `${100 * share}%`)
      Object.assign(over.style, { left, top, width, height })
    }
    const asked = ["Sky", "Model input", "Map"][this.view]
    const why = this.view && !shown ? views?.why ?? "asking the model …" : views?.map && this.view === 2 ? views.title : ""
    this.text(".layer", [asked, why].filter(Boolean).join(": "))
    const drawn = cell.key, done = () => { if (this.cells.get(this.at)?.key === drawn) stage.dataset.drawn = drawn }
    if (cell.ready) cell.ready.then(() => requestAnimationFrame(done))
    else done()
  }
}

export default function ({ data, parentElement, setStateValue }) {
  let board = boards.get(parentElement)
  if (!board) boards.set(parentElement, (board = new Board(parentElement)))
  board.take(data, said => setStateValue("said", said))
  return () => {
    board.close()
    boards.delete(parentElement)
  }
}
