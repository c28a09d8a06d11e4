package broker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// takenOverWill is where the will of a connection goes that was taken over: a
// topic nobody may read.
const takenOverWill = "$tote/taken-over"

// hook is the library's view of the broker. Its methods run on the goroutine of
// the client's connection unless they say otherwise.
type hook struct {
	mochi.HookBase
	b *Broker
}

// ID names the hook in the library.
func (h *hook) ID() string { return "tote" }

// Provides lists the hooks used.
func (h *hook) Provides(which byte) bool {
	switch which {
	case mochi.OnConnect, mochi.OnConnectAuthenticate, mochi.OnACLCheck, mochi.OnSessionEstablished,
		mochi.OnDisconnect, mochi.OnPacketRead, mochi.OnSubscribe, mochi.OnPacketProcessed,
		mochi.OnPublish, mochi.OnPublishDropped, mochi.OnQosPublish, mochi.OnPacketIDExhausted, mochi.OnWill, mochi.OnWillSent:
		return true
	}
	return false
}

// connOf returns the connection of a client; nil for the inline client.
func connOf(cl *mochi.Client) *conn {
	c, _ := cl.Net.Conn.(*conn)
	return c
}

// OnConnect makes every session a clean one: state is projected, not kept.
func (h *hook) OnConnect(cl *mochi.Client, _ packets.Packet) error {
	cl.Properties.Clean = true
	cl.Properties.Props.SessionExpiryInterval = 0
	cl.Properties.Will.WillDelayInterval = 0
	return nil
}

// OnConnectAuthenticate decides who may connect, and waits until an older
// connection with the same client id has ended.
func (h *hook) OnConnectAuthenticate(cl *mochi.Client, pk packets.Packet) bool {
	c := connOf(cl)
	dev, err := h.authenticate(c, cl.ID, pk)
	if err == nil {
		// Before claim: an older connection goes on while this one waits.
		err = h.b.pass(c, cl, dev)
	}
	if err == nil {
		err = h.b.claim(c, cl, dev)
	}
	if errors.Is(err, errBusy) {
		return false
	}
	if err != nil {
		h.b.refused.Add(1)
		h.b.say("refused "+host(c), slog.LevelWarn, "client refused", "client", printable(cl.ID), "remote", c.RemoteAddr(), "error", err)
		return false
	}
	return true
}

func (h *hook) authenticate(c *conn, id string, pk packets.Packet) (Device, error) {
	dev := Device{ClassReader, id}
	if _, ok := h.b.cfg.reader(id); !ok {
		var err error
		if dev, err = parseClientID(id); err != nil {
			return dev, err
		}
	}
	if dev.Class == ClassWatch && !c.ln.loopback {
		return dev, fmt.Errorf("%w: class watch is for loopback listeners", ErrRefused)
	}
	if err := h.known(c, id, pk); err != nil {
		return dev, err
	}
	if pk.Connect.WillFlag {
		// The library publishes a will without asking for the rights.
		conn := strings.HasSuffix(pk.Connect.WillTopic, "/"+branchState+"/"+stateConn) ||
			dev.Class == ClassRobot && strings.HasSuffix(pk.Connect.WillTopic, "/"+robotConnection) || dev.Class == ClassReader
		if !conn || !h.b.mayPublish(dev, pk.Connect.WillTopic) {
			return dev, fmt.Errorf("%w: last will on %.120q: only the own state/conn or connection", ErrRefused, pk.Connect.WillTopic)
		}
		if pk.Connect.WillQos > 1 {
			return dev, fmt.Errorf("%w: last will with QoS 2", ErrRefused)
		}
	}
	return dev, nil
}

// known says whether a client is who it says. On a loopback listener of a gateway
// without tokens everybody is; whoever comes over the network proves it.
func (h *hook) known(c *conn, id string, pk packets.Packet) error {
	tokens := *h.b.tokens.Load()
	if len(tokens) == 0 && c.ln.loopback {
		return nil
	}
	if want, known := tokens[id]; known {
		a, b := sha256.Sum256([]byte(want)), sha256.Sum256(pk.Connect.Password)
		if sum, hashed := strings.CutPrefix(want, Hashed); hashed {
			_, _ = hex.Decode(a[:], []byte(sum)) // New has looked at it
		}
		if subtle.ConstantTimeCompare(a[:], b[:]) == 1 && string(pk.Connect.Username) == id {
			return nil
		}
	}
	wrong := fmt.Errorf("%w: wrong user name or token", ErrRefused)
	if h.b.cfg.Admit == nil {
		return wrong
	}
	var shown *tls.ConnectionState
	if secure, ok := c.Conn.(*tls.Conn); ok {
		state := secure.ConnectionState()
		shown = &state
	}
	var password []byte
	if string(pk.Connect.Username) == id {
		password = pk.Connect.Password
	}
	if err := h.b.cfg.Admit(id, password, shown); err != nil {
		return errors.Join(wrong, err)
	}
	return nil
}

