// A telephone in a page: the SDK's device and its calls, with everything they tell written down.
//
// A test speaks to the SDK itself (`phone.device`, `phone.call`); this only keeps what events came, and when.
if (!window.phone) {
  const now = () => (performance.timeOrigin + performance.now()) / 1000
  const plain = value => {
    if (value instanceof Error) return {name: value.name, code: value.code, message: value.message, sip: value.sip}
    if (value && typeof value === 'object' && 'remoteStream' in value) return {call: value.id}
    return value
  }
  const CALL = ['trying', 'ringing', 'earlyMedia', 'accept', 'hold', 'unhold', 'disconnect', 'cancel', 'reject', 'error',
    'reconnecting', 'reconnected', 'callbackOffered', 'warning', 'warningCleared', 'dtmf', 'mute', 'video']
  const DEVICE = ['registered', 'unregistered', 'incoming', 'error', 'tokenWillExpire', 'connectionState']
  const follow = (what, emitter, names) => {
    for (const event of names) {
      emitter.on(event, (...args) => phone.events.push({on: what, event, at: now(), args: args.map(plain)}))
    }
  }
  // Every connection of the page is remembered, and its servers' URLs can be narrowed.
  const Native = window.RTCPeerConnection
  window.RTCPeerConnection = class extends Native {
    constructor(configuration, ...rest) {
      const fits = url => url.includes(phone.way)
      const iceServers = (configuration?.iceServers ?? []).map(server => ({...server, urls: [server.urls].flat().filter(fits)}))
      super({...configuration, iceServers: iceServers.filter(server => server.urls.length)}, ...rest)
      phone.connection = this
    }
  }
  window.phone = {
    way: '',
    connection: null,
    narrowIce(word) {
      phone.way = word
    },
    async pair() {
      const stats = await phone.connection.getStats()
      const all = [...stats.values()], transport = all.find(s => s.type === 'transport')
      // Firefox marks the pair itself.
      const pair = stats.get(transport?.selectedCandidatePairId) ?? all.find(s => s.type === 'candidate-pair' && s.selected)
      const local = stats.get(pair?.localCandidateId), remote = stats.get(pair?.remoteCandidateId)
      return {
        local: local?.candidateType, relay: local?.relayProtocol ?? null, remote: remote?.candidateType,
        protocol: local?.protocol, six: (remote?.address ?? '').includes(':'),
      }
    },
    /** Begins to note, in milliseconds, the longest time between two packets of sound that followed each other. */
    watchGaps() {
      let last = 0
      phone.gap = 0
      clearInterval(phone.watching)
      phone.watching = setInterval(() => {
        const [source] = phone.connection.getReceivers().flatMap(r => r.getSynchronizationSources())
        if (!source || source.timestamp === last) return
        if (last) phone.gap = Math.max(phone.gap, source.timestamp - last)
        last = source.timestamp
      }, 10)
    },
    events: [],
    device: null,
    call: null,
    /** Loads the SDK from the box and makes the device. */
    async start(url, token, options) {
      const sdk = (phone.sdk = await import(url))
      const audioConstraints = {echoCancellation: false, noiseSuppression: false, autoGainControl: false}
      phone.microphone = await navigator.mediaDevices.getUserMedia({audio: audioConstraints})
      phone.device = new sdk.Device(token, {audioConstraints, logLevel: 'info', ...options})
      follow('device', phone.device, DEVICE)
      phone.device.on('incoming', call => phone.adopt(call))
    },
    /** Follows a call, from now on the one tests speak of. */
    adopt(call) {
      phone.call = call
      phone.answered = new Promise(resolve => call.on('accept', () => resolve(now())))
      phone.ended = new Promise(resolve => call.on('disconnect', resolve))
      follow('call', call, CALL)
      return call
    },
    /** Places a call; its id, once the box took it. */
    async place(options) {
      phone.placedAt = now()
      phone.adopt(await phone.device.connect({audio: phone.microphone, ...options}))
      return phone.call.id
    },
    /** Listens to the microphone and the far side. */
    async listen() {
      await ears.listen('mic', phone.microphone)
      while (!phone.call?.remoteStream?.getAudioTracks().length) await new Promise(r => setTimeout(r, 5))
      await ears.listen('remote', phone.call.remoteStream)
    },
    now,
  }
}
