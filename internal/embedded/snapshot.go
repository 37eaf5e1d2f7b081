package embedded

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/alicebob/miniredis/v2/server"
)

// saveCommand is ours. Called from a script it runs while the script holds
// the store's lock, so its view of all keys is one moment.
const saveCommand = "PENSTOCK.SAVE"

const saveScript = "return redis.call('" + saveCommand + "')"

// snapshot is what is known of the file's content.
type snapshot struct {
	writes int64             // Server.writes when it was taken
	sum    [sha256.Size]byte // of the content
	buffer bytes.Buffer      // the content while it is written; kept for its capacity
}

// countWrites sees every command before it runs, those of scripts and
// transactions too. A blocked command changes the store only when another
// command lets it, which is counted.
func (s *Server) countWrites(_ *server.Peer, cmd string, _ ...string) bool {
	switch cmd {
	case "EVAL", "EVALSHA", saveCommand: // what they call is counted
	default:
		if !s.redis.IsReadOnlyCommand(cmd) {
			s.writes.Add(1)
		}
	}
	return false
}

// save writes the file if the store's content differs from it. Keys that
// merely expired are no reason to write: the file knows when they end.
func (s *Server) save() error {
	writes := s.writes.Load()
	if s.config.File == "" || writes == s.saved.writes {
		return nil
	}
	s.saved.buffer.Reset()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.client.Eval(ctx, saveScript, nil).Err(); err != nil {
		return fmt.Errorf("take snapshot: %w", err)
	}
	sum := sha256.Sum256(s.saved.buffer.Bytes())
	if sum != s.saved.sum {
		if err := replaceFile(s.config.File, s.saved.buffer.Bytes()); err != nil {
			return err
		}
	}
	s.saved.writes, s.saved.sum = writes, sum
	return nil
}

// replaceFile leaves the old content or the new one, never a part.
func replaceFile(name string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.tmp") // mode 0600
	if err != nil {
		return fmt.Errorf("create file: %w", err)
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write file: %w", err)
	}
	return syncDir(filepath.Dir(name))
}

// syncDir makes a rename in a directory outlast a loss of power. File systems
// that cannot do so for directories are left alone.
func syncDir(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return nil // it may be written to and not read
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, os.ErrInvalid) {
		return fmt.Errorf("write file: %w", err)
	}
	return nil
}

// dump is saveCommand: it writes the commands that make the store again.
func (s *Server) dump(c *server.Peer, _ string, _ []string) {
	d := dumper{call: func(args ...string) (any, error) { return call(s.redis.Server(), c, args) }, base: s.clock.last}
	if err := d.all(&s.saved.buffer); err != nil {
		c.WriteError("ERR " + err.Error())
		return
	}
	c.WriteOK()
}

// call runs a command with the rights and the lock of c, the peer of a script.
func call(srv *server.Server, c *server.Peer, args []string) (any, error) {
	var reply bytes.Buffer
	w := bufio.NewWriter(&reply)
	peer := server.NewPeer(w)
	peer.Ctx = c.Ctx
	srv.Dispatch(peer, args)
	if err := w.Flush(); err != nil {
		return nil, err
	}
	return server.ParseReply(bufio.NewReader(&reply))
}
