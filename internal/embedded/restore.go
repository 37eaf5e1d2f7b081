package embedded

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
)

// restore loads the file, without keys that have expired since. When parts of it cannot be read, it loads the others,
// keeps the whole file under another name, and saves the loaded data in its place.
func (s *Server) restore() error {
	if s.config.File == "" {
		return nil
	}
	content, err := os.ReadFile(s.config.File)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read file: %w", err)
	}
	s.redis.SetTime(s.clock.last) // remaining TTLs are counted from here
	damage, err := load(context.Background(), s.client, content)
	if err != nil {
		return fmt.Errorf("restore %s: %w", s.config.File, err)
	}
	s.redis.SetTime(time.Time{})
	if len(damage) > 0 {
		return s.repair(content, damage)
	}
	s.saved.writes, s.saved.sum = s.writes.Load(), sha256.Sum256(content)
	return nil
}

// repair keeps a damaged file and saves the loaded data.
func (s *Server) repair(content []byte, damage []damagedRange) error {
	kept, err := keepDamaged(s.config.File, content, time.Now())
	if err != nil {
		return fmt.Errorf("restore %s: it is damaged at byte %d (%s), and cannot be set aside: %w", s.config.File, damage[0].from, damage[0].why, err)
	}
	lost := 0
	for _, d := range damage {
		lost += d.to - d.from
	}
	s.config.Log.Warn("the file of the embedded store is damaged; its readable part was loaded, and the damaged file is kept",
		"file", s.config.File, "kept", kept, "lost_bytes", lost, "of_bytes", len(content), "first_at_byte", damage[0].from, "why", damage[0].why)
	s.saved.writes = -1 // differs from any count, so that save writes
	if err := s.save(); err != nil {
		return errors.Join(err, os.Remove(kept)) // the damaged file is still in its place
	}
	return nil
}

// keepDamaged gives a damaged file a second name, FILE.damaged-TIME in UTC, and returns it. The file itself stays
// until another one replaces it.
func keepDamaged(file string, content []byte, now time.Time) (kept string, err error) {
	stamp := file + ".damaged-" + now.UTC().Format("20060102T150405Z")
	kept = stamp
	for n := 2; ; n++ {
		err = os.Link(file, kept)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
		kept = fmt.Sprintf("%s-%d", stamp, n)
	}
	if err != nil { // a file system without links
		err = os.WriteFile(kept, content, 0o600)
	}
	return kept, err
}

// damagedRange is a part of a file that contains no command, or one that the store rejects: the bytes from the offset
// from up to, but excluding, to.
type damagedRange struct {
	from, to int
	why      string
}

// batch is the number of commands sent at once.
const batch = 1000

// load executes the commands of a file and returns the ranges that could not be loaded. The error is that of the
// connection.
func load(ctx context.Context, client *redis.Client, content []byte) (damage []damagedRange, err error) {
	pipe := client.Pipeline()
	var places []damagedRange // ranges of the commands in pipe
	for at := 0; at < len(content); {
		args, length, failure := readCommand(content[at:])
		if failure != nil {
			next := nextCommand(content, at)
			damage = append(damage, damagedRange{at, next, failure.Error()})
			at = next
			continue
		}
		pipe.Do(ctx, args...)
		places = append(places, damagedRange{from: at, to: at + length})
		at += length
		if len(places) == batch {
			if damage, err = execute(ctx, pipe, places, damage); err != nil {
				return nil, err
			}
			places = places[:0]
		}
	}
	return execute(ctx, pipe, places, damage)
}

// execute executes the commands of a pipe and adds those that the store rejects to damage.
func execute(ctx context.Context, pipe redis.Pipeliner, places, damage []damagedRange) ([]damagedRange, error) {
	commands, err := pipe.Exec(ctx)
	var refused redis.Error
	if err != nil && !errors.As(err, &refused) {
		return nil, fmt.Errorf("run commands: %w", err)
	}
	for i, c := range commands {
		if err := c.Err(); err != nil && !errors.Is(err, redis.Nil) {
			places[i].why = err.Error()
			damage = append(damage, places[i])
		}
	}
	return damage, nil
}
