// Notes the NAL units of every frame of a call's picture, as the encoder made it and as the decoder is given it: type,
// length and the first half of its SHA-256. The frames themselves go on as they are.
if (!window.encoded) {
  window.encoded = {sent: [], received: []}
  const work = () => {
    // Units stand behind start codes (ITU-T H.264 annex B); zeros before one belong to none.
    const split = bytes => {
      const units = []
      let begin = -1
      const end = to => {
        if (begin < 0) return
        while (to > begin && bytes[to - 1] === 0) to -= 1
        units.push(bytes.subarray(begin, to))
      }
      for (let at = 0; at + 2 < bytes.length; at += 1) {
        if (bytes[at] || bytes[at + 1] || bytes[at + 2] !== 1) continue
        end(at)
        begin = at + 3
        at += 2
      }
      end(bytes.length)
      return units
    }
    const fingerprint = async unit => {
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', unit))
      return [...digest.subarray(0, 16)].map(b => b.toString(16).padStart(2, '0')).join('')
    }
    onrtctransform = ({transformer}) => {
      const {side} = transformer.options
      // One frame after the other: what is noted has their order.
      const note = async (frame, onward) => {
        const units = split(new Uint8Array(frame.data).slice())
        onward.enqueue(frame)
        const noted = []
        for (const unit of units) noted.push([unit[0] & 31, unit.length, await fingerprint(unit)])
        postMessage({side, noted})
      }
      transformer.readable.pipeThrough(new TransformStream({transform: note})).pipeTo(transformer.writable)
    }
  }
  const worker = new Worker(URL.createObjectURL(new Blob([`(${work})()`], {type: 'text/javascript'})))
  worker.onmessage = ({data: {side, noted}}) => encoded[side].push(...noted)
  const add = RTCPeerConnection.prototype.addTransceiver
  RTCPeerConnection.prototype.addTransceiver = function (what, ...rest) {
    const transceiver = add.call(this, what, ...rest)
    if ((what.kind ?? what) === 'video') {
      transceiver.sender.transform = new RTCRtpScriptTransform(worker, {side: 'sent'})
      transceiver.receiver.transform = new RTCRtpScriptTransform(worker, {side: 'received'})
    }
    return transceiver
  }
}
