// Reads lines of JSON {"hex", "uri"} and writes for each what epc-tds makes of
// it: {"uri", "id"} of the hex and the {"hex"} of the URI, or {"error"}.
'use strict'

const tds = require('epc-tds')
const lines = require('node:readline').createInterface({ input: process.stdin })

lines.on('line', (line) => {
  const { hex, uri } = JSON.parse(line)
  let out
  try {
    const epc = tds.valueOf(hex)
    out = { uri: epc.toTagURI(), id: epc.toIdURI(), hex: tds.fromTagURI(uri).toHexString() }
  } catch (err) {
    out = { error: String(err) }
  }
  console.log(JSON.stringify(out))
})
