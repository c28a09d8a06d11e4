package agent

import (
	"context"
	"strings"

	"tote/agent/broker"
	"tote/agent/config"
	"tote/drivers"
	"tote/drivers/mqttport"
	"tote/mqtt"
)

// readerOpener reaches an RFID reader: over its line, or through the broker of
// this gateway. A reader that speaks MQTT is driven by the gateway it is connected
// to, like one that is plugged in.
func (a *Agent) readerOpener(name string, cfg *config.RFID) (drivers.Opener, error) {
	if cfg.MQTT == nil {
		return a.portOpener(name, cfg.Driver, cfg.Serial, cfg.TCP)
	}
	ex, err := mqttport.New(mqttport.Config{Publish: func(_ context.Context, payload []byte) error {
		return a.broker.Publish(cfg.MQTT.Commands, payload, false, 1)
	}})
	if err != nil {
		return nil, err
	}
	link := a.broker.Link()
	for topic := range strings.FieldsSeq(cfg.MQTT.Events) {
		err := link.Subscribe(context.Background(), mqtt.Subscription{
			Filter: topic, QoS: 1, Handler: func(_ context.Context, m mqtt.Message) { ex.Handle(m.Payload) },
		})
		if err != nil {
			return nil, err
		}
	}
	return a.plugged(&plug{name: name, driver: cfg.Driver, where: "MQTT client " + cfg.MQTT.ClientID}, ex.Open), a.sup.Go(name+"-link", link.Run)
}

// brokerReaders are the RFID readers that may connect.
func brokerReaders(readers []config.ReaderMQTT) (out []broker.Reader) {
	for _, m := range readers {
		out = append(out, broker.Reader{ClientID: m.ClientID, Says: strings.Fields(m.Events), Hears: strings.TrimSpace(m.Commands)})
	}
	return out
}
