// Eyes for a page, and a camera that shows something to recognise: two halves whose colours change twice a second.
if (!window.eyes) {
  const now = () => (performance.timeOrigin + performance.now()) / 1000
  const COLOURS = {r: [220, 30, 30], g: [30, 200, 30], b: [30, 30, 220]}
  const STEPS = ['rb', 'gr', 'bg']
  const closest = ([r, g, b]) => {
    const far = c => Math.hypot(r - c[0], g - c[1], b - c[2])
    const [name, colour] = Object.entries(COLOURS).sort((a, b) => far(a[1]) - far(b[1]))[0]
    return far(colour) < 90 ? name : '-'
  }
  const canvas = (width, height) => Object.assign(document.createElement('canvas'), {width, height})
  const watched = {}
  window.eyes = {
    /** A camera of `width` times `height` at 15 frames a second; its stream. */
    camera(width = 320, height = 240) {
      const picture = canvas(width, height)
      const paint = picture.getContext('2d')
      const draw = () => {
        const step = STEPS[Math.floor(now() * 2) % STEPS.length]
        for (const half of [0, 1]) {
          paint.fillStyle = `rgb(${COLOURS[step[half]].join(',')})`
          paint.fillRect(half * width / 2, 0, width / 2, height)
        }
        // Something that moves, so that no two frames are the same.
        paint.fillStyle = '#fff'
        paint.fillRect((now() * 60) % width, height - 8, 8, 8)
      }
      draw()
      setInterval(draw, 66)
      return picture.captureStream(15)
    },
    /** Looks at a stream from now on. */
    watch(name, stream) {
      const video = Object.assign(document.createElement('video'), {muted: true, autoplay: true, playsInline: true})
      video.srcObject = stream
      document.body.append(video)
      const seen = (watched[name] = {frames: 0, steps: [], first: 0, width: 0, height: 0, video})
      const paint = canvas(40, 30).getContext('2d', {willReadFrequently: true})
      const look = () => {
        paint.drawImage(video, 0, 0, 40, 30)
        const step = [10, 30].map(x => closest(paint.getImageData(x, 12, 1, 1).data)).join('')
        seen.frames += 1
        seen.first ||= now()
        seen.width = video.videoWidth
        seen.height = video.videoHeight
        if (STEPS.includes(step) && seen.steps.at(-1)?.step !== step) seen.steps.push({step, at: now()})
        video.requestVideoFrameCallback(look)
      }
      video.requestVideoFrameCallback(look)
    },
    /** Which of the camera's colours a picture in a file shows. */
    async still(url) {
      const image = Object.assign(new Image(), {src: url})
      await image.decode()
      const paint = canvas(40, 30).getContext('2d')
      paint.drawImage(image, 0, 0, 40, 30)
      return {width: image.width, height: image.height, step: [10, 30].map(x => closest(paint.getImageData(x, 12, 1, 1).data)).join('')}
    },
    /** What was seen of it: frames, size, when the first came, and which colours when. */
    seen(name) {
      const {video, ...seen} = watched[name]
      return seen
    },
  }
}
