// Reports the width of the main column in steps of 80 pixels, so that a script run follows only a real change: at once
// where nothing is known yet, and then as it will be beside the sidebar. A session's word goes into a cookie, unless
// another tab of this browser put one there first: then the server hears that one. Once a connection is back, the page
// is asked for anew: Streamlit itself waits for a click, and a server that was started anew knows none of its fragments.
let before, known = "" // of all times that this is drawn anew, which a change of the connection is one of
export default function ({ parentElement, setStateValue, data }) {
  if (data.word) {
    const found = document.cookie.match(new RegExp(`(?:^|; )${data.cookie}=([A-Za-z0-9_-]{32})(?:;|$)`))
    const secure = location.protocol === "https:" ? "; Secure" : ""
    if (found && found[1] !== data.word) setStateValue("kept", found[1])
    else document.cookie = `${data.cookie}=${data.word}; path=/; SameSite=Strict; max-age=${data.seconds}${secure}`
  }
  known = data.known || known // a server that was started anew does not know it, but the sidebar is there
  const bar = parentElement.querySelector("div")
  let waiting = 0
  const tell = () => {
    const kind = window.innerWidth <= data.narrow ? "narrow" : "wide"
    const beside = known || kind === "narrow" ? 0 : data.sidebar
    const width = Math.round((bar.getBoundingClientRect().width - beside) / 80) * 80
    const seen = `${width} ${kind}`
    if (width > 0 && seen !== data.known) setStateValue("seen", seen)
  }
  const observer = new ResizeObserver(() => {
    clearTimeout(waiting)
    if (data.known) waiting = setTimeout(tell, 250)
    else tell()
  })
  observer.observe(bar)
  const app = document.querySelector("[data-test-connection-state]")
  const look = () => {
    const now = app?.dataset.testConnectionState
    // not at once: what is said in the moment of connecting is lost
    if (now === "CONNECTED" && before && before !== now) setTimeout(() => setStateValue("back", Date.now()), 500)
    before = now
  }
  look()
  const connection = new MutationObserver(look)
  if (app) connection.observe(app, { attributes: true, attributeFilter: ["data-test-connection-state"] })
  return () => {
    clearTimeout(waiting)
    observer.disconnect()
    connection.disconnect()
  }
}
