package mqtt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eclipse/paho.golang/paho"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

func source() flows.Source {
	return flows.Source{
		Name:    "mqtt",
		Summary: "Messages of topics of MQTT.",
		Doc: "One worker has the session of the flow at the server, and another one takes it over when that is lost: what was not acknowledged comes again. The event is " +
			"`{topic, qos, retain, response_topic, correlation_data, properties, body}`. MQTT has no identity of messages: a message with the user property `idempotency-key` is known " +
			"by topic and property; one without it is a run at each delivery, unless the trigger has an `idempotency_key`. MQTT has no dead letters: a message whose run failed is " +
			"acknowledged like any other, and the failed run has it. What is sent with QoS 0 may be lost on its way.",
		Exclusive: true,
		Params: []flows.Param{
			{Name: "topics", Type: flows.TypeStrings, Required: true, Summary: "Topic filters; `+` stands for one level and a last `#` for all further ones. No topic may be of two filters."},
			{Name: "session_expiry", Type: flows.TypeDuration, Default: "7d", Summary: "How long the server keeps the messages of the flow while no worker is connected."},
		},
		Example: "mqtt: {connection: plant, topics: [sites/+/alarm]}",
		New: func(a *flows.Args) (flows.Consumer, error) {
			c := &consumer{filters: a.Strings("topics"), expiry: defaultExpiry}
			if len(c.filters) == 0 {
				return nil, a.Refuse(problem.OutOfRange, "topics", "topics: expected at least one")
			}
			for i, f := range c.filters {
				if !isFilter(f) {
					return nil, a.Errorf("topics", "topics: %q is no topic filter: + is a whole level, and # the last one", f)
				}
				for _, other := range c.filters[:i] {
					if overlap(f, other) {
						return nil, a.Errorf("topics", "topics: %q and %q have topics in common, whose messages would be two runs each: one wider filter, or two flows, helps", other, f)
					}
				}
			}
			if a.Has("session_expiry") {
				if c.expiry = a.Duration("session_expiry"); c.expiry < time.Second || c.expiry > maxExpiry {
					return nil, a.Refuse(problem.OutOfRange, "session_expiry", "session_expiry: expected 1s to 365d")
				}
			}
			return c, nil
		},
	}
}

type consumer struct {
	filters []string
	expiry  time.Duration // of the session
}

const (
	defaultExpiry = 7 * 24 * time.Hour
	maxExpiry     = 365 * 24 * time.Hour
	maxPacket     = 16 << 20 // bytes; a server sends no larger packets
)

// Consume implements flows.Consumer. The session at the server has the messages, so that its client id is the same in every worker.
func (c *consumer) Consume(ctx context.Context, s flows.Subscription) error {
	mine, ok := s.Client.(*client)
	if !ok {
		return errors.New("the connection is not of the type mqtt")
	}
	messages := make(chan *paho.Publish) // the library reads ahead as many as may be in flight
	connection, err := mine.connect(ctx, c.hello(mine, s), func(ctx context.Context, p *paho.Publish) {
		select {
		case messages <- p:
		case <-ctx.Done():
		}
	})
	if err != nil {
		return err
	}
	defer connection.close()
	connected, cancel := connection.session.until(ctx)
	defer cancel()
	// At the same time: the server sends the messages of the session first, and the library does not read its answer behind more of them
	// than may be in flight.
	subscribed := make(chan error, 1)
	go func() { subscribed <- c.subscribe(connected, mine, connection) }()
	for {
		select {
		case p := <-messages: // those that the session has come before its subscriptions are confirmed
			s.Ready()
			c.deliver(connected, s, connection.session, p)
		case err := <-subscribed:
			if err != nil && connected.Err() == nil {
				return err
			}
			if err == nil {
				s.Ready()
			}
		case <-connected.Done():
			if ctx.Err() != nil {
				return nil
			}
			return mine.ended(connection)
		}
	}
}

func (c *consumer) hello(mine *client, s flows.Subscription) *paho.Connect {
	expiry, receive, size := uint32(c.expiry/time.Second), uint16(min(s.InFlight, 65535)), uint32(maxPacket)
	return &paho.Connect{ClientID: fmt.Sprintf("%s-%d", mine.id, s.Flow), Properties: &paho.ConnectProperties{
		SessionExpiryInterval: &expiry, ReceiveMaximum: &receive, MaximumPacketSize: &size,
	}}
}

// subscribe adds the filters to the session, which may have them.
func (c *consumer) subscribe(ctx context.Context, mine *client, conn *connection) error {
	wanted := &paho.Subscribe{}
	for _, f := range c.filters {
		// 1: the server sends retained messages if the session did not have the subscription (MQTT 5, section 3.8.3.1).
		wanted.Subscriptions = append(wanted.Subscriptions, paho.SubscribeOptions{Topic: f, QoS: 1, RetainHandling: 1, RetainAsPublished: true})
	}
	answer, err := conn.Subscribe(ctx, wanted)
	if answer != nil {
		for _, code := range answer.Reasons {
			if code >= 0x80 {
				return mine.refused(code)
			}
		}
	}
	if err != nil {
		return mine.failure(err)
	}
	return nil
}

// deliver hands a message over. The session may have filters of an earlier version of the flow: their messages are dropped.
func (c *consumer) deliver(ctx context.Context, s flows.Subscription, acks *session, p *paho.Publish) {
	done := acks.begin(p)
	if !c.wants(p.Topic) {
		done()
		return
	}
	m := message(p)
	m.Done = func(error) { done() }
	_ = s.Deliver(ctx, m) // its only error is that of ctx, of which the caller knows
}

// message returns a message for a run, without Done.
func message(p *paho.Publish) flows.Message {
	m := flows.Message{Body: p.Payload, Event: map[string]any{
		"topic": p.Topic, "qos": int(p.QoS), "retain": p.Retain, "response_topic": nil, "correlation_data": nil, "properties": map[string]any{},
	}}
	if p.Properties == nil {
		return m
	}
	m.ContentType = p.Properties.ContentType
	if p.Properties.ResponseTopic != "" {
		m.Event["response_topic"] = p.Properties.ResponseTopic
	}
	if len(p.Properties.CorrelationData) > 0 {
		m.Event["correlation_data"] = flows.TextOrBase64(p.Properties.CorrelationData)
	}
	m.Event["properties"] = properties(p.Properties.User)
	if key := p.Properties.User.Get(propertyKey); key != "" {
		m.Key = p.Topic + " " + key
	}
	return m
}

// properties returns user properties as values of JSON: a text, or a list of several with the same name.
func properties(all paho.UserProperties) map[string]any {
	object := map[string]any{}
	for _, p := range all {
		switch have := object[p.Key].(type) {
		case nil:
			object[p.Key] = p.Value
		case string:
			object[p.Key] = []any{have, p.Value}
		case []any:
			object[p.Key] = append(have, p.Value)
		}
	}
	return object
}
