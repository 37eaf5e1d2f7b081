// Package embedded runs an in-process Redis-compatible server for
// development, kept in a file between starts.
//
// It is miniredis with what a long-lived process needs around it: TTLs that
// pass, a password, and a file. It is no production store: one Go mutex
// guards everything, and a kill -9 loses what happened since the last save.
package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// DefaultSaveEvery is how often changes reach the file.
const DefaultSaveEvery = time.Second

// Config is what a Server needs.
type Config struct {
	// File keeps the data between starts: a Redis append-only file of plain
	// commands, so that `redis-cli --pipe` can load it into a real Redis.
	// Empty: memory only. Its directory must exist.
	File string
	// SaveEvery is the pause between saves of a changed store. Zero: one
	// second. A save that takes long makes the pause longer: saving takes at
	// most a twentieth of the time.
	SaveEvery time.Duration
	// Log gets warnings about damaged files and saves that failed. Required.
	Log *slog.Logger
}

// Server is a running embedded store. Its methods are safe for concurrent use.
type Server struct {
	config   Config
	redis    *miniredis.Miniredis
	client   *redis.Client
	password string
	release  func() // gives up the lock on the file
	stop     context.CancelFunc
	done     chan struct{}
	closing  sync.Once
	closeErr error

	writes atomic.Int64 // write commands seen by the hook

	// Owned by the loop goroutine, and by Close once the loop has ended.
	clock clock
	saved snapshot
}

// Start restores the file, if there is one, and listens on a free loopback
// port. Of a damaged file it loads what can be read and keeps a copy beside it,
// see restore. It fails when the file cannot be read or another process uses it.
func Start(config Config) (_ *Server, err error) {
	if config.Log == nil {
		return nil, errors.New("start embedded store: no logger")
	}
	if config.SaveEvery == 0 {
		config.SaveEvery = DefaultSaveEvery
	}
	s := &Server{config: config, password: rand.Text(), release: func() {}, done: make(chan struct{})}
	if config.File != "" {
		if s.release, err = lockFile(config.File + ".lock"); err != nil {
			return nil, fmt.Errorf("start embedded store: %w", err)
		}
	}
	if err := s.listen(); err != nil {
		s.release()
		return nil, fmt.Errorf("start embedded store: %w", err)
	}
	if err := s.restore(); err != nil {
		s.shutdown()
		return nil, fmt.Errorf("start embedded store: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	go s.loop(ctx)
	return s, nil
}

func (s *Server) listen() error {
	s.redis = miniredis.NewMiniRedis()
	s.redis.RequireAuth(s.password)
	if err := s.redis.StartAddr("127.0.0.1:0"); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.redis.Server().SetPreHook(s.countWrites)
	if err := s.redis.Server().Register(saveCommand, s.dump); err != nil {
		s.redis.Close()
		return fmt.Errorf("register %s: %w", saveCommand, err)
	}
	s.client = redis.NewClient(s.Options())
	s.clock = clock{last: wallClock()}
	return nil
}

// Options says how to connect. The caller may change the returned value.
func (s *Server) Options() *redis.Options {
	return &redis.Options{Addr: s.redis.Addr(), Password: s.password}
}

// URL says how to connect, password included, as the product's settings do.
func (s *Server) URL() string { return "redis://:" + s.password + "@" + s.redis.Addr() }

// Close saves what changed and stops the server. Clients must be closed
// before: the store does not take writes of theirs after the last save.
func (s *Server) Close() error {
	s.closing.Do(func() {
		s.stop()
		<-s.done
		s.closeErr = s.save()
		s.shutdown()
	})
	return s.closeErr
}

func (s *Server) shutdown() {
	_ = s.client.Close()
	s.redis.Close()
	s.release()
}

// loop lets time pass and saves. Both happen in this one goroutine, so a
// snapshot always sees TTLs that belong to s.clock.last.
func (s *Server) loop(ctx context.Context) {
	defer close(s.done)
	tick := time.NewTimer(0)
	defer tick.Stop()
	nextSave := time.Now().Add(s.config.SaveEvery)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		tick.Reset(s.clock.advance(s.redis))
		if now := time.Now(); now.After(nextSave) {
			if err := s.save(); err != nil {
				s.config.Log.Error("the embedded store was not saved", "file", s.config.File, "error", err)
			}
			nextSave = time.Now().Add(max(s.config.SaveEvery, 20*time.Since(now)))
		}
	}
}
