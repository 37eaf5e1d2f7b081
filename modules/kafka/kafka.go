// Package kafka has a connection, a step and a trigger for Apache Kafka.
package kafka

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows"
)

// Module returns the module.
func Module() flows.Module {
	return flows.Module{
		Kinds:       []flows.Kind{publish()},
		Connections: []flows.ConnectionType{connection()},
		Sources:     []flows.Source{source()},
	}
}

func connection() flows.ConnectionType {
	return flows.ConnectionType{
		Name: "kafka", Summary: "An Apache Kafka cluster.",
		Fields: append([]flows.ConnectionField{
			{Name: "brokers", Required: true, Summary: "Addresses of brokers, `host:port`, separated by commas."},
			{Name: "mechanism", Kind: flows.FieldChoice, Choices: []string{"plain", "scram-sha-256", "scram-sha-512"}, Default: "scram-sha-512", Summary: "How a user authenticates (SASL)."},
			{Name: "username", Summary: "User name; default: no login."},
			{Name: "password", Secret: true, Summary: "Password."},
		}, connect.TLSFields()...),
		Open: open,
	}
}

// client is the configuration of a cluster, with one producer for all steps.
type client struct {
	name    string // of the connection
	options []kgo.Opt

	mu       sync.Mutex
	producer *kgo.Client // guarded by mu; nil: not used yet
}

func open(s flows.ConnectionSettings) (flows.Client, error) {
	brokers := strings.FieldsFunc(s.Text["brokers"], func(r rune) bool { return r == ',' || r == ' ' })
	c := &client{name: s.Connection, options: []kgo.Opt{
		kgo.SeedBrokers(brokers...), kgo.ClientID("penstock"), kgo.RecordDeliveryTimeout(30 * time.Second), kgo.DialTimeout(10 * time.Second),
		kgo.RequestTimeoutOverhead(10 * time.Second), kgo.RetryTimeout(30 * time.Second),
	}}
	trust, err := connect.TLSConfig(s, "") // the name of each broker
	if err != nil {
		return nil, err
	}
	if trust != nil {
		c.options = append(c.options, kgo.DialTLSConfig(trust))
	}
	if user, password := s.Text["username"], s.Text["password"]; user != "" {
		switch login := (scram.Auth{User: user, Pass: password}); s.Text["mechanism"] {
		case "plain":
			c.options = append(c.options, kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism()))
		case "scram-sha-256":
			c.options = append(c.options, kgo.SASL(login.AsSha256Mechanism()))
		default:
			c.options = append(c.options, kgo.SASL(login.AsSha512Mechanism()))
		}
	}
	if err := kgo.ValidateOpts(c.options...); err != nil {
		return nil, errors.New("brokers are no addresses such as kafka-1:9092, kafka-2:9092")
	}
	return c, nil
}

// connect returns a client of its own, for a consumer.
func (c *client) connect(more ...kgo.Opt) (*kgo.Client, error) {
	cl, err := kgo.NewClient(append(slices.Clip(c.options), more...)...)
	if err != nil {
		return nil, connect.Failure(c.name, "the client cannot be made: %v", err)
	}
	return cl, nil
}

// produce returns the producer that all steps share.
func (c *client) produce() (*kgo.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.producer == nil {
		cl, err := c.connect()
		if err != nil {
			return nil, err
		}
		c.producer = cl
	}
	return c.producer, nil
}

// Test implements flows.Client.
func (c *client) Test(ctx context.Context) error {
	cl, err := c.connect()
	if err != nil {
		return err
	}
	defer cl.Close()
	return c.failure(cl.Ping(ctx))
}

// Close implements flows.Client.
func (c *client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.producer != nil {
		c.producer.Close()
	}
	return nil
}

// failure describes an error of the library; nil for nil.
func (c *client) failure(err error) error {
	var answer *kerr.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return connect.Failure(c.name, "the brokers refuse the login")
	case errors.As(err, &answer):
		e := connect.Failure(c.name, "the brokers answer %s: %s", answer.Message, strings.TrimSuffix(answer.Description, "."))
		if answer.Retriable {
			e.Class = flows.ClassNetwork
		}
		return e
	case errors.Is(err, kgo.ErrRecordTimeout), errors.Is(err, kgo.ErrRecordRetries):
		e := connect.Failure(c.name, "the brokers did not take the message in time")
		e.Class = flows.ClassTimeout
		return e
	}
	return connect.Unreachable(c.name, "Kafka", err)
}
