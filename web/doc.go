// Package web is what people on the site look at: the console (what is stuck,
// how the orders flow, the map of the warehouse, devices, gateways) and the
// picker's handheld page. Both are embedded in the binary.
//
// The console is server-rendered HTML; a stream (text/event-stream) sends the
// fragments that changed. The handheld page is plain ES modules and speaks the
// device protocol of api/asyncapi.yaml over HTTP: the same JSON goes up to
// POST /hh/cmd that a handheld publishes on up/cmd, and the stream of
// GET /hh/events carries state/seq and state/task.
//
// The package decides nothing and stores nothing: it reads views, and what
// people do goes through the functions of [Config]. It owns no goroutine;
// handlers and streams run on those of net/http, and each stream ends with its
// request. The one thing streams share is the page last rendered, behind a
// mutex.
package web
