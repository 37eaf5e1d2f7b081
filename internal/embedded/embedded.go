// Package embedded runs an in-process Redis-compatible server for development, saved in a file between starts.
//
// It is miniredis with expiry, a password, and a file. It is not a production store: one mutex guards everything, and
// a kill -9 loses the changes since the last save.
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

// DefaultSaveEvery is the default interval of saves.
const DefaultSaveEvery = time.Second

// Config configures a Server.
type Config struct {
	// File stores the data between starts: a Redis append-only file of plain commands, which `redis-cli --pipe` can
	// load into a real Redis. Empty: memory only. Its directory must exist.
	File string
	// SaveEvery is the pause between saves of a changed store. Zero means one second. After a slow save the pause is
	// longer: saving takes at most a twentieth of the time.
	SaveEvery time.Duration
	// Log receives warnings about damaged files and failed saves. Required.
	Log *slog.Logger
}

// Server is a running embedded store. Its methods are safe for concurrent use.
type Server struct {
	config   Config
	redis    *miniredis.Miniredis
	client   *redis.Client
	password string
	release  func() // releases the lock on the file
	stop     context.CancelFunc
	done     chan struct{}
	closing  sync.Once
	closeErr error

	writes atomic.Int64 // write commands counted by the hook

	// Owned by the loop goroutine, and by Close after the end of the loop.
	clock clock
	saved snapshot
}

// Start restores the file, if it exists, and listens on a free loopback port. It loads the readable parts of a
// damaged file and keeps a copy of it, see restore. It fails when the file cannot be read or another process uses it.
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

// Options returns the options for a client. The caller may modify the returned value.
func (s *Server) Options() *redis.Options {
	return &redis.Options{Addr: s.redis.Addr(), Password: s.password}
}

// URL returns the URL for a client, with the password, as in the product's settings.
func (s *Server) URL() string { return "redis://:" + s.password + "@" + s.redis.Addr() }

// Close saves changes and stops the server. Clients must be closed before it: the store loses their writes after the
// last save.
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

// loop expires keys and saves. Both happen in this one goroutine, so that the TTLs of a snapshot always refer to
// s.clock.last.
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
