package ziotc

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tote/firmware-tests/record"
	"tote/mqtt"
)

type obj = map[string]any

// stamp is a time as these readers write it.
func (r *Reader) stamp(t time.Time) string {
	if r.p.Family == Sled {
		return t.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return t.UTC().Format("2006-01-02T15:04:05.000-0700")
}

func (r *Reader) report(c *chip, rssi int, now time.Time) []byte {
	antenna := max(c.Antenna, 1)
	epc := c.EPC
	if r.faults.On(BadTags) {
		epc += "_2"
	}
	if r.p.Family == Sled {
		return encode(obj{"type": "BALANCED_PERFORMANCE", "timestamp": r.stamp(now), "data": obj{"tagData": []obj{
			{"EPCid": epc, "eventNum": r.n, "peakRssi": rssi, "seenCount": 1, "accessResults": []string{}},
		}}})
	}
	return encode(obj{"type": "SIMPLE", "timestamp": r.stamp(now), "data": obj{
		"eventNum": r.n, "format": "epc", "idHex": strings.ToLower(epc), "antenna": antenna, "peakRssi": rssi, "reads": 1,
	}})
}

func (r *Reader) heartbeat() []byte {
	if r.p.Family == Sled {
		return encode(obj{"eventName": "heartbeat", "timestamp": r.stamp(time.Now()), "eventNumber": 1, "data": obj{
			"inventoryStatus": obj{"rfidStatus": "INPROGRESS", "tagCount": 1, "scanCount": 1},
		}})
	}
	return encode(obj{"component": "RG", "type": "heartbeat", "timestamp": r.stamp(time.Now()), "eventNum": 1, "data": obj{
		"system": obj{"hostName": r.p.ClientID, "powerNegotiation": "POE+", "flash": nil},
	}})
}

func (r *Reader) alert(on bool) []byte {
	if r.p.Family == Sled {
		return encode(obj{
			"type": "ALERT", "timestamp": r.stamp(time.Now()), "id": "TEMPERATURE", "priority": "CRITICAL",
			"state": map[bool]string{true: "SET", false: "CLEAR"}[on], "alertDetails": obj{"temperatueInfo": obj{"pa": 71}},
		})
	}
	return encode(obj{"component": "RC", "type": "error", "timestamp": r.stamp(time.Now()), "eventNum": 2, "data": obj{"temperature": 71}})
}

// Scan pulls the trigger of a sled on a barcode.
func (r *Reader) Scan(code string) (record.Entry, error) {
	if r.p.Family != Sled || code == "" {
		return record.Entry{}, fmt.Errorf("%w: only a sled has an imager", ErrParams)
	}
	p := encode(obj{"type": "BALANCED_PERFORMANCE", "timestamp": r.stamp(time.Now()), "data": obj{
		"barcodeData": []obj{{"symbology": "CODE_39", "decodedBarcode": code}},
	}})
	r.tell(p)
	return r.book.Add(record.Entry{Kind: record.Scanned, Scan: &record.Scan{Code: code, Sent: strconv.Quote(string(p)), Written: r.State().Connected}}), nil
}

// connect keeps the connection while the network is there.
func (r *Reader) connect(ctx context.Context) {
	for ctx.Err() == nil {
		if !r.faults.On(Offline) {
			r.session(ctx)
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (r *Reader) session(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cfg := mqtt.Config{
		Brokers: r.p.Brokers, ClientID: r.p.ClientID,
		Will: &mqtt.Message{Topic: r.p.Events, Payload: r.connection("DISCONNECTED"), QoS: 1},
	}
	if r.p.Token != "" {
		cfg.Username, cfg.Password = r.p.ClientID, r.p.Token
	}
	client, err := mqtt.New(cfg)
	if err != nil {
		return
	}
	err = client.Subscribe(ctx, mqtt.Subscription{
		Filter: r.p.Commands, QoS: 1,
		Handler: func(_ context.Context, m mqtt.Message) {
			if answer := r.obey(m.Payload); answer != nil {
				_ = client.PublishQoS0(ctx, r.p.Events, answer, false) // the connection may be gone
			}
		},
	})
	if err != nil {
		return
	}
	go func() {
		if client.WaitConnected(ctx) == nil {
			r.mu.Lock()
			r.say = func(p []byte) error { return client.PublishQoS0(ctx, r.p.Events, p, false) }
			r.stop = stop
			r.mu.Unlock()
			r.tell(r.connection("CONNECTED"))
		}
	}()
	_ = client.Run(ctx) // ends with ctx
	r.mu.Lock()
	r.say, r.stop = nil, nil
	r.mu.Unlock()
}

func (r *Reader) connection(state string) []byte {
	return encode(obj{
		"connectionState": state, "deviceModel": "RFD40", "deviceSerialNo": r.p.ClientID, "apiVersion": "1.0", "mqttVersion": "3.1.1",
	})
}

// obey does what a command asks for and gives the answer, nil when there is none.
func (r *Reader) obey(payload []byte) []byte {
	var c struct {
		Command   string `json:"command"`
		CommandID string `json:"command_id"`
		RequestID string `json:"requestId"`
		Control   struct {
			Type      string `json:"controlType"`
			Operation string `json:"operation"`
		} `json:"ctrlOprPayload"`
	}
	if json.Unmarshal(payload, &c) != nil || r.faults.On(Stall) {
		return nil
	}
	r.mu.Lock()
	r.commands++
	was := r.reading
	refuse := r.faults.On(Refuse)
	start := c.Command == "start" || c.Control.Operation == "START"
	if !refuse {
		r.reading = start
	}
	r.mu.Unlock()
	var answer obj
	switch {
	case r.p.Family == Sled && c.Command == "control_operation" && c.Control.Type == "RFID":
		code := 0
		if refuse {
			code = 5
		} else if start == was {
			code = map[bool]int{true: 11, false: 12}[start]
		}
		answer = obj{"command": c.Command, "requestId": c.RequestID, "apiVersion": "V1.1", "response": obj{"code": code}}
	case r.p.Family == Fixed && (c.Command == "start" || c.Command == "stop"):
		answer = obj{"command": c.Command, "command_id": c.CommandID, "payload": obj{}, "response": "success"}
		if refuse {
			answer["response"], answer["payload"] = "failure", obj{"message": "region is not set"}
		} else if start && was {
			answer["response"], answer["payload"] = "failure", obj{"message": "start currently ongoing"}
		}
	default:
		return nil
	}
	return encode(answer)
}
