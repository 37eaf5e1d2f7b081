package mqtt

import (
	"context"
	"time"

	"github.com/eclipse/paho.golang/paho"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

func publish() flows.Kind {
	return flows.Kind{
		Name:    "mqtt",
		Summary: "Sends a message to a topic of MQTT.",
		Doc: "With `qos: 1` the server has the message when the step ends, with `qos: 2` it has it once from this attempt, with `qos: 0` it may be lost. The item becomes `{topic}`; " +
			"`as` keeps the item. A server does not tell whether anybody is subscribed.\n\n" +
			"The user property `idempotency-key` is equal in every attempt of the run. The server does not drop a repeated message, so that a run whose worker was lost " +
			"between the sending and its record fails as uncertain; with `effect: idempotent` it sends again, for receivers that look at the property and for retained values.",
		Params: []flows.Param{
			{Name: "topic", Type: flows.TypeTemplate, Required: true, Inline: true, Summary: "The topic, without wildcards. A value of `${ }` within it is one level; a text that is one `${ }` is a whole topic, which does not begin with `$`."},
			{Name: "connection", Type: flows.TypeString, Required: true, Names: flows.ResourceConnection, Summary: "Name of an mqtt connection."},
			{Name: "body", Type: flows.TypeTemplate, Default: "the item", Summary: "The body of the message: a text as it is, anything else as JSON."},
			{Name: "properties", Type: flows.TypeFields, Summary: "User properties of the message: texts without line breaks and other control characters."},
			{Name: "qos", Type: flows.TypeInt, Default: "1", Summary: "Quality of service: 0, 1 or 2."},
			{Name: "retain", Type: flows.TypeBool, Default: "false", Summary: "Whether the server keeps the message as the topic's last one, for those who subscribe later. An empty body deletes it."},
			{Name: "expiry", Type: flows.TypeDuration, Default: "none", Summary: "How long the server keeps the message for subscribers that are not connected."},
		},
		Example: "mqtt: sites/${ .site }/setpoint\nconnection: plant\nbody: {celsius: \"${ .celsius }\"}\nretain: true",
		Effect:  flows.Once,
		New: func(a *flows.Args) (flows.Runner, error) {
			s := &publishStep{
				connection: a.String("connection"), qos: 1, retain: a.Bool("retain"), topic: a.Template("topic"), body: a.Template("body"), properties: a.Fields("properties"),
			}
			if a.Has("qos") {
				if s.qos = a.Int("qos"); s.qos < 0 || s.qos > 2 {
					return nil, a.Errorf("qos", "qos: expected 0, 1 or 2")
				}
			}
			if a.Has("expiry") {
				if s.expiry = a.Duration("expiry"); s.expiry < time.Second || s.expiry > maxExpiry {
					return nil, a.Refuse(problem.OutOfRange, "expiry", "expiry: expected 1s to 365d")
				}
			}
			return s, nil
		},
	}
}

type publishStep struct {
	connection  string
	qos         int
	retain      bool
	expiry      time.Duration // 0: none
	topic, body *flows.Template
	properties  []flows.Field
}

// Run implements flows.Runner.
func (s *publishStep) Run(ctx context.Context, in *flows.Input) ([]any, error) {
	message, err := s.render(ctx, in)
	if err != nil {
		return nil, err
	}
	c, release, err := flows.ClientOf[*client](ctx, in.Env(), s.connection)
	if err != nil {
		return nil, err
	}
	defer release()
	conn, err := c.shared(ctx)
	if err != nil {
		return nil, err
	}
	if !conn.allows(message) {
		return nil, connect.Failure(c.name, "the message is larger than the server allows")
	}
	connected, cancel := conn.session.until(ctx)
	defer cancel()
	answer, err := conn.Publish(connected, message)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case answer != nil && answer.ReasonCode >= 0x80:
		return nil, c.refused(answer.ReasonCode)
	case err != nil && conn.session.isEnded():
		return nil, c.ended(conn)
	case err != nil:
		return nil, c.failure(err)
	}
	return []any{map[string]any{"topic": message.Topic}}, nil
}

func (s *publishStep) render(ctx context.Context, in *flows.Input) (*paho.Publish, error) {
	topic, err := s.topic.Name(ctx, in, "topic", topicRules)
	if err != nil {
		return nil, err
	}
	if !isTopic(topic) {
		return nil, flows.Failed("topic: expected a text of at most 65535 bytes and 200 levels without the wildcards + and #, control characters and non-characters of Unicode")
	}
	body, contentType, err := flows.MessageBody(ctx, in, s.body)
	if err != nil {
		return nil, err
	}
	text := byte(1) // the body is UTF-8
	p := &paho.PublishProperties{ContentType: contentType, PayloadFormat: &text}
	if s.expiry > 0 {
		seconds := uint32(s.expiry / time.Second)
		p.MessageExpiry = &seconds
	}
	p.User.Add(propertyKey, in.RunKey())
	for _, f := range s.properties {
		value, err := f.Value.Text(ctx, in)
		if err != nil {
			return nil, err
		}
		if !isString(value) || !isString(f.Name) {
			return nil, flows.Failed("properties: %.100q and its value: expected at most 65535 bytes, without control characters, line breaks and non-characters of Unicode, of which MQTT takes none", f.Name)
		}
		p.User.Add(f.Name, value)
	}
	return &paho.Publish{QoS: byte(s.qos), Retain: s.retain, Topic: topic, Payload: body, Properties: p}, nil
}
