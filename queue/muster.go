package queue

import (
	"context"
	"encoding/json"
	"time"

	"github.com/redis/go-redis/v9"
)

// About is what a worker says of itself, for people.
type About struct {
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
}

// enlisted is an entry of the fleet.
type enlisted struct {
	About
	Slots int `json:"slots"`
}

// musterEvery is how often a worker asks whether it is to rest; every tenth
// time it says again who it is.
const musterEvery = time.Second

// muster keeps this worker's entry in the fleet, and does what others ask of
// it there. Its life as a worker does not hang on it: that is beat's.
func (s *Server) muster(ctx context.Context) {
	tick := time.NewTicker(musterEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		if n%10 == 0 {
			if err := s.enlist(ctx); err != nil && ctx.Err() == nil {
				s.cfg.Log.Warn("enlist worker", "error", err)
			}
		}
		s.obey(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// enlist makes the queue known, writes this worker's entry, and forgets those
// of workers that are gone.
func (s *Server) enlist(ctx context.Context) error {
	if err := s.redis.SAdd(ctx, asynqQueues, s.cfg.Queue).Err(); err != nil {
		return err
	}
	entry, err := json.Marshal(enlisted{s.cfg.About, s.cfg.Slots})
	if err != nil {
		return err
	}
	if err := s.redis.HSet(ctx, s.keys.fleet(), s.cfg.ID, entry).Err(); err != nil {
		return err
	}
	known, err := s.redis.HKeys(ctx, s.keys.fleet()).Result()
	if err != nil {
		return err
	}
	alive := make([]*redis.FloatCmd, len(known))
	pipe := s.redis.Pipeline()
	for i, id := range known {
		alive[i] = pipe.ZScore(ctx, s.keys.workers(), id)
	}
	if _, err := pipe.Exec(ctx); err != nil && !isNil(err) {
		return err
	}
	for i, id := range known {
		if isNil(alive[i].Err()) && id != s.cfg.ID {
			s.forget(ctx, id)
		}
	}
	return nil
}

// obey rests while this worker is to be drained, and works again after that.
func (s *Server) obey(ctx context.Context) {
	rest, err := s.redis.SIsMember(ctx, s.keys.drain(), s.cfg.ID).Result()
	if err == nil && s.waker.resting.Swap(rest) != rest {
		s.cfg.Log.Info("worker drained from afar", "queue", s.cfg.Queue, "rests", rest, "runs", s.held.count())
	}
}

// leave takes this worker out of the fleet.
func (s *Server) leave(ctx context.Context) { s.forget(ctx, s.cfg.ID) }

func (s *Server) forget(ctx context.Context, worker string) {
	pipe := s.redis.Pipeline()
	pipe.HDel(ctx, s.keys.fleet(), worker)
	pipe.SRem(ctx, s.keys.drain(), worker)
	if _, err := pipe.Exec(ctx); err != nil {
		s.cfg.Log.Debug("forget worker", "worker", worker, "error", err) // who enlists next does it
	}
}
