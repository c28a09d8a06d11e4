// Reads lines of JSON {"zpl", "wide", "high"} (millimetres) and writes for each
// the label as zpl-renderer-js draws it at 203 dpi: {"png": base64} or {"error"}.
'use strict'

const jobs = require('node:fs').readFileSync(0, 'utf8').trim().split('\n').map((line) => JSON.parse(line))

require('zpl-renderer-js').ready.then(async ({ api }) => {
  for (const { zpl, wide, high } of jobs) {
    try {
      console.log(JSON.stringify({ png: await api.zplToBase64Async(zpl, wide, high, 8) }))
    } catch (err) {
      console.log(JSON.stringify({ error: String(err) }))
    }
  }
})
