package embedded

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2/server"

	"github.com/penstock/penstock/internal/atomicfile"
)

// saveCommand is a command of ours. A script calls it while holding the store's lock, so that it reads all keys at
// one moment.
const saveCommand = "PENSTOCK.SAVE"

const saveScript = "return redis.call('" + saveCommand + "')"

// snapshot describes the content of the file.
type snapshot struct {
	writes int64             // Server.writes at the snapshot
	sum    [sha256.Size]byte // hash of the content
	buffer bytes.Buffer      // the content while it is written; kept for its capacity
}

// countWrites is called before every command, including those of scripts and transactions. A blocked command changes
// the store only after another command, which is counted.
func (s *Server) countWrites(_ *server.Peer, cmd string, _ ...string) bool {
	switch cmd {
	case "EVAL", "EVALSHA", saveCommand: // the commands that they call are counted
	default:
		if !s.redis.IsReadOnlyCommand(cmd) {
			s.writes.Add(1)
		}
	}
	return false
}

// save writes the file if the content of the store differs. Expired keys alone are no reason to write, because the
// file contains their expiry.
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
		if err := atomicfile.Replace(s.config.File, s.saved.buffer.Bytes(), 0o600); err != nil {
			return err
		}
	}
	s.saved.writes, s.saved.sum = writes, sum
	return nil
}

// dump implements saveCommand: it writes the commands that recreate the store.
func (s *Server) dump(c *server.Peer, _ string, _ []string) {
	d := dumper{call: func(args ...string) (any, error) { return call(s.redis.Server(), c, args) }, base: s.clock.last}
	if err := d.all(&s.saved.buffer); err != nil {
		c.WriteError("ERR " + err.Error())
		return
	}
	c.WriteOK()
}

// call executes a command with the rights and the lock of c, the peer of a script.
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