// OnACLCheck is asked for each publish, each subscription and each delivery.
func (h *hook) OnACLCheck(cl *mochi.Client, topic string, write bool) bool {
	c := connOf(cl)
	if c == nil {
		return false
	}
	if !write {
		return h.b.mayRead(c.dev, topic)
	}
	if h.b.mayPublish(c.dev, topic) {
		return true
	}
	h.b.denied.Add(1)
	h.b.say("denied "+cl.ID, slog.LevelWarn, "publish denied", "device", cl.ID, "topic", printable(topic))
	return false
}

func (h *hook) OnSessionEstablished(cl *mochi.Client, _ packets.Packet) {
	h.b.connects.Add(1)
	h.b.cfg.Log.Info("device connected", "device", cl.ID, "remote", cl.Net.Remote)
	if c := connOf(cl); c != nil && h.b.cfg.Connected != nil {
		h.b.cfg.Connected(c.dev)
	}
}

func (h *hook) OnDisconnect(cl *mochi.Client, err error, _ bool) {
	c := connOf(cl)
	if c == nil {
		return
	}
	if cause := cl.StopCause(); cause != nil {
		err = cause
	}
	if why := c.why(); why != nil && !errors.Is(why, net.ErrClosed) {
		err = why
	}
	h.b.cfg.Log.Info("device disconnected", "device", cl.ID, "remote", cl.Net.Remote, "cause", err)
}

// OnPacketRead refuses QoS 2 before the library turns it into QoS 1.
//
// It also forgets a delivery whose packet id a SUBSCRIBE or UNSUBSCRIBE uses:
// the library keeps both directions in one table and would refuse the
// subscription. With clean sessions the table only counts what is on its way.
//
// Nothing is taken from a connection that is being closed: behind a command
// that was not recorded, the next one must not be recorded either.
func (h *hook) OnPacketRead(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	c := connOf(cl)
	if c == nil {
		return pk, nil
	}
	if c.ctx.Err() != nil {
		return pk, packets.ErrRejectPacket
	}
	switch pk.FixedHeader.Type {
	case packets.Publish:
		if pk.FixedHeader.Qos > 1 {
			h.b.denied.Add(1)
			h.b.say("qos2 "+cl.ID, slog.LevelWarn, "QoS 2 is not used, device disconnected", "device", cl.ID)
			c.closeFor(fmt.Errorf("%w: QoS 2", ErrRefused))
			return pk, packets.ErrRejectPacket
		}
	case packets.Subscribe, packets.Unsubscribe:
		if cl.State.Inflight.Delete(pk.PacketID) {
			cl.State.Inflight.IncreaseSendQuota()
		}
	}
	return pk, nil
}

// OnSubscribe takes the snapshot lock: between the new subscription and the
// last retained message sent because of it, no newer retained message may
// overtake an older one. OnPacketProcessed gives it back.
func (h *hook) OnSubscribe(cl *mochi.Client, pk packets.Packet) packets.Packet {
	c := connOf(cl)
	if c == nil {
		return pk
	}
	for i := range pk.Filters {
		if c.dev.Class == ClassWatch {
			pk.Filters[i].Qos = 0 // a watcher may read thousands of topics; they must not fill its window
		}
		f := pk.Filters[i].Filter
		if !h.b.mayRead(c.dev, f) {
			h.b.denied.Add(1)
			h.b.say("denied "+cl.ID, slog.LevelWarn, "subscription denied", "device", cl.ID, "filter", printable(f))
		} else if class, id, ok := placeOf(h.b.cfg.Site, f); ok && h.b.cfg.Asked != nil {
			h.b.cfg.Asked(class, id)
		}
	}
	h.b.snapshot.Lock()
	c.subscribe = true
	return pk
}

// OnPacketProcessed is called after every packet, whatever became of it.
func (h *hook) OnPacketProcessed(cl *mochi.Client, _ packets.Packet, _ error) {
	if c := connOf(cl); c != nil {
		h.b.unlock(c)
	}
}

