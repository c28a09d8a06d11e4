// Package ziotc drives RFID readers of Zebra that speak JSON over MQTT: the fixed
// readers FX7500, FX9600 and ATR7000 with the IoT Connector, and the sleds RFD40
// and RFD90. The wire is one message a line, as package mqttport makes of the
// topics of a reader.
//
// The codec (report.go, command.go) tells messages by their shape, not by their
// topic: which one goes where is the reader's configuration. Reads of a reader
// that was cut off come late, with the time they were made; they are dropped, for
// a portal must not take them for something that passes now.
//
// References: Zebra IoT Connector (rfid-ziotc-docs), Zebra RFD40/RFD90 MQTT API
// Reference, and what readers sent: see testdata.
//
// The goroutine that calls Run owns the session; it also calls the sinks.
package ziotc
