package probe

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/store"
)

// mostAnswered is the number of questions that a worker answers at once. Others leave further ones to other workers.
const mostAnswered = 4

// Resolver contacts the servers of connections. *connect.Resolver implements it.
type Resolver interface {
	Test(ctx context.Context, name, target string) (said string, err error)
	Redeem(ctx context.Context, c *store.Connection, k connect.Consent, code string) (refreshToken string, err error)
}

// Connections reads connections. *store.Connections implements it.
type Connections interface {
	Connection(ctx context.Context, name string) (*store.Connection, error)
}

// ServerConfig configures a Server. All fields are required.
type ServerConfig struct {
	Redis       redis.UniversalClient // not closed
	Sealer      Sealer
	Resolver    Resolver
	Connections Connections
	Worker      string // name of this process for people, such as "host/pid"
	Log         *slog.Logger
}

// Server answers the questions of API processes with the network of this process.
type Server struct {
	config ServerConfig
	places chan struct{}
}

// NewServer returns a Server.
func NewServer(config ServerConfig) *Server {
	return &Server{config, make(chan struct{}, mostAnswered)}
}

// Run answers questions until ctx ends, and waits for those that it has taken.
func (s *Server) Run(ctx context.Context) error {
	sub := subscribe(ctx, s.config.Redis)
	defer sub.Close()
	var under sync.WaitGroup
	defer under.Wait()
	messages := sub.Channel()
	for {
		select {
		case <-ctx.Done():
			return nil
		case m, open := <-messages:
			if !open {
				return nil
			}
			s.receive(ctx, &under, m.Payload)
		}
	}
}

// receive takes a question if there is a place for it and no other worker has taken it.
func (s *Server) receive(ctx context.Context, under *sync.WaitGroup, text string) {
	var q question
	if json.Unmarshal([]byte(text), &q) != nil || q.ID == "" || len(q.ID) > 64 {
		return // of a later version
	}
	select {
	case s.places <- struct{}{}:
	default:
		return
	}
	under.Go(func() {
		defer func() { <-s.places }()
		limit := min(MaxLimit, time.Duration(q.Limit)*time.Millisecond)
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		mine, err := s.config.Redis.SetNX(ctx, keyTaken(q.ID), s.config.Worker, keptFor).Result()
		if err != nil || !mine {
			return
		}
		if err := s.reply(ctx, &q); err != nil {
			s.config.Log.Warn("a question about a connection was not answered", "error", err)
		}
	})
}

// reply answers a question.
func (s *Server) reply(ctx context.Context, q *question) error {
	a := s.answer(ctx, q)
	a.Worker = s.config.Worker
	sealed, err := sealJSON(s.config.Sealer, recordOfAnswer(q.ID), a)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second) // its own limit may be over
	defer cancel()
	pipe := s.config.Redis.Pipeline()
	pipe.RPush(ctx, keyAnswer(q.ID), sealed)
	pipe.Expire(ctx, keyAnswer(q.ID), keptFor)
	_, err = pipe.Exec(ctx)
	return err
}

func (s *Server) answer(ctx context.Context, q *question) answer {
	var about content
	if err := unsealJSON(s.config.Sealer, recordOfQuestion(q.ID), q.Sealed, &about); err != nil {
		return answer{Failed: "the worker cannot read the question: " + err.Error()}
	}
	if about.Code == "" {
		said, err := s.config.Resolver.Test(ctx, about.Connection, about.Target)
		return result(answer{Said: said}, err)
	}
	c, err := s.config.Connections.Connection(ctx, about.Connection)
	if err == nil && c.Version != about.Version {
		err = errors.New("the connection was changed in between: authorise it again")
	}
	if err != nil {
		return result(answer{}, err)
	}
	token, err := s.config.Resolver.Redeem(ctx, c, about.Consent, about.Code)
	return result(answer{Token: token}, err)
}

// result returns an answer, or what is wrong.
func result(a answer, err error) answer {
	if err != nil {
		return answer{Failed: err.Error()}
	}
	return a
}