// OnPublish records commands before their PUBACK. Any error other than
// ErrRejectPacket would send the PUBACK all the same.
func (h *hook) OnPublish(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	c := connOf(cl)
	if c == nil { // inline: the gateway itself
		return pk, nil
	}
	rest, own := below(h.b.cfg.Site, pk.TopicName, c.dev.Class, c.dev.ID) // the rights were checked
	branch, name, _ := strings.Cut(rest, "/")
	if c.dev.Class == ClassReader {
		pk.FixedHeader.Retain = false // a kept read would pass the door again at each start
	}
	if !own && pk.FixedHeader.Retain { // a robot's topic
		pk.FixedHeader.Retain = h.b.keepRobot(pk.TopicName, pk.Payload)
		if !pk.FixedHeader.Retain && robotMayRetain(pk.TopicName) {
			h.b.denied.Add(1)
			h.b.say("kept "+cl.ID, slog.LevelWarn, "a robot's message is not kept: too many topics of robots", "device", cl.ID, "topics", maxRobotTopics)
		}
	}
	if !own || branch != branchUp {
		if own {
			h.state(c.dev, name, pk.Payload)
		}
		if pk.FixedHeader.Retain {
			h.b.snapshot.RLock()
			c.retain = true
		}
		return pk, nil
	}
	if pk.FixedHeader.Qos == 0 || pk.FixedHeader.Retain {
		h.b.denied.Add(1)
		h.b.say("up "+cl.ID, slog.LevelWarn, "a message on an up topic must be QoS 1 and not retained, device disconnected",
			"device", cl.ID, "qos", pk.FixedHeader.Qos, "retain", pk.FixedHeader.Retain)
		c.closeFor(fmt.Errorf("%w: %s needs QoS 1, not retained", ErrRefused, rest))
		return pk, packets.ErrRejectPacket
	}
	if err := h.command(c, name, pk.Payload); err != nil {
		h.b.withheld.Add(1)
		h.b.say("withheld", slog.LevelWarn, "command not recorded, device must send again", "device", cl.ID, "error", err)
		c.closeFor(err) // not cl.Stop: the library would take that for a goodbye and forget the will
		return pk, packets.ErrRejectPacket
	}
	h.b.commands.Add(1)
	return pk, nil
}

func (h *hook) command(c *conn, name string, payload []byte) error {
	ctx, cancel := context.WithTimeout(c.ctx, h.b.cfg.Limits.CommandTimeout)
	defer cancel()
	if err := h.b.handler.Command(ctx, c.dev, name, bytes.Clone(payload)); err != nil {
		return fmt.Errorf("broker: %s %s: %w", c.dev, name, err)
	}
	return nil
}

// OnPublishDropped runs on the publisher's goroutine.
func (h *hook) OnPublishDropped(cl *mochi.Client, _ packets.Packet) {
	if c := connOf(cl); c != nil {
		h.b.tooSlow(c, "too many messages waiting")
	}
}

// OnQosPublish runs on the publisher's goroutine for each QoS 1 delivery. The
// library drops deliveries beyond its window without calling anybody; the
// client is disconnected before that can happen.
func (h *hook) OnQosPublish(cl *mochi.Client, pk packets.Packet, _ int64, _ int) {
	if c := connOf(cl); c != nil && pk.FixedHeader.Type == packets.Publish &&
		cl.State.Inflight.Len() > h.b.cfg.Limits.Inflight {
		h.b.tooSlow(c, "too many messages not acknowledged")
	}
}

// OnPacketIDExhausted runs on the publisher's goroutine.
func (h *hook) OnPacketIDExhausted(cl *mochi.Client, _ packets.Packet) {
	if c := connOf(cl); c != nil {
		h.b.tooSlow(c, "no packet id free")
	}
}

// OnWill withholds the will of a connection that was taken over.
func (h *hook) OnWill(cl *mochi.Client, will mochi.Will) (mochi.Will, error) {
	if c := connOf(cl); c != nil && c.superseded.Load() {
		will.TopicName, will.Retain = takenOverWill, false
	}
	if c := connOf(cl); c != nil && c.dev.Class == ClassReader {
		will.Retain = false
	}
	if _, _, robot := robotTopic(will.TopicName); robot && will.Retain {
		will.Retain = h.b.keepRobot(will.TopicName, will.Payload)
	}
	return will, nil
}

// OnWillSent tells a last will like any other message on state/conn.
func (h *hook) OnWillSent(cl *mochi.Client, pk packets.Packet) {
	c := connOf(cl)
	if c == nil {
		return
	}
	if rest, own := below(h.b.cfg.Site, pk.TopicName, c.dev.Class, c.dev.ID); own {
		h.state(c.dev, strings.TrimPrefix(rest, branchState+"/"), pk.Payload)
	}
}

func (h *hook) state(dev Device, name string, payload []byte) {
	if h.b.cfg.State != nil {
		h.b.cfg.State(dev, name, bytes.Clone(payload))
	}
}

// printable shortens what a stranger sent, for the log.
func printable(s string) string {
	if len(s) > 120 {
		s = s[:120] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}
