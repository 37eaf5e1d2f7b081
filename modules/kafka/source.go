package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

func source() flows.Source {
	return flows.Source{
		Name:    "kafka",
		Summary: "Messages of topics of Kafka.",
		Doc: "The workers are one consumer group, among which Kafka divides the partitions. Messages of one partition are accepted in their order. The event is " +
			"`{topic, partition, offset, key, headers, timestamp, body}`; a message is known by topic, partition and offset. Kafka has no dead letters: a message " +
			"whose run failed is committed like any other, and the failed run has it.",
		Params: []flows.Param{
			{Name: "topics", Type: flows.TypeStrings, Required: true, Summary: "Names of the topics."},
			{Name: "group", Type: flows.TypeString, Default: "penstock-NUMBER of the flow", Summary: "Name of the consumer group."},
			{Name: "from", Type: flows.TypeEnum, Enum: []string{"earliest", "latest"}, Default: "earliest", Summary: "Where a group begins that has committed nothing."},
		},
		Example: "kafka: {connection: bus, topics: [orders, returns]}",
		New: func(a *flows.Args) (flows.Consumer, error) {
			c := &consumer{topics: a.Strings("topics"), group: a.String("group"), from: kgo.NewOffset().AtStart()}
			if a.String("from") == "latest" {
				c.from = kgo.NewOffset().AtEnd()
			}
			if len(c.topics) == 0 {
				return nil, a.Refuse(problem.OutOfRange, "topics", "topics: expected at least one")
			}
			for _, name := range c.topics {
				if !isTopic(name) {
					return nil, a.Refuse(problem.BadName, "topics", "topics: %.100q is no name: expected at most 249 letters, digits, dots, underscores and hyphens", name)
				}
			}
			return c, nil
		},
	}
}

type consumer struct {
	topics []string
	group  string // empty: one of the flow's own
	from   kgo.Offset
}

const (
	commitEvery = time.Second
	// sessionLimit is how long after the loss of a worker another one gets its partitions.
	sessionLimit = 15 * time.Second
	commitLimit  = 5 * time.Second // for what is done when the consumer ends
	maxFetch     = 16 << 20        // bytes of messages that are read ahead
)

// Consume implements flows.Consumer.
func (c *consumer) Consume(ctx context.Context, s flows.Subscription) error {
	mine, ok := s.Client.(*client)
	if !ok {
		return errors.New("the connection is not of the type kafka")
	}
	offsets := &offsets{}
	cl, err := mine.connect(
		kgo.ConsumeTopics(c.topics...), kgo.ConsumerGroup(cmp.Or(c.group, fmt.Sprintf("penstock-%d", s.Flow))), kgo.ConsumeResetOffset(c.from),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxBytes(maxFetch), kgo.MaxConcurrentFetches(1),
		kgo.SessionTimeout(sessionLimit), kgo.RebalanceTimeout(sessionLimit), kgo.HeartbeatInterval(sessionLimit/5),
		kgo.AutoCommitMarks(), kgo.AutoCommitInterval(commitEvery),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { s.Ready() }),
		kgo.OnPartitionsRevoked(func(ctx context.Context, cl *kgo.Client, lost map[string][]int32) {
			_ = cl.CommitMarkedOffsets(ctx) // what is not committed is delivered again, and known
			offsets.forget(lost)
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) { offsets.forget(lost) }),
	)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitLimit)
		defer cancel()
		_ = cl.CommitMarkedOffsets(ctx)
		cl.Close()
	}()
	for {
		fetches := cl.PollRecords(ctx, s.InFlight)
		if ctx.Err() != nil {
			return nil
		}
		if err := fetches.Err0(); err != nil {
			return mine.failure(err)
		}
		for _, e := range fetches.Errors() {
			return mine.failure(e.Err)
		}
		for records := fetches.RecordIter(); !records.Done(); {
			r := records.Next()
			done := offsets.begin(r)
			if err := s.Deliver(ctx, message(r, func(error) { cl.MarkCommitRecords(done()...) })); err != nil {
				return nil // ctx ended
			}
		}
	}
}

func message(r *kgo.Record, done func(error)) flows.Message {
	m := flows.Message{Key: fmt.Sprintf("%s %d %d", r.Topic, r.Partition, r.Offset), Body: r.Value, Done: done}
	headers := map[string]any{}
	for _, h := range r.Headers {
		headers[h.Key] = flows.TextOrBase64(h.Value)
		if strings.EqualFold(h.Key, "content-type") {
			m.ContentType = string(h.Value)
		}
	}
	m.Event = map[string]any{
		"topic": r.Topic, "partition": int(r.Partition), "offset": int(r.Offset), "headers": headers, "key": nil,
		"timestamp": r.Timestamp.UTC().Format(time.RFC3339Nano),
	}
	if r.Key != nil {
		m.Event["key"] = flows.TextOrBase64(r.Key)
	}
	return m
}

// offsets are the messages of each partition that are not committed: Kafka commits all up to an offset, so that one which is
// not done holds back those after it.
type offsets struct {
	mu    sync.Mutex
	parts map[string]map[int32]*partition // guarded by mu, with what is in it
}

// partition has the messages that were delivered and not marked, in their order.
type partition struct{ open []*delivered }

type delivered struct {
	*kgo.Record
	done bool
}

// begin adds a message. The returned function says that it is done, and returns what may be committed with it: the last message
// before which none is left.
func (o *offsets) begin(r *kgo.Record) (done func() []*kgo.Record) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.parts == nil {
		o.parts = map[string]map[int32]*partition{}
	}
	if o.parts[r.Topic] == nil {
		o.parts[r.Topic] = map[int32]*partition{}
	}
	p := o.parts[r.Topic][r.Partition]
	if p == nil {
		p = &partition{}
		o.parts[r.Topic][r.Partition] = p
	}
	d := &delivered{Record: r}
	p.open = append(p.open, d)
	return func() (last []*kgo.Record) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if d.done = true; o.parts[r.Topic][r.Partition] != p { // another consumer has the partition
			return nil
		}
		for len(p.open) > 0 && p.open[0].done {
			last, p.open = []*kgo.Record{p.open[0].Record}, p.open[1:]
		}
		return last
	}
}

// forget drops partitions that another consumer has got.
func (o *offsets) forget(lost map[string][]int32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for topic, parts := range lost {
		for _, p := range parts {
			delete(o.parts[topic], p)
		}
	}
}
