// Ears of a page: every stream given to them goes through an AudioWorklet that reports, each half second, the
// strongest frequency, its level and its share of the energy, and the moment of every jump from quiet to loud.
//
// The worklet counts in the audio context's own time. `offset` is what that clock and the wall clock differ by: the
// smallest difference of many looks, because a late look can only make it larger.
if (!window.ears) {
  const worklet = `
    registerProcessor('ears', class extends AudioWorkletProcessor {
      constructor() {
        super()
        this.window = new Float32Array(Math.round(sampleRate / 2))
        this.filled = 0
        this.slow = 0
        this.fast = 0
        this.armed = true
        this.since = 0
      }
      process(inputs) {
        const input = inputs[0][0]
        if (!input) return true
        for (let i = 0; i < input.length; i++) {
          const s = input[i]
          // Envelopes of about 2 ms and 100 ms: a tone that becomes ten times louder passes any jitter of a codec.
          this.fast = Math.max(Math.abs(s), this.fast * (1 - 1 / (0.002 * sampleRate)))
          this.slow += (this.fast - this.slow) / (0.1 * sampleRate)
          this.since++
          if (this.armed && this.fast > 0.02 && this.fast > 3 * this.slow && this.since > 0.2 * sampleRate) {
            this.armed = false
            this.since = 0
            this.port.postMessage({onset: currentTime + i / sampleRate})
          } else if (!this.armed && this.fast < 1.3 * this.slow) {
            this.armed = true
          }
          this.window[this.filled++] = s
          if (this.filled === this.window.length) {
            this.port.postMessage({end: currentTime + i / sampleRate, ...measure(this.window, sampleRate)})
            this.filled = 0
          }
        }
        return true
      }
    })
    // Frequency by the upward zero crossings' mean distance, confirmed by how much energy a sine of it explains.
    function measure(x, rate) {
      let energy = 0, peak = 0
      for (const s of x) { energy += s * s; peak = Math.max(peak, Math.abs(s)) }
      const rms = Math.sqrt(energy / x.length)
      if (rms < 1e-4) return {hz: 0, db: -120, purity: 0}
      let first = -1, last = -1, n = 0, low = true
      for (let i = 1; i < x.length; i++) {
        if (x[i] < -peak / 50) low = true
        if (low && x[i - 1] < 0 && x[i] >= 0) {
          const at = i - x[i] / (x[i] - x[i - 1])
          if (first < 0) first = at
          last = at
          n++
          low = false
        }
      }
      const hz = n > 1 ? (n - 1) * rate / (last - first) : 0
      // In blocks of 20 ms, so that changes of level and slips of phase do not count against a tone.
      const block = Math.round(rate / 50)
      let explained = 0
      for (let b = 0; b + block <= x.length; b += block) {
        let c = 0, s = 0
        for (let i = 0; i < block; i++) {
          const p = 2 * Math.PI * hz * i / rate
          c += x[b + i] * Math.cos(p)
          s += x[b + i] * Math.sin(p)
        }
        explained += 2 * (c * c + s * s) / block
      }
      return {hz, db: 20 * Math.log10(rms), purity: Math.min(1, explained / energy)}
    }
  `
  const state = {context: null, ready: null, offset: Infinity, streams: new Map()}
  const look = () => {
    const wall = (performance.timeOrigin + performance.now()) / 1000
    state.offset = Math.min(state.offset, wall - state.context.currentTime)
  }
  const start = async () => {
    state.context = new AudioContext({latencyHint: 'interactive'})
    const url = URL.createObjectURL(new Blob([worklet], {type: 'text/javascript'}))
    await state.context.audioWorklet.addModule(url)
    await state.context.resume()
    setInterval(look, 20)
  }
  window.ears = {
    /** Begins to listen to a stream under a name. */
    async listen(name, stream) {
      await (state.ready ??= start())
      window.ears.forget(name)
      // Chromium feeds a remote stream to Web Audio only while an element plays it.
      const sink = new Audio()
      sink.muted = true
      sink.srcObject = stream
      sink.play().catch(() => {})
      const source = state.context.createMediaStreamSource(stream)
      const node = new AudioWorkletNode(state.context, 'ears', {numberOfInputs: 1, numberOfOutputs: 1, channelCount: 1, channelCountMode: 'explicit'})
      const entry = {windows: [], onsets: [], source, node, sink}
      node.port.onmessage = ({data}) => {
        look()
        if (data.onset !== undefined) entry.onsets.push(data.onset)
        else entry.windows.push(data)
      }
      source.connect(node)
      // A node nobody pulls at does not run; its output is silence.
      node.connect(state.context.destination)
      state.streams.set(name, entry)
    },
    /** What was heard, in wall-clock seconds. */
    heard(name) {
      const entry = state.streams.get(name)
      if (!entry) return {windows: [], onsets: []}
      const wall = t => t + state.offset
      return {
        windows: entry.windows.map(({end, ...rest}) => ({at: wall(end), ...rest})),
        onsets: entry.onsets.map(wall),
      }
    },
    /** Stops listening. */
    forget(name) {
      const entry = state.streams.get(name)
      if (!entry) return
      entry.source.disconnect()
      entry.node.disconnect()
      entry.sink.srcObject = null
      state.streams.delete(name)
    },
  }
}
